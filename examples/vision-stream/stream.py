"""Frames of several cameras: taken in by one deployment, held in a bounded queue, looked at by another on a GPU."""

import asyncio
import base64
import binascii
import time
from typing import Any

import numpy as np
import torch
from network import SIZE, Detector
from ray import serve
from ray.serve.handle import DeploymentHandle
from ray.serve.metrics import Counter, Histogram
from starlette.requests import Request
from starlette.responses import JSONResponse

MILLISECONDS = [2, 5, 10, 20, 30, 50, 100, 200, 500, 1000, 5000]


@serve.deployment(max_ongoing_requests=4)
class Detection:
    """Boxes around vehicles.

    Args:
        weights: The file that ``train.py`` wrote.
    """

    def __init__(self, weights: str) -> None:
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self.network = Detector()
        self.network.load_state_dict(torch.load(weights, map_location=self.device, weights_only=True))
        self.network.to(self.device).eval()

    async def detect(self, frames: np.ndarray) -> list[list[list[float]]]:
        """The boxes of each of [n, 64, 64] frames."""
        return await asyncio.to_thread(self.compute, frames)

    def compute(self, frames: np.ndarray) -> list[list[list[float]]]:
        """In a thread: health checks are answered meanwhile."""
        return self.network.detect(torch.from_numpy(frames.copy()).to(self.device))


@serve.deployment(max_ongoing_requests=10_000)
class Ingestion:
    """Answers ``{"camera": ..., "frame": base64 of 64 x 64 bytes}`` with ``{"boxes": [...], "milliseconds": ...}``.

    A burst waits in the queue and loses no frame. When the queue is full, a frame is refused with 429 and counted: a
    camera that goes on regardless should send its newest frame then.

    Args:
        detection: Who looks at frames.
        queue: How many frames may wait.
        batch: How many are looked at together, at most.
    """

    async def __init__(self, detection: DeploymentHandle, queue: int, batch: int) -> None:
        self.detection, self.batch = detection, batch
        self.queue: asyncio.Queue[tuple[np.ndarray, asyncio.Future]] = asyncio.Queue(queue)
        self.answered = Histogram("frame_milliseconds", "From arrival to boxes.", MILLISECONDS, ("camera",))
        self.refused = Counter("frames_refused", "Frames for which the queue had no place.", ("camera",))
        self.looking = asyncio.get_running_loop().create_task(self.look())

    async def __call__(self, request: Request) -> JSONResponse:
        """Answer one frame."""
        since = time.perf_counter()
        try:
            body = await request.json()
            camera, frame = str(body["camera"]), base64.b64decode(body["frame"], validate=True)
            pixels = np.frombuffer(frame, np.uint8).reshape(SIZE, SIZE)
        except (KeyError, TypeError, ValueError, binascii.Error):
            error = f'send {{"camera": name, "frame": base64 of {SIZE} x {SIZE} bytes}}'
            return JSONResponse({"error": error}, status_code=422)
        boxes: asyncio.Future = asyncio.get_running_loop().create_future()
        try:
            self.queue.put_nowait((pixels, boxes))
        except asyncio.QueueFull:
            self.refused.inc(tags={"camera": camera})
            return JSONResponse({"error": "the queue is full"}, status_code=429, headers={"retry-after": "1"})
        found = await boxes
        took = 1000 * (time.perf_counter() - since)
        self.answered.observe(took, tags={"camera": camera})
        return JSONResponse({"boxes": found, "milliseconds": round(took, 1)})

    async def look(self) -> None:
        """Hand over what waits, in order, as many frames at once as there are."""
        while True:
            waiting = [await self.queue.get()]
            while len(waiting) < self.batch and not self.queue.empty():
                waiting.append(self.queue.get_nowait())
            try:
                found = await self.detection.detect.remote(np.stack([pixels for pixels, _ in waiting]))
            except Exception as error:  # noqa: BLE001 - it belongs to those who wait
                for _, boxes in waiting:
                    if not boxes.done():
                        boxes.set_exception(error)
                continue
            for (_, boxes), told in zip(waiting, found, strict=True):
                if not boxes.done():  # the camera has gone
                    boxes.set_result(told)

    async def check_health(self) -> None:
        """Called by Serve: without its task the replica answers nobody."""
        if self.looking.done():
            raise RuntimeError("nobody looks at frames any more")


def build(args: dict[str, Any]) -> serve.Application:
    """The application; args: ``weights``, ``queue`` and ``batch``."""
    return Ingestion.bind(Detection.bind(args["weights"]), int(args.get("queue", 256)), int(args.get("batch", 16)))

"""Digits in images: batches of 8, on a GPU where the replica has one."""

import asyncio
from typing import Any

import numpy as np
import torch
from network import SimpleCNN
from ray import serve
from starlette.requests import Request
from starlette.responses import JSONResponse

SHAPE = (3, 32, 32)


@serve.deployment(max_ongoing_requests=64)
class ImageClassifier:
    """Answers ``{"image": [[[...]]]}``, channels first, with ``{"probs": [...]}``, one for each digit.

    Args:
        weights: The file that ``train.py`` wrote.
    """

    def __init__(self, weights: str) -> None:
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self.network = SimpleCNN()
        self.network.load_state_dict(torch.load(weights, map_location=self.device, weights_only=True))
        self.network.to(self.device).eval()

    async def __call__(self, request: Request) -> JSONResponse:
        """Answer one request."""
        try:
            image = np.asarray((await request.json())["image"], dtype=np.float32)
        except (KeyError, TypeError, ValueError):
            return JSONResponse({"error": 'send {"image": ...} with numbers'}, status_code=422)
        if image.shape != SHAPE:
            error = f"expected an image of shape {list(SHAPE)}, got {list(image.shape)}"
            return JSONResponse({"error": error}, status_code=422)
        return JSONResponse({"probs": await self.classify(image)})

    @serve.batch(max_batch_size=8, batch_wait_timeout_s=0.01)
    async def classify(self, images: list[np.ndarray]) -> list[list[float]]:
        """Probabilities for each image of a batch."""
        return await asyncio.to_thread(self.compute, np.stack(images))

    def compute(self, batch: np.ndarray) -> list[list[float]]:
        """The network's, in a thread: health checks are answered meanwhile."""
        with torch.inference_mode():
            return self.network(torch.from_numpy(batch).to(self.device)).softmax(1).tolist()


def build(args: dict[str, Any]) -> serve.Application:
    """The application; args: ``weights``."""
    return ImageClassifier.bind(args["weights"])

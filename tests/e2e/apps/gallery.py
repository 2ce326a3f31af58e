"""Applications by the topics of Ray Serve's guide, as its users write them: nothing here knows where it runs.

`app` is one application of several deployments behind a FastAPI ingress; `blocking` computes where it is called.
"""

import asyncio
import ctypes
import hashlib
import importlib
import itertools
import json
import os
import threading
import time
from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Header, HTTPException, WebSocket, WebSocketDisconnect
from fastapi.responses import StreamingResponse
from ray import serve
from ray.serve.handle import DeploymentHandle, DeploymentResponse
from starlette.requests import Request

# A part of a CPU each, so that all of them fit into one.
PART = {"num_cpus": 0.1}
MIB = 2**20


@serve.deployment(ray_actor_options=PART)
class Maker:
    """Makes payloads."""

    def __call__(self, mebibytes: int) -> bytes:
        """So many MiB."""
        return bytes(range(256)) * (mebibytes * MIB // 256)


@serve.deployment(ray_actor_options=PART)
class Measurer:
    """Measures payloads."""

    def __call__(self, payload: bytes) -> dict[str, object]:
        """How much came, and what."""
        return {"bytes": len(payload), "sha256": hashlib.sha256(payload).hexdigest()}


@serve.deployment(ray_actor_options=PART, max_ongoing_requests=64)
class Batched:
    """Answers in batches."""

    @serve.batch(max_batch_size=8, batch_wait_timeout_s=0.2)
    async def __call__(self, numbers: list[int]) -> list[dict[str, int]]:
        """The square of each, and how many came together."""
        return [{"square": number * number, "batch": len(numbers)} for number in numbers]


@serve.deployment(ray_actor_options=PART)
class Multiplexed:
    """Has two models loaded at most."""

    def __init__(self) -> None:
        self.loads = 0

    @serve.multiplexed(max_num_models_per_replica=2)
    async def model(self, model_id: str) -> int:
        """Load one: it multiplies by the length of its name."""
        self.loads += 1
        return len(model_id)

    async def __call__(self, number: int) -> dict[str, object]:
        """Ask the model that the caller has named."""
        model_id = serve.get_multiplexed_model_id()
        return {"model": model_id, "result": number * await self.model(model_id), "loads": self.loads}


@serve.deployment(ray_actor_options=PART, user_config={"greeting": "hello", "times": 2})
class Configured:
    """Takes its settings from `user_config`."""

    def __init__(self) -> None:
        self.words: list[str] = []

    def reconfigure(self, config: dict[str, Any]) -> None:
        """Take them over."""
        self.words = [config["greeting"]] * config["times"]

    def __call__(self) -> str:
        """What they make."""
        return " ".join(self.words)


# An interpreter of the image's with a package that the others lack (Dockerfile).
APART = {"py_executable": "/opt/apart/bin/python", "env_vars": {"APART": "a variable of its own"}}


@serve.deployment(ray_actor_options={**PART, "runtime_env": APART})
class Apart:
    """Runs in an environment of its own."""

    def __call__(self) -> list[str]:
        """What is there and nowhere else."""
        return [importlib.import_module("apart").WHAT, os.environ["APART"]]


@serve.deployment(ray_actor_options=PART)
class Speaker:
    """A language model of two dozen words, which tells word after word."""

    TEXT = "the model serves the request and the request waits for the model that serves the next word of the answer ."

    def __init__(self) -> None:
        words = self.TEXT.split()
        self.next: dict[str, list[str]] = {}
        for word, following in itertools.pairwise(words):
            self.next.setdefault(word, []).append(following)

    async def __call__(self, prompt: str, tokens: int, pause: float) -> AsyncIterator[str]:
        """So many tokens after the last word of a prompt."""
        word = prompt.rsplit(maxsplit=1)[-1] if prompt.split() else "the"
        for number in range(tokens):
            options = self.next.get(word, ["the"])
            word = options[number % len(options)]
            await asyncio.sleep(pause)
            yield word


api = FastAPI()
numbers = APIRouter(prefix="/numbers", tags=["numbers"])


async def caller(authorization: Annotated[str | None, Header()] = None) -> str:
    """Who asks: a dependency."""
    if not authorization:
        raise HTTPException(401, "say who you are")
    return authorization.removeprefix("Bearer ")


@numbers.get("/{number}/double")
async def double(number: int, who: Annotated[str, Depends(caller)]) -> dict[str, object]:
    """Behind a router with a prefix, a path parameter and a dependency."""
    return {"result": 2 * number, "for": who}


api.include_router(numbers)


@api.get("/events")
async def events(count: int = 5, pause: float = 0.1, *, fail: bool = False) -> StreamingResponse:
    """Server-sent events; with `fail` the last one raises."""

    async def stream() -> AsyncIterator[str]:
        for number in range(count):
            await asyncio.sleep(pause)
            if fail and number == count - 1:
                raise RuntimeError("the stream broke")
            yield f"data: {number}\n\n"

    return StreamingResponse(stream(), media_type="text/event-stream")


@api.get("/lines")
def lines(count: int = 5) -> StreamingResponse:
    """A stream of a generator that is not async."""

    def stream() -> Iterator[str]:
        for number in range(count):
            yield f"{number}\n"

    return StreamingResponse(stream(), media_type="text/plain")


@api.websocket("/ws")
async def echo(socket: WebSocket) -> None:
    """Say what is heard, until the other side hangs up."""
    await socket.accept()
    try:
        while True:
            await socket.send_text((await socket.receive_text())[::-1])
    except WebSocketDisconnect:
        return


# Above what uses it: `serve.ingress` keeps a copy of the routes with what they know by then.
async def _chunks(words: AsyncIterator[str], model: str) -> AsyncIterator[str]:
    async for word in words:
        choice = {"index": 0, "delta": {"content": f"{word} "}, "finish_reason": None}
        yield f"data: {json.dumps({'object': 'chat.completion.chunk', 'model': model, 'choices': [choice]})}\n\n"
    yield "data: [DONE]\n\n"


@serve.deployment(max_ongoing_requests=100, ray_actor_options=PART)
@serve.ingress(api)
class Gallery:
    """The ingress: routes of its own, and handles to all the others."""

    def __init__(self, **parts: DeploymentHandle) -> None:
        self.parts = parts

    @api.get("/payload")
    async def payload(self, mebibytes: int) -> Any:
        """A payload goes from one deployment to another, without passing here."""
        made: DeploymentResponse = self.parts["maker"].remote(mebibytes)
        return await self.parts["measurer"].remote(made)

    @api.get("/square")
    async def square(self, number: int) -> Any:
        """One of a batch."""
        return await self.parts["batched"].remote(number)

    @api.get("/multiplexed")
    async def multiplexed(self, number: int) -> Any:
        """Hand on which model is meant."""
        named = self.parts["multiplexed"].options(multiplexed_model_id=serve.get_multiplexed_model_id())
        return await named.remote(number)

    @api.get("/greeting")
    async def greeting(self) -> Any:
        """What `user_config` makes."""
        return await self.parts["configured"].remote()

    @api.get("/apart")
    async def apart(self) -> Any:
        """What an environment of its own has."""
        return await self.parts["apart"].remote()

    @api.post("/v1/chat/completions")
    async def chat(self, body: dict[str, Any]) -> Any:
        """As OpenAI's clients ask for it, streamed or whole."""
        speaker = self.parts["speaker"].options(stream=True)
        words = speaker.remote(body["messages"][-1]["content"], body.get("max_tokens", 8), body.get("pause", 0.0))
        if body.get("stream"):
            return StreamingResponse(_chunks(words, body["model"]), media_type="text/event-stream")
        text = " ".join([word async for word in words])
        message = {"role": "assistant", "content": text}
        return {"object": "chat.completion", "model": body["model"], "choices": [{"index": 0, "message": message}]}


class Blocking:
    """Computes where it is called, as users' handlers do, and says how many it has answered."""

    def __init__(self) -> None:
        self.answered = 0

    def __call__(self, request: Request) -> dict[str, object]:
        """Block for ?seconds= in one of the ways of WAYS."""
        seconds, way = float(request.query_params.get("seconds", "0")), request.query_params.get("way", "sleep")
        WAYS[way](seconds)
        self.answered += 1
        return {"seconds": seconds, "thread": threading.current_thread().name, "answered": self.answered}


def _spin(seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass


def _lock(seconds: float) -> None:
    """As an extension that keeps the interpreter's lock: no other thread of the process runs meanwhile."""
    ctypes.PyDLL(None).usleep(int(seconds * 1e6))


WAYS = {"sleep": time.sleep, "spin": _spin, "lock": _lock}

app = Gallery.bind(
    maker=Maker.bind(),
    measurer=Measurer.bind(),
    batched=Batched.bind(),
    multiplexed=Multiplexed.bind(),
    configured=Configured.bind(),
    apart=Apart.bind(),
    speaker=Speaker.bind(),
)
# It would scale itself under `serve run`.
SCALES = {"min_replicas": 1, "max_replicas": 3, "target_ongoing_requests": 1, "upscale_delay_s": 1}
# A whole CPU, as where nothing is said: of parts of one, Serve would put both replicas into one Pod.
blocking = serve.deployment(max_ongoing_requests=20, autoscaling_config=SCALES)(Blocking).bind()

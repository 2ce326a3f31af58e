"""Serve applications that go wrong, each in one way, or as told. Only the end-to-end tests use them."""

import asyncio
import os
import threading
import time
from collections.abc import AsyncIterator

from ray import serve
from ray.serve.handle import DeploymentHandle
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse


class Raises:
    """Its constructor raises."""

    def __init__(self) -> None:
        raise ValueError("the vocabulary file is empty")


class Hangs:
    """Its constructor never returns."""

    def __init__(self) -> None:
        threading.Event().wait()


class Hungry:
    """Its constructor takes more memory than it is given, so slowly that Ray's monitor sees it before the kernel."""

    def __init__(self) -> None:
        self.held: list[bytearray] = []
        while True:
            self.held.append(bytearray(b"x" * 2**20))
            time.sleep(0.01)


class Redirects:
    """Sends everybody, and with them the warm-up's headers and body, to another address."""

    async def __call__(self, _: Request) -> Response:
        """Answer 307."""
        return Response(status_code=307, headers={"Location": "http://kubernetes.default.svc/"})


class Knobs:
    """Answers {"name": ..., "num": ..., "predictions": [...]}, as well as it is told to; `num` is 0 where none is sent.

    Args:
        name: what it answers with.
        fail: share of requests that are answered 500, evenly: with 0.2 every fifth.
        delay: seconds that an answer takes.
        die_after: requests after which its process ends; 0 for never.
        differs: the last so many of every hundred values of `num` get another prediction.
    """

    def __init__(
        self, name: str = "a", fail: float = 0.0, delay: float = 0.0, die_after: int = 0, differs: int = 0
    ) -> None:
        self._name = name
        self._fail = fail
        self._delay = delay
        self._die_after = die_after
        self._differs = differs
        self._answered = 0

    async def __call__(self, request: Request) -> Response:
        """Answer one request; below /stream with one line a second, five of them."""
        if request.url.path == "/stream":
            return StreamingResponse(lines())
        body = await request.json()
        await asyncio.sleep(self._delay)
        self._answered += 1
        if self._answered == self._die_after:
            os._exit(1)
        if int(self._answered * self._fail) > int((self._answered - 1) * self._fail):
            return JSONResponse({"error": "the knob says so"}, 500)
        num = body.get("num", 0)
        label = "other" if num % 100 >= 100 - self._differs else "same"
        return JSONResponse({"name": self._name, "num": num, "predictions": [label]})


class Echo:
    """Answers what it sees of the request."""

    async def __call__(self, request: Request) -> Response:
        """Answer any method, at any path."""
        body, query = await request.body(), request.scope["query_string"].decode()
        seen = {
            "method": request.method,
            "path": request.scope["raw_path"].decode() + (f"?{query}" if query else ""),
            "bytes": len(body),
            "scheme": request.url.scheme,
            "headers": dict(request.headers),
        }
        return JSONResponse(seen)


async def lines() -> AsyncIterator[str]:
    """Five lines, one a second."""
    for number in range(5):
        yield f"{number}\n"
        await asyncio.sleep(1)


def knobs(args: dict[str, object]) -> serve.Application:
    """Build the application from `app.args`."""
    return serve.deployment(max_ongoing_requests=100)(Knobs).bind(**args)


class Environment:
    """Answers the variables of its process that are asked for, and says in which Pod."""

    async def __call__(self, request: Request) -> dict[str, str | None]:
        """Answer {"names": [...]} with the value of each."""
        names = [*(await request.json())["names"], "RAY_CLOUD_INSTANCE_ID"]
        return {name: os.environ.get(name) for name in names}


class Scorer:
    """Takes `seconds` for each number, and says in which Pod it did."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    async def __call__(self, num: int) -> dict[str, object]:
        await asyncio.sleep(self._seconds)
        return {"result": num * num, "pod": os.environ["RAY_CLOUD_INSTANCE_ID"]}


class Front:
    """Answers requests, and lets a scorer do the work."""

    def __init__(self, scorer: DeploymentHandle) -> None:
        self._scorer = scorer

    async def __call__(self, request: Request) -> Response:
        """Answer {"num": 7} with {"result": 49}, and tell both Pods in headers."""
        found = await self._scorer.remote((await request.json())["num"])
        pods = {"x-front": os.environ["RAY_CLOUD_INSTANCE_ID"], "x-scorer": found["pod"]}
        return JSONResponse({"result": found["result"]}, headers=pods)


def pipeline(args: dict[str, float]) -> serve.Application:
    """Build an application of two deployments from `app.args`."""
    scorer = serve.deployment(max_ongoing_requests=5)(Scorer).bind(**args)
    return serve.deployment(max_ongoing_requests=100)(Front).bind(scorer)


environment = serve.deployment(Environment).bind()
echo = serve.deployment(max_ongoing_requests=100)(Echo).bind()
redirects = serve.deployment(Redirects).bind()
raises = serve.deployment(Raises).bind()
hangs = serve.deployment(Hangs).bind()
hungry = serve.deployment(Hungry).bind()

"""A replica behind a router, whose misbehaviour a test decides."""

import asyncio
import gzip
import json
from collections.abc import Callable, Mapping
from typing import Any, cast

from aiohttp import web

from fakes.ports import free_port

Predict = Callable[[Any], Any]
CHUNK = 64 * 1024
STATUS = {"overloaded": 503, "fail": 500}


class Replica:
    """A model replica: `healthy` decides its health check, `mode` what becomes of a request.

    In the mode `stream` it answers in parts, each after so many seconds of `parts`, and then ends, or breaks off.
    """

    def __init__(self, host: str = "127.0.0.1") -> None:
        self.host = host
        self.port = free_port()
        self.healthy = True
        self.mode = "answer"
        self.parts: tuple[float, ...] = ()
        self.breaks_off = False
        self.release = asyncio.Event()
        self.arrived = 0
        self.checked = 0
        self.predict: Predict | None = None
        self.seen: Mapping[str, str] = {}
        self.callers: set[object] = set()
        self.cancelled = 0
        self.streamed = 0
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        app = web.Application(client_max_size=1 << 30)
        app.router.add_get("/-/healthz", self._health)
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(
            app, access_log=None, shutdown_timeout=0, handler_cancellation=True, auto_decompress=False
        )
        await self._runner.setup()
        await web.TCPSite(self._runner, self.host, self.port).start()

    async def stop(self) -> None:
        self.release.set()
        if self._runner:
            await self._runner.cleanup()
            self._runner = None

    async def _health(self, _: web.Request) -> web.Response:
        self.checked += 1
        return web.Response(status=200 if self.healthy else 503)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.arrived += 1
        self.seen = {name.lower(): value for name, value in request.headers.items()}
        self.callers.add(request.transport.get_extra_info("peername") if request.transport else None)
        if request.headers.get("upgrade") == "websocket":
            return await self._echo(request)
        if self.mode == "unread" and request.transport:
            transport = cast("asyncio.ReadTransport", request.transport)
            transport.pause_reading()
            await self.release.wait()
            transport.resume_reading()
        body = await request.read()
        if self.mode == "stream":
            return await self._stream(request)
        if self.mode == "hold":
            await self._until_released()
        if self.mode == "endless":
            return await self._endless(request)
        if self.mode == "abort" and request.transport:
            request.transport.abort()
        if self.predict:
            return web.json_response({"predictions": self.predict(json.loads(body))})
        seen = {"port": self.port, "method": request.method, "path": request.raw_path, "bytes": len(body)}
        seen["headers"] = dict(request.headers)
        status = STATUS.get(self.mode, 200)
        own = {"server": "replica", "x-eagleray-version": "forged", "set-cookie": "own=1"}
        if self.mode == "packed":
            own |= {"content-encoding": "gzip", "content-type": "application/json"}
            return web.Response(body=gzip.compress(json.dumps(seen).encode()), headers=own)
        return web.json_response(seen, status=status, headers=own)

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for pause in self.parts:
            await asyncio.sleep(pause)
            await response.write(b"part\n")
        if self.breaks_off and request.transport:
            request.transport.abort()
        return response

    async def _until_released(self) -> None:
        try:
            await self.release.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise

    async def _endless(self, request: web.Request) -> web.StreamResponse:
        """As much as is taken."""
        stream = web.StreamResponse()
        await stream.prepare(request)
        while not self.release.is_set():
            await stream.write(b"x" * CHUNK)
            self.streamed += CHUNK
        return stream

    async def _echo(self, request: web.Request) -> web.WebSocketResponse:
        socket_ = web.WebSocketResponse()
        await socket_.prepare(request)
        async for message in socket_:
            await socket_.send_str(message.data)
        return socket_

"""What the tests of the one way out ask, and whom."""

import asyncio

from aiohttp import web
from aiohttp.test_utils import BaseTestServer, TestServer

from eagleray.peers.address import http_url
from eagleray.peers.fence import Fence
from eagleray.peers.http import Request
from eagleray.peers.shape import loads, mapping

LOOPBACK = "127.0.0.1"


class OnLoopback(Fence):
    """Keeps all from users but what tests listen at."""

    def is_closed(self, address: str) -> bool:
        return address != LOOPBACK and super().is_closed(address)


def request(port: int, path: str = "/", seconds: float = 30.0, *, quotes: bool = False) -> Request:
    return Request(peer="a peer", url=http_url(LOOPBACK, port, path), seconds=seconds, quotes=quotes)


def as_object(body: bytes) -> object:
    return dict(mapping(loads(body), "it"))


class Gate:
    """Keeps requests waiting until it is opened, and counts them."""

    def __init__(self) -> None:
        self.entered = 0
        self.most = 0
        self.opened = asyncio.Event()
        self._changed = asyncio.Condition()

    async def handle(self, _: web.Request) -> web.StreamResponse:
        async with self._changed:
            self.entered += 1
            self.most = max(self.most, self.entered)
            self._changed.notify_all()
        await self.opened.wait()
        self.entered -= 1
        return web.json_response({})

    async def until(self, entered: int) -> None:
        async with asyncio.timeout(60), self._changed:
            await self._changed.wait_for(lambda: self.entered == entered)


def serving(handler: object) -> TestServer:
    app = web.Application(client_max_size=2**30)
    app.router.add_route("*", "/{path:.*}", handler)  # type: ignore[arg-type]
    return TestServer(app)


def port_of(server: BaseTestServer) -> int:
    assert server.port is not None
    return server.port

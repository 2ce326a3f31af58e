"""Looks at what is mounted from time to time, and says on loopback what is wrong with it."""

import asyncio

from aiohttp import web

from eagleray_credentials.maker import Maker

PATH = "/credentials"
POLL_SECONDS = 0.5
_LOOPBACK = "127.0.0.1"


class Server:
    """Serves until `stop`.

    Args:
        maker: makes the files.
        port: where it is read what is wrong.
    """

    def __init__(self, maker: Maker, port: int) -> None:
        self._maker = maker
        self._port = port
        app = web.Application()
        app.router.add_get(PATH, self._problems)
        self._web = web.AppRunner(app, access_log=None)
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Make the files, and open the door."""
        self._maker.make()
        await self._web.setup()
        await web.TCPSite(self._web, _LOOPBACK, self._port).start()
        self._tasks = [asyncio.create_task(each) for each in (self._again(), self._fetch())]
        for task in self._tasks:
            task.add_done_callback(_ended)

    async def stop(self) -> None:
        """Close it; the files stay, as Envoy may still read them."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._web.cleanup()

    async def _again(self) -> None:
        while True:
            await asyncio.sleep(POLL_SECONDS)
            self._maker.make()

    async def _fetch(self) -> None:
        while True:
            await self._maker.fetch()
            await asyncio.sleep(POLL_SECONDS)

    async def _problems(self, _: web.Request) -> web.Response:
        return web.json_response({"problems": self._maker.problems, "closed": self._maker.closed})


def _ended(watch: asyncio.Task[None]) -> None:
    """A watch that broke ends the program, which its supervisor starts again."""
    if not watch.cancelled():
        asyncio.get_running_loop().call_exception_handler(
            {"message": "the watch broke", "exception": watch.exception()}
        )
        raise SystemExit(1)

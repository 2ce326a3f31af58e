"""python -m bench.scale.node ACCESS PORT: the stub node, in a process of its own, so that its CPU is nobody's."""

import argparse
import asyncio
import signal
from pathlib import Path

import orjson
from aiohttp import web

from bench.scale.api import Access, Api
from bench.scale.kubelet import Kubelet, make_nodes
from bench.scale.peers import Handler, Peers, listening
from bench.scale.world import World


async def run(access: Access, port: int) -> None:
    """Run until SIGTERM.

    Args:
        access: how to reach the API server.
        port: of loopback, where it says what its Pods were asked.
    """
    world, stop = World(), asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with Api(access) as api, Peers(world).serve(), listening("127.0.0.1", port, _teller(world)):
        await make_nodes(api)
        kubelet = asyncio.create_task(Kubelet(api, world).run())
        stopped = asyncio.create_task(stop.wait())
        done, _ = await asyncio.wait({kubelet, stopped}, return_when=asyncio.FIRST_COMPLETED)
        kubelet.cancel()
        if kubelet in done:
            await kubelet


def _teller(world: World) -> Handler:
    async def tell(_: web.BaseRequest) -> web.Response:
        asked = {f"{namespace}/{name}": when for (namespace, name), when in world.asked.items()}
        body = orjson.dumps({"asked": asked, "questions": world.questions, "pods": len(world.by_ip)})
        return web.Response(body=body, content_type="application/json")

    return tell


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("access", type=Path, help="the file with the way to the API server")
    parser.add_argument("port", type=int, help="where to tell what Pods were asked")
    options = parser.parse_args()
    asyncio.run(run(Access.load(options.access), options.port))


if __name__ == "__main__":
    main()

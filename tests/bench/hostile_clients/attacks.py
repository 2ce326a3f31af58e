"""The attacks, at full size."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, nullcontext
from dataclasses import dataclass

from fakes import hostile_clients as hostile
from fakes.hostile_clients import Client, Sent, at_work

MIB = 1024 * 1024
# Each of these processes has a limit of open files of its own.
PROCESSES, CONNECTIONS = 4, 5000
_CONNECT = f"""
import asyncio, sys
from fakes import hostile_clients as hostile
async def main():
    async with hostile.at_work(hostile.kept, int(sys.argv[1]), {CONNECTIONS}):
        await asyncio.to_thread(sys.stdin.read)
asyncio.run(main())
"""
At = Callable[[int], AbstractAsyncContextManager[object]]


@dataclass(frozen=True, slots=True)
class Attack:
    """What is done to a router.

    Attributes:
        what: in a few words.
        mode: what its replicas do with requests of the version that is attacked.
        at: brings the clients to work at the router's port.
    """

    what: str
    mode: str
    at: At


def _many(client: Client, count: int) -> At:
    return lambda port: at_work(client, port, count)


@asynccontextmanager
async def _connections(port: int) -> AsyncIterator[None]:
    command = (sys.executable, "-c", _CONNECT, str(port))
    started = [await asyncio.create_subprocess_exec(*command, stdin=subprocess.PIPE) for _ in range(PROCESSES)]
    try:
        yield
    finally:
        for process in started:
            process.kill()
            await process.wait()


@asynccontextmanager
async def _both_versions(port: int) -> AsyncIterator[list[Sent]]:
    async with AsyncExitStack() as stack:
        clients = [hostile.streams(100, MIB, version) for version in "ab"]
        yield [await stack.enter_async_context(at_work(client, port, 60)) for client in clients]


NONE = Attack("nobody", "answer", lambda _: nullcontext())
ATTACKS = (
    Attack("130 POSTs of 4 MiB at slow replicas", "unread", _many(hostile.uploads(4 * MIB, chunked=False), 130)),
    Attack("40 bodies in chunks of 31 MiB", "unread", _many(hostile.uploads(31 * MIB, chunked=True), 40)),
    Attack("2,000 uploads at once", "unread", _many(hostile.uploads(MIB, chunked=False), 2000)),
    Attack("12,000 requests of HTTP/2 for two versions", "unread", _both_versions),
    Attack("2,000 bodies of a byte a second", "answer", _many(hostile.slow_body, 2000)),
    Attack("2,000 readers that do not read", "endless", _many(hostile.slow_reader, 2000)),
    Attack("4,000 silent connections", "answer", _many(hostile.silent, 4000)),
    Attack("20,000 connections that are kept", "answer", _connections),
    Attack("rapid reset of HTTP/2, 16 clients", "answer", _many(hostile.rapid_reset, 16)),
)

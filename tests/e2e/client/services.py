"""Asks the gRPC service of tests/e2e/apps/services.py: python services.py ADDRESS [--seconds N].

Asks each kind of call again and again, 4 at a time, for so long, each kind once at least. Prints
{"calls": how many, "wrong": {kind: the first that went wrong}, "editions": who answered}.
"""

import argparse
import asyncio
import itertools
import json
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

import grpc
from ray.serve.generated.serve_pb2 import UserDefinedMessage, UserDefinedMessage2
from ray.serve.generated.serve_pb2_grpc import UserDefinedServiceStub

CALL_SECONDS, CALLERS = 60, 4
Kind = Callable[[Any], Awaitable[None]]
EDITIONS: set[str] = set()


def message(name: str, number: int) -> Any:
    """What is sent."""
    return UserDefinedMessage(name=name, foo="me", num=number)


async def unary(stub: Any) -> None:
    """One for one."""
    found = await stub.__call__(message("you", 21), timeout=CALL_SECONDS)
    assert (found.greeting, found.num_x2) == ("Hello you from me", 42), found


async def status(stub: Any) -> None:
    """Code and words of the service's own."""
    try:
        await stub.Method1(message("it", 0), timeout=CALL_SECONDS)
    except grpc.aio.AioRpcError as error:
        found = error.code().name, error.details()
        assert found[0] == "FAILED_PRECONDITION", found
        assert "it is not ready" in (found[1] or ""), found
    else:
        raise AssertionError("answered")


async def edition(stub: Any) -> None:
    """Who answers."""
    EDITIONS.add((await stub.Method2(UserDefinedMessage2(), timeout=CALL_SECONDS)).greeting)


async def streaming(stub: Any) -> None:
    """Many for one."""
    found = [each.num_x2 async for each in stub.Streaming(message("s", 20), timeout=CALL_SECONDS)]
    assert found == [2 * n for n in range(20)], found


async def client_streaming(stub: Any) -> None:
    """One for many."""
    found = await stub.ClientStreaming((message(name, 5) for name in "abc"), timeout=CALL_SECONDS)
    assert (found.greeting, found.num_x2) == ("a b c", 30), found


async def both_streaming(stub: Any) -> None:
    """One for each, before the next is sent."""
    call = stub.BidiStreaming(timeout=CALL_SECONDS)
    for number in range(5):
        await call.write(message("b", number))
        found = await call.read()
        assert found.num_x2 == 2 * number, found
    await call.done_writing()
    assert await call.read() == grpc.aio.EOF


KINDS: tuple[Kind, ...] = (unary, status, edition, streaming, client_streaming, both_streaming)


async def run(address: str, seconds: float) -> dict[str, Any]:
    """Ask all of them."""
    until, calls, wrong = time.monotonic() + seconds, itertools.count(), dict[str, str]()

    async def caller(stub: Any) -> None:
        first = True
        while first or time.monotonic() < until:
            first = False
            for kind in KINDS:
                try:
                    await kind(stub)
                except (AssertionError, grpc.aio.AioRpcError) as error:
                    wrong.setdefault(kind.__name__, f"{error!r}"[:500])
                next(calls)

    async with grpc.aio.insecure_channel(address) as channel:
        stub = UserDefinedServiceStub(channel)
        await asyncio.gather(*(caller(stub) for _ in range(CALLERS)))
    return {"calls": next(calls), "wrong": wrong, "editions": sorted(EDITIONS)}


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("address")
    parser.add_argument("--seconds", type=float, default=0)
    args = parser.parse_args()
    sys.stdout.write(json.dumps(asyncio.run(run(args.address, args.seconds))) + "\n")


if __name__ == "__main__":
    main()

"""gRPC services of an application: calls of every kind pass a real Envoy as they are, to replicas that speak it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import grpc
import pytest

from fakes.grpc_server import serving
from unit.router.envoy_rig import Rig, Router, routed, target

SERVES_OWN, SERVICE, WELL = "ray.serve.RayServeAPIService", "demo.Words", b"success"


@dataclass
class Replica:
    """What Serve's gRPC server is for one replica: the user's service, and a call of its own for health."""

    drains: bool = False

    async def healthz(self, _: bytes, context: Any) -> bytes:
        """As Serve answers it: a message, and a status in the trailers."""
        if self.drains:
            context.set_code(grpc.StatusCode.UNAVAILABLE)
        message = b"DRAINING" if self.drains else WELL
        # A HealthzResponse: its first field is a text.
        return b"\x0a" + bytes([len(message)]) + message

    async def upper(self, word: bytes, context: Any) -> bytes:
        """One for one; a word that names a status fails with it."""
        if word.isupper():
            await context.abort(grpc.StatusCode[word.decode()], "as asked")
        context.set_trailing_metadata((("length", str(len(word))),))
        return word.upper()

    async def letters(self, word: bytes, _: Any) -> AsyncIterator[bytes]:
        """Many for one."""
        for letter in word:
            yield bytes([letter])

    async def joined(self, words: AsyncIterator[bytes], _: Any) -> bytes:
        """One for many."""
        return b" ".join([word async for word in words])

    async def echo(self, words: AsyncIterator[bytes], _: Any) -> AsyncIterator[bytes]:
        """One for each, as it comes."""
        async for word in words:
            yield word

    async def start(self, stack: AsyncExitStack) -> int:
        """Serve it until the stack ends; its port."""
        own = {"Healthz": grpc.unary_unary_rpc_method_handler(self.healthz)}
        users = {
            "Upper": grpc.unary_unary_rpc_method_handler(self.upper),
            "Letters": grpc.unary_stream_rpc_method_handler(self.letters),
            "Joined": grpc.stream_unary_rpc_method_handler(self.joined),
            "Echo": grpc.stream_stream_rpc_method_handler(self.echo),
        }
        address = await stack.enter_async_context(serving({SERVES_OWN: own, SERVICE: users}))
        return int(address.rpartition(":")[2])


@pytest.fixture
async def replica() -> Replica:
    return Replica()


@pytest.fixture
async def router(rig: Rig, replica: Replica) -> AsyncIterator[Router]:
    """A router to the service, and to a revision without share whose replica speaks HTTP."""
    other = await rig.replica()
    async with AsyncExitStack() as stack:
        ports = (await replica.start(stack),)
        service = replace(target("m-a", ports=ports, model=False), calls=True)
        found = await rig.router(routed({service: 100, target("m-b", other): 0}))
        await found.until_answering("m-a", "m-b")
        yield found


@pytest.fixture
async def channel(router: Router) -> AsyncIterator[grpc.aio.Channel]:
    async with grpc.aio.insecure_channel(router.url.removeprefix("http://")) as found:
        yield found


def test_serve_says_that_it_is_well_as_the_router_expects_it() -> None:
    """Read, not imported: Serve's modules warn of themselves."""
    spec = find_spec("ray")
    assert spec is not None
    folder = Path(spec.origin or "").parent / "serve/_private"
    constants, replica = ((folder / name).read_text() for name in ("constants.py", "replica.py"))
    assert f'HEALTHY_MESSAGE = "{WELL.decode()}"' in constants
    assert 'message = "DRAINING"' in replica
    assert f'service_method == "/{SERVES_OWN}/Healthz"' in replica


async def test_calls_of_every_kind_pass_message_by_message(channel: grpc.aio.Channel) -> None:
    upper = channel.unary_unary(f"/{SERVICE}/Upper")(b"word")
    assert await upper == b"WORD"
    assert dict(await upper.trailing_metadata())["length"] == "4"
    assert dict(await upper.initial_metadata())["x-eagleray-revision"] == "m-a"
    assert [letter async for letter in channel.unary_stream(f"/{SERVICE}/Letters")(b"abc")] == [b"a", b"b", b"c"]
    assert await channel.stream_unary(f"/{SERVICE}/Joined")(iter([b"a", b"b"])) == b"a b"
    echo = channel.stream_stream(f"/{SERVICE}/Echo")()
    for word in (b"one", b"", b"x" * 2**20):
        await echo.write(word)
        assert await echo.read() == word
    await echo.done_writing()
    assert await echo.read() == grpc.aio.EOF


async def test_a_large_message_is_taken_whole(channel: grpc.aio.Channel) -> None:
    large = b"a" * (3 * 2**20)
    assert await channel.unary_unary(f"/{SERVICE}/Upper")(large) == large.upper()


async def test_statuses_are_the_services_own_and_its_faults_are_counted(
    channel: grpc.aio.Channel, router: Router, rig: Rig
) -> None:
    before = (await router.stats()).revisions["m-a"]
    for status in ("INVALID_ARGUMENT", "INTERNAL", "UNAVAILABLE", "INTERNAL"):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await channel.unary_unary(f"/{SERVICE}/Upper")(status.encode())
        assert (caught.value.code().name, caught.value.details()) == (status, "as asked")

    async def counted() -> bool:
        now = (await router.stats()).revisions["m-a"]
        return (now.requests - before.requests, now.errors - before.errors) == (4, 3)

    await rig.until(counted)


async def test_one_that_drains_is_left_and_then_the_call_says_that_nobody_answers(
    channel: grpc.aio.Channel, router: Router, replica: Replica
) -> None:
    before = (await router.stats()).revisions["m-a"].errors
    replica.drains = True
    await router.until_healthy("m-a", 0)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await channel.unary_unary(f"/{SERVICE}/Upper")(b"word")
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    assert "NoHealthyReplica" in (caught.value.details() or "")
    assert (await router.stats()).revisions["m-a"].errors == before + 1
    replica.drains = False
    await router.until_healthy("m-a", 1)


async def test_requests_for_a_revision_beside_it_are_those_of_http(router: Router) -> None:
    answer = await router.ask(data=b"x", headers={"x-eagleray-revision": "m-b"})
    assert (answer.status, answer.revision) == (200, "m-b")


async def test_many_calls_share_the_replicas_in_time(channel: grpc.aio.Channel) -> None:
    upper = channel.unary_unary(f"/{SERVICE}/Upper")
    words = [f"w{n}".encode() for n in range(300)]
    assert await asyncio.gather(*(upper(word) for word in words)) == [word.upper() for word in words]

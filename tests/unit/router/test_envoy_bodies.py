"""How large a request may be, by its length and in chunks; and what a router keeps of it: proved on a real Envoy."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from eagleray.domain.actions.router_config import RouterConfig
from eagleray.router.bodies import MAX_BODY_HEADER
from eagleray_serving import bodies
from unit.router.envoy_rig import Rig, Router, routed, target

MIB = 1024 * 1024
PIECE = b"x" * 65536


async def chunks(size: int, piece: bytes = PIECE) -> AsyncIterator[bytes]:
    for _ in range(size // len(piece)):
        yield piece


async def test_a_body_over_the_limit_is_refused_whether_it_says_its_length_or_not(rig: Rig) -> None:
    replica = await rig.replica()
    router = await rig.router(routed({target("m-a", replica): 100}, max_request_bytes=1000))
    await router.until_healthy("m-a", 1)
    for body in (b"x" * 1000, chunks(1000, b"x" * 100)):
        answer = await router.ask(data=body)
        assert (answer.status, answer.json["bytes"]) == (200, 1000)
    for body in (b"x" * 1001, chunks(1100, b"x" * 100)):
        refused = await router.ask("/?token=secret", data=body)
        assert (refused.status, refused.reason) == (413, "RequestTooLarge")
        assert "more than 1000 bytes" in refused.json["error"]["message"]
    assert "secret" not in router.problems()


@pytest.mark.parametrize("size", [33 * MIB, 99 * MIB])
async def test_a_body_in_chunks_may_be_as_large_as_any_other(rig: Rig, size: int) -> None:
    replica = await rig.replica()
    router = await rig.router(routed({target("m-a", replica): 100}))
    answer = await router.ask(data=chunks(size))
    assert (answer.status, answer.json["bytes"]) == (200, size)


@pytest.mark.parametrize("model", [True, False])
async def test_our_own_server_is_told_what_the_router_takes_and_an_application_nothing(
    rig: Rig, *, model: bool
) -> None:
    replica = await rig.replica()
    router = await rig.router(routed({target("m-a", replica, model=model): 100}, max_request_bytes=1000))
    assert (await router.ask(headers={MAX_BODY_HEADER: "1"})).status == 200
    assert replica.seen.get(MAX_BODY_HEADER) == ("1000" if model else None)


def test_what_is_told_is_what_is_read_there() -> None:
    assert bodies.MAX_BODY_HEADER == MAX_BODY_HEADER
    assert RouterConfig("m", "ns").max_request_bytes == bodies.MAX_BODY_BYTES


@pytest.mark.parametrize(
    ("limits", "largest", "most"), [({}, 60, 100), ({"max_header_bytes": 128 * 1024, "max_headers": 300}, 128, 300)]
)
async def test_headers_are_bounded_together_and_in_number_and_the_bounds_are_told(
    rig: Rig, limits: dict[str, Any], largest: int, most: int
) -> None:
    router = await rig.router(RouterConfig("m", "ns", **limits))
    size, few = largest * 1024 - 1024, most - 20
    for sent, status in (
        ({"x-large": "x" * size}, 503),
        ({"x-large": "x" * (size + 2048)}, 431),
        ({f"x-{n}": "1" for n in range(few)}, 503),
        ({f"x-{n}": "1" for n in range(most + 1)}, 431),
    ):
        reply = await asked_plainly(router, sent)
        assert reply.startswith(b"HTTP/1.1 %d" % status), (len(sent), reply[:200])
        if status == 431:
            assert b"more than %d, or than %d bytes" % (most, largest * 1024) in reply
            assert b"HeadersTooLarge" in reply


async def asked_plainly(router: Router, headers: dict[str, str]) -> bytes:
    """The answer to a request with these headers, which no replica bounds; what is too large is not read to its end."""
    reader, writer = await asyncio.open_connection("127.0.0.1", router.layout.http_port)
    lines = ["GET / HTTP/1.1", "Host: m", "Connection: close", *(f"{name}: {value}" for name, value in headers.items())]
    with contextlib.closing(writer):
        writer.write("\r\n".join([*lines, "", ""]).encode())
        answer = b""
        with contextlib.suppress(ConnectionResetError):
            while part := await reader.read(65536):
                answer += part
        return answer

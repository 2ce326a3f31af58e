"""Answers that come in parts: what bounds them, and what a client sees of their end."""

import asyncio

import aiohttp
import pytest

from eagleray.domain.actions.router_config import StreamClock
from unit.router.envoy_rig import Rig, Router, routed, target

LONG = (0.1,) * 8
CLOCK = StreamClock(first_byte=0.3, silence=0.4)


async def streamed(rig: Rig, router: Router) -> tuple[int, bytes, bool]:
    """Status, what came, and whether the client saw it end as it should."""
    came = b""
    async with rig.session.post(router.url) as answer:
        try:
            async for part in answer.content.iter_any():
                came += part
        except aiohttp.ClientPayloadError:
            return answer.status, came, False
        return answer.status, came, True


@pytest.mark.parametrize(
    ("stream", "parts", "breaks_off", "expected"),
    [
        (None, LONG, False, (200, 4, False)),
        (CLOCK, LONG, False, (200, 8, True)),
        (CLOCK, (0.1, 0.1, 5.0), False, (200, 2, False)),
        (CLOCK, (0.1, 0.1), True, (200, 2, False)),
        (None, (0.1, 0.1), True, (200, 2, False)),
    ],
    ids=["request timeout", "goes on", "silent", "breaks off", "breaks off in time"],
)
async def test_how_a_stream_ends(
    stream: StreamClock | None,
    parts: tuple[float, ...],
    breaks_off: bool,  # noqa: FBT001 -- a column of the table
    expected: tuple[int, int, bool],
    rig: Rig,
) -> None:
    replica = await rig.replica()
    replica.mode, replica.parts, replica.breaks_off = "stream", parts, breaks_off
    router = await rig.router(routed({target("m-a", replica): 100}, request_timeout=0.5, stream=stream))
    status, came, whole = await streamed(rig, router)
    parts_came = came.count(b"part")
    assert (status, whole) == (expected[0], expected[2])
    assert parts_came == expected[1] or (stream is None and not breaks_off and parts_came < len(parts))


async def test_an_answer_that_does_not_begin_is_504_and_asked_for_once(rig: Rig) -> None:
    replica = await rig.replica()
    replica.mode = "hold"
    router = await rig.router(routed({target("m-a", replica): 100}, request_timeout=30, stream=CLOCK))
    late = await router.ask()
    assert (late.status, late.reason, replica.arrived) == (504, "RequestTimeout", 1)


async def test_a_websocket_lives_as_long_as_it_is_not_silent(rig: Rig) -> None:
    replica = await rig.replica()
    router = await rig.router(routed({target("m-a", replica): 100}, request_timeout=0.2, stream=CLOCK))
    async with rig.session.ws_connect(router.url + "/chat") as socket:
        for number in range(10):
            await socket.send_str(str(number))
            assert await socket.receive_str() == str(number)
            await asyncio.sleep(0.1)
        assert (await socket.receive(timeout=30)).type in {aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.CLOSE}

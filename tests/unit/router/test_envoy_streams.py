"""Answers that come in parts: what bounds them, and what a client sees of their end."""

import asyncio

import aiohttp
import pytest

from eagleray.domain.actions.router_config import StreamClock
from unit.router.envoy_rig import Rig, Router, routed, target

REQUEST_TIMEOUT = 2.0
# Twice as long, in parts.
LONG = (0.2,) * 20
CLOCK = StreamClock(first_byte=20, silence=3)


async def streamed(rig: Rig, router: Router) -> tuple[int, int, bool]:
    """Status, how many parts came, and whether the client saw it end as it should."""
    came = b""
    async with rig.session.post(router.url) as answer:
        try:
            async for part in answer.content.iter_any():
                came += part
        except aiohttp.ClientPayloadError:
            return answer.status, came.count(b"part"), False
        return answer.status, came.count(b"part"), True


@pytest.mark.parametrize(
    ("stream", "parts", "breaks_off", "most", "whole"),
    [
        (None, LONG, False, len(LONG) - 1, False),
        (CLOCK, LONG, False, len(LONG), True),
        (CLOCK, (0, 0, 60), False, 2, False),
        (CLOCK, (0, 0), True, 2, False),
        (None, (0, 0), True, 2, False),
    ],
    ids=["request timeout", "goes on", "silent", "breaks off", "breaks off in time"],
)
async def test_how_a_stream_ends(
    stream: StreamClock | None,
    parts: tuple[float, ...],
    breaks_off: bool,  # noqa: FBT001 -- a column of the table
    most: int,
    whole: bool,  # noqa: FBT001 -- a column of the table
    rig: Rig,
) -> None:
    replica = await rig.replica()
    replica.mode, replica.parts, replica.breaks_off = "stream", parts, breaks_off
    router = await rig.router(routed({target("m-a", replica): 100}, request_timeout=REQUEST_TIMEOUT, stream=stream))
    status, came, ended = await streamed(rig, router)
    assert (status, ended) == (200, whole)
    assert came == most if whole else came <= most


async def test_an_answer_that_does_not_begin_is_504(rig: Rig) -> None:
    replica = await rig.replica()
    replica.mode = "hold"
    stream = StreamClock(first_byte=0.3, silence=60)
    router = await rig.router(routed({target("m-a", replica, model=False): 100}, request_timeout=60, stream=stream))
    late = await router.ask()
    assert (late.status, late.reason, replica.arrived) == (504, "RequestTimeout", 1)


async def test_a_websocket_lives_as_long_as_it_is_not_silent(rig: Rig) -> None:
    replica = await rig.replica()
    router = await rig.router(routed({target("m-a", replica): 100}, request_timeout=REQUEST_TIMEOUT, stream=CLOCK))
    async with rig.session.ws_connect(router.url + "/chat") as socket:
        for number in range(12):
            await socket.send_str(str(number))
            assert await socket.receive_str() == str(number)
            await asyncio.sleep(0.25)
        assert (await socket.receive(timeout=60)).type in {aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.CLOSE}

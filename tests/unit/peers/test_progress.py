"""How far what takes long in a Pod is, as the Pod tells it."""

from itertools import count

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from hypothesis import given
from hypothesis import strategies as st

from eagleray.domain.facts.progress import STALLED_SECONDS, Progress
from eagleray.peers.errors import UnreachableError
from eagleray.peers.peers import Peers
from eagleray.peers.places import Ports
from eagleray.peers.progress import parse_progress
from eagleray.peers.shape import ShapeError
from eagleray_serving.fetch import progress as log
from eagleray_serving.fetch.told import PATH, Downloads

GIB = 2**30


async def test_it_is_asked_where_the_init_container_tells_it() -> None:
    downloads = Downloads()
    downloads.note("m", 3, 10)

    async def told(_: web.Request) -> web.Response:
        return web.json_response(downloads.told())

    app = web.Application()
    app.router.add_get(PATH, told)
    async with TestServer(app) as server:
        peers = Peers(Ports(progress=server.port or 0))
        found = await peers.progress("ns/m", "127.0.0.1")
        assert (found.done, found.total) == (3, 10)
        await server.close()
        with pytest.raises(UnreachableError):
            await peers.progress("ns/m", "127.0.0.1")
        await peers.close()


@pytest.mark.parametrize(
    "body", [b"", b"[]", b'{"done": -1, "rate": 0, "still": 0}', b'{"done": 1, "rate": "1", "still": 0}']
)
def test_what_is_no_answer_is_refused(body: bytes) -> None:
    with pytest.raises(ShapeError):
        parse_progress(body)


@pytest.mark.parametrize(
    ("progress", "says"),
    [
        (Progress(4 * GIB, 10 * GIB, 17.5 * 2**20), "4.0 GiB of 10.0 GiB (40 %), 17.5 MiB/s"),
        (Progress(500), "500 B, 0 B/s"),
        (Progress(0, 0), "0 B, 0 B/s"),
        (Progress(2048, 4096, 0.0, STALLED_SECONDS), "2.0 KiB of 4.0 KiB (50 %), no byte for 120 s"),
        (Progress(0, still=5, said="shard 3 of 12"), "shard 3 of 12"),
        (Progress(0, said=""), "it says that it lives"),
        (Progress(0, still=STALLED_SECONDS, said="shard 3 of 12"), "shard 3 of 12, nothing new for 120 s"),
    ],
)
def test_it_says_how_far_and_how_fast(progress: Progress, says: str) -> None:
    assert str(progress) == says


@given(st.floats(0, 2**50), st.integers(0, 2**50))
def test_the_condition_writes_bytes_as_the_log_does(rate: float, done: int) -> None:
    assert str(Progress(done, rate=rate)) == f"{log.size(done)}, {log.size(rate)}/s"


@given(st.integers(1, 2**50), st.integers(0, 100))
def test_the_condition_says_how_far_it_is_as_the_log_does(total: int, percent: int) -> None:
    done = total * percent // 100
    told, _, _ = str(Progress(done, total)).partition(",")
    lines: list[str] = []
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(log, "say", lines.append)
        log.Progress("downloaded", total, clock=count(step=60).__next__).add(done)
    assert [line.partition(" after ")[0] for line in lines] == [f"downloaded {told}"]

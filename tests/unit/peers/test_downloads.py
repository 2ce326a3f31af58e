"""How far a download is, as its Pod tells it."""

from itertools import count

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from hypothesis import given
from hypothesis import strategies as st

from eagleray.domain.facts.download import STALLED_SECONDS, Download
from eagleray.peers.downloads import parse_download
from eagleray.peers.errors import UnreachableError
from eagleray.peers.peers import Peers
from eagleray.peers.places import Ports
from eagleray.peers.shape import ShapeError
from eagleray_serving.fetch import progress
from eagleray_serving.fetch.progress import Progress, size
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
        peers = Peers(Ports(fetch=server.port or 0))
        found = await peers.download("ns/m", "127.0.0.1")
        assert (found.done, found.total) == (3, 10)
        await server.close()
        with pytest.raises(UnreachableError):
            await peers.download("ns/m", "127.0.0.1")
        await peers.close()


@pytest.mark.parametrize(
    "body", [b"", b"[]", b'{"done": -1, "rate": 0, "still": 0}', b'{"done": 1, "rate": "1", "still": 0}']
)
def test_what_is_no_answer_is_refused(body: bytes) -> None:
    with pytest.raises(ShapeError):
        parse_download(body)


@pytest.mark.parametrize(
    ("download", "says"),
    [
        (Download(4 * GIB, 10 * GIB, 17.5 * 2**20), "4.0 GiB of 10.0 GiB (40 %), 17.5 MiB/s"),
        (Download(500), "500 B, 0 B/s"),
        (Download(0, 0), "0 B, 0 B/s"),
        (Download(2048, 4096, 0.0, STALLED_SECONDS), "2.0 KiB of 4.0 KiB (50 %), no byte for 120 s"),
    ],
)
def test_it_says_how_far_and_how_fast(download: Download, says: str) -> None:
    assert str(download) == says


@given(st.floats(0, 2**50), st.integers(0, 2**50))
def test_the_condition_writes_bytes_as_the_log_does(rate: float, done: int) -> None:
    assert str(Download(done, rate=rate)) == f"{size(done)}, {size(rate)}/s"


@given(st.integers(1, 2**50), st.integers(0, 100))
def test_the_condition_says_how_far_it_is_as_the_log_does(total: int, percent: int) -> None:
    done = total * percent // 100
    told, _, _ = str(Download(done, total)).partition(",")
    said: list[str] = []
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(progress, "say", said.append)
        Progress("downloaded", total, clock=count(step=60).__next__).add(done)
    assert [line.partition(" after ")[0] for line in said] == [f"downloaded {told}"]

"""How far a download is, as it tells whoever asks; and how long it waits for its next byte."""

import json
import signal
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from eagleray_serving.fetch.download import Download
from eagleray_serving.fetch.errors import FetchError, TransientError
from eagleray_serving.fetch.retry import ATTEMPTS, PATIENCE_SECONDS, with_retries
from eagleray_serving.fetch.told import PATH, Downloads, listen
from eagleray_serving.fetch.uri import parse_uri
from unit.serving.fetch_rig import CONTENT, Run, Site


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def free_port() -> int:
    with socket.create_server(("", 0)) as server:
        return int(server.getsockname()[1])


def asked(port: int, path: str = PATH) -> dict[str, Any]:
    directly = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with directly.open(f"http://127.0.0.1:{port}{path}", timeout=10) as response:
        found: dict[str, Any] = json.load(response)
        return found


def test_how_far_how_fast_and_since_when_nothing_came() -> None:
    clock = Clock()
    downloads = Downloads(clock=clock)
    assert downloads.told() == {"done": 0, "total": None, "rate": 0.0, "still": 0.0}
    downloads.note("m", 0, 1000)
    for done in range(10, 110, 10):
        clock.now += 1
        downloads.note("m", done, 1000)
    assert downloads.told() == {"done": 100, "total": 1000, "rate": 10.0, "still": 0.0}
    clock.now += 60
    assert downloads.told() == {"done": 100, "total": 1000, "rate": 0.0, "still": 60.0}
    downloads.end("m")
    assert downloads.told()["still"] == 0.0


def test_what_goes_on_after_a_break_is_not_counted_twice_and_what_begins_anew_moves() -> None:
    clock = Clock()
    downloads = Downloads(clock=clock)
    downloads.note("m", 0, 100)
    downloads.note("m", 80, 100)
    clock.now += 100
    downloads.note("m", 80, 100)
    assert (downloads.told()["done"], downloads.told()["still"]) == (80, 100.0)
    downloads.note("m", 0, 100)
    clock.now += 1
    downloads.note("m", 10, 100)
    assert (downloads.told()["done"], downloads.told()["rate"], downloads.told()["still"]) == (10, 10.0, 0.0)


def test_of_several_the_whole_is_told_when_all_have_begun() -> None:
    downloads = Downloads(2)
    downloads.note("a", 5, 10)
    assert (downloads.told()["done"], downloads.told()["total"]) == (5, None)
    downloads.note("b", 5, 20)
    assert (downloads.told()["done"], downloads.told()["total"]) == (10, 30)
    downloads.note("b", 6, None)
    assert downloads.told()["total"] is None


def test_whoever_asks_is_told_and_whoever_is_silent_keeps_nobody_waiting_for_long() -> None:
    downloads, port = Downloads(), free_port()
    downloads.note("m", 5, 10)
    listen(downloads, port)
    with socket.create_connection(("127.0.0.1", port)):
        assert (asked(port)["done"], asked(port)["total"]) == (5, 10)
    with pytest.raises(urllib.error.HTTPError, match="404"):
        asked(port, "/model")


def test_a_port_that_is_taken_keeps_nothing_from_being_fetched(
    run: Run, site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    site.answers["/m"] = [(200, CONTENT)]
    with socket.create_server(("", 0)) as taken:
        assert run(f"http://{site.address}/m", "--port", str(taken.getsockname()[1])) == 0
    assert "nobody is told" in capsys.readouterr().out


def test_it_is_told_while_it_is_fetched(run: Run, site: Site) -> None:
    port, told = free_port(), threading.Event()

    def content() -> bytes:
        assert asked(port) == {"done": 0, "total": None, "rate": 0.0, "still": 0.0}
        told.set()
        return CONTENT

    site.content = content
    assert run(f"http://{site.address}/asked", "--port", str(port)) == 0
    assert told.is_set()


def test_one_that_is_asked_to_end_ends_at_once(tmp_path: Path, site: Site) -> None:
    asked, ended = threading.Event(), threading.Event()

    def content() -> bytes:
        asked.set()
        ended.wait(30)
        return CONTENT

    site.content = content
    args = ["--uri", f"http://{site.address}/asked", "--to", str(tmp_path), "--max-bytes", "100000"]
    with subprocess.Popen([sys.executable, "-m", "eagleray_serving.fetch", *args]) as process:
        assert asked.wait(30)
        process.terminate()
        assert process.wait(30) == 128 + signal.SIGTERM
    ended.set()


class Breaks(Download):
    """Brings some bytes at its first try, and waits then for a link that is back after so many seconds."""

    def __init__(self, to: Path, clock: Clock, back_at: float, first: int = 10) -> None:
        super().__init__(parse_uri("http://x/m"), to, 100)
        self._clock, self._back_at, self._first = clock, back_at, first
        self.tries = 0

    def attempt(self) -> None:
        self.tries += 1
        if self.tries == 1:
            self._begin(100, 0)
            self._progress.add(self._first)
            self.received += self._first
        if self._clock.now < self._back_at:
            raise TransientError("the connection broke")


def test_what_has_begun_waits_for_minutes_and_goes_on(tmp_path: Path) -> None:
    clock = Clock()
    download = Breaks(tmp_path / "m", clock, back_at=PATIENCE_SECONDS - 20)
    with_retries(download, "http://x/m", clock.sleep, clock)
    assert clock.now >= PATIENCE_SECONDS - 20
    assert download.tries > ATTEMPTS


@pytest.mark.parametrize(("first", "most"), [(10, PATIENCE_SECONDS + 20), (0, 20)], ids=["begun", "never begun"])
def test_it_gives_up_at_last_and_soon_where_nothing_ever_came(tmp_path: Path, first: int, most: float) -> None:
    clock = Clock()
    download = Breaks(tmp_path / "m", clock, back_at=1e9, first=first)
    with pytest.raises(FetchError, match="gave up after"):
        with_retries(download, "http://x/m", clock.sleep, clock)
    assert clock.now < most
    assert (clock.now >= PATIENCE_SECONDS) == bool(first)

import contextlib
import http.client
from collections.abc import Iterator

import pytest

from eagleray.runtime.health import Health, HttpAnswer, HttpServer, Stage


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("silence", "work", "status", "words"),
    [
        pytest.param(0, 0, 200, "ok", id="fresh"),
        pytest.param(29, 0, 200, "ok", id="a slow turn"),
        pytest.param(31, 0, 503, "the event loop has not turned for 31 s", id="stuck loop"),
        pytest.param(0, 599, 200, "ok", id="long work"),
        pytest.param(0, 601, 503, "one reconcile has been running for 601 s", id="stuck work"),
    ],
)
def test_liveness(silence: float, work: float, status: int, words: str) -> None:
    clock = Clock()
    health = Health(max_work=600, clock=clock)
    health.beat(work)
    clock.now += silence
    assert health.healthz() == HttpAnswer(status, words.encode())


@pytest.mark.parametrize(
    ("stage", "status"),
    [
        (Stage.STARTING, 503),
        (Stage.STANDBY, 200),
        (Stage.SYNCING, 503),
        (Stage.LEADING, 200),
        (Stage.STOPPING, 503),
    ],
)
def test_readiness(stage: Stage, status: int) -> None:
    health = Health(max_work=1)
    health.stage = stage
    assert health.readyz() == HttpAnswer(status, stage.encode())


@pytest.fixture
def base() -> Iterator[str]:
    server = HttpServer(0, {"/good": lambda: HttpAnswer(200, b"yes"), "/bad": lambda: HttpAnswer(503, b"no")})
    server.start()
    yield f"127.0.0.1:{server.port}"
    server.stop()


@pytest.mark.parametrize(
    ("path", "status", "body"),
    [("/good", 200, b"yes"), ("/good?x=1", 200, b"yes"), ("/bad", 503, b"no"), ("/", 404, b"not found")],
)
def test_the_server_answers(base: str, path: str, status: int, body: bytes) -> None:
    connection = http.client.HTTPConnection(base)
    with contextlib.closing(connection):
        connection.request("GET", path)
        answer = connection.getresponse()
        assert (answer.status, answer.read()) == (status, body)

# ruff: noqa: ARG002 - a fake takes every argument of its Protocol
import asyncio
from collections.abc import Awaitable, Callable

import pytest
import structlog
from structlog.testing import capture_logs

from eagleray.engine.queue import WorkQueue
from eagleray.engine.ratelimit import Backoff, RetryLimiter
from eagleray.engine.worker import WorkerPool
from eagleray.kube.errors import TransientError
from eagleray.kube.kinds import Key
from fakes import virtual_time
from fakes.virtual_time import now

A = Key("ns", "a")


class Told:
    def __init__(self) -> None:
        self.results: list[str] = []
        self.active = 0
        self.crashes = 0

    def started(self) -> None:
        self.active += 1

    def finished(self, result: str, seconds: float) -> None:
        self.active -= 1
        self.results.append(result)

    def crashed(self) -> None:
        self.crashes += 1


def work(
    reconcile: Callable[[Key], Awaitable[float | None]], *, seconds: float = 100, timeout: float = 50
) -> tuple[Told, bool]:
    told = Told()

    async def scenario() -> bool:
        queue = WorkQueue(RetryLimiter(Backoff(base=1, jitter=0)))
        workers = WorkerPool(queue, reconcile, told, concurrency=2, timeout=timeout)
        workers.start()
        queue.add(A)
        await asyncio.sleep(seconds)
        return await workers.stop(5)

    return told, virtual_time.run(scenario())


def outcomes(*script: float | BaseException | None) -> tuple[list[float], Callable[[Key], Awaitable[float | None]]]:
    """A reconcile that goes through `script` and then is content; and when it was called."""
    called: list[float] = []
    left = list(script)

    async def reconcile(_: Key) -> float | None:
        called.append(now())
        outcome = left.pop(0) if left else None
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    return called, reconcile


@pytest.mark.parametrize(
    ("script", "times", "results"),
    [
        pytest.param([None], [0], ["success"], id="content"),
        pytest.param([30.0], [0, 30], ["requeue_after", "success"], id="wants to look again"),
        pytest.param(
            [TransientError("x"), TransientError("x")], [0, 1, 3], ["error", "error", "success"], id="backs off"
        ),
        pytest.param(
            [TransientError("x"), 10.0, TransientError("x")],
            [0, 1, 11, 12],
            ["error", "requeue_after", "error", "success"],
            id="success resets the backoff",
        ),
    ],
)
def test_what_follows_an_outcome(
    script: list[float | BaseException | None], times: list[float], results: list[str]
) -> None:
    called, reconcile = outcomes(*script)
    told, drained = work(reconcile)
    assert called == times
    assert told.results == results
    assert told.active == 0
    assert drained


def test_a_defect_is_counted_and_the_worker_lives_on() -> None:
    called, reconcile = outcomes(ZeroDivisionError("defect"))
    with capture_logs() as logs:
        told, _ = work(reconcile)
    assert called == [0, 1]
    assert told.crashes == 1
    assert [entry["event"] for entry in logs] == ["Reconcile crashed"]


def test_a_hanging_reconcile_is_cut_off_and_tried_again() -> None:
    calls: list[float] = []

    async def reconcile(_: Key) -> float | None:
        calls.append(now())
        if len(calls) == 1:
            await asyncio.Event().wait()
        return None

    told, _ = work(reconcile, timeout=50)
    assert calls == [0, 51]
    assert told.results == ["error", "success"]


def test_stop_finishes_what_is_in_hand() -> None:
    ended: list[float] = []

    async def reconcile(_: Key) -> float | None:
        await asyncio.sleep(3)
        ended.append(now())
        return None

    _, drained = work(reconcile, seconds=1)
    assert drained
    assert ended == [3]


def test_stop_cancels_what_takes_too_long() -> None:
    async def reconcile(_: Key) -> float | None:
        await asyncio.sleep(40)
        return None

    told, drained = work(reconcile, seconds=1)
    assert not drained
    assert told.active == 0


def test_the_key_is_bound_to_every_line() -> None:
    seen: list[str] = []

    async def reconcile(_: Key) -> float | None:
        seen.append(structlog.contextvars.get_contextvars()["key"])
        return None

    work(reconcile)
    assert seen == ["ns/a"]

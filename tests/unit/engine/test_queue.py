import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from eagleray.engine.queue import URGENT_IN_A_ROW, NoQueueMetrics, QueueClosedError, WorkQueue
from eagleray.engine.ratelimit import Backoff, RetryLimiter
from eagleray.kube.kinds import Key
from fakes import virtual_time
from fakes.virtual_time import now

A, B, C = (Key("ns", name) for name in "abc")

# Each step of a table: what to do with the queue, and after how many seconds.
Step = tuple[float, Callable[[WorkQueue], object]]


def exact() -> WorkQueue:
    """A queue without randomness."""
    return WorkQueue(RetryLimiter(Backoff(base=1, cap=8, jitter=0)))


def run(test: Callable[[], Coroutine[Any, Any, None]]) -> None:
    virtual_time.run(test())


async def collect(queue: WorkQueue, seconds: float) -> list[tuple[float, Key]]:
    """What the queue hands out within `seconds`, and when; each key is done at once."""
    got: list[tuple[float, Key]] = []

    async def consume() -> None:
        while True:
            key = await queue.get()
            got.append((now(), key))
            queue.done(key)

    task = asyncio.create_task(consume())
    await asyncio.sleep(seconds)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return got


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        pytest.param([(0, lambda q: q.add(A)), (0, lambda q: q.add(A))], [(0, A)], id="waits once"),
        pytest.param([(0, lambda q: q.add(B)), (0, lambda q: q.add(A))], [(0, B), (0, A)], id="first in, first out"),
        pytest.param([(0, lambda q: q.add_after(A, 5))], [(5, A)], id="delayed"),
        pytest.param([(0, lambda q: q.add_after(A, 0))], [(0, A)], id="no delay"),
        pytest.param(
            [(0, lambda q: q.add_after(A, 9)), (1, lambda q: q.add_after(A, 2))], [(3, A)], id="earlier delay wins"
        ),
        pytest.param(
            [(0, lambda q: q.add_after(A, 2)), (1, lambda q: q.add_after(A, 9))], [(2, A)], id="later delay loses"
        ),
        pytest.param(
            [(0, lambda q: q.add_after(A, 5)), (1, lambda q: q.add(A))], [(1, A)], id="immediate replaces delayed"
        ),
        pytest.param(
            [(0, lambda q: q.add_failed(A)), (2, lambda q: q.add_failed(A)), (5, lambda q: q.add_failed(A))],
            [(1, A), (4, A), (9, A)],
            id="failures wait longer",
        ),
        pytest.param(
            [
                (0, lambda q: q.add_failed(A)),
                (2, lambda q: q.add_failed(A)),
                (5, lambda q: q.forget(A)),
                (6, lambda q: q.add_failed(A)),
            ],
            [(1, A), (4, A), (7, A)],
            id="success resets",
        ),
        pytest.param([(0, lambda q: q.shut_down()), (1, lambda q: q.add(A))], [], id="closed takes nothing"),
        pytest.param([(0, lambda q: q.add_after(A, 5)), (1, lambda q: q.shut_down())], [], id="closing drops delayed"),
    ],
)
def test_what_is_handed_out_and_when(steps: list[Step], expected: list[tuple[float, Key]]) -> None:
    async def scenario() -> None:
        queue = exact()
        for at, do in steps:
            asyncio.get_running_loop().call_at(at, do, queue)
        assert await collect(queue, 60) == expected

    run(scenario)


@pytest.mark.parametrize(
    ("adds", "expected"),
    [
        pytest.param([("later", A), ("now", B)], [B, A], id="urgent first"),
        pytest.param([("later", A), ("later", B), ("now", B)], [B, A], id="moves up"),
        pytest.param([("now", A), ("now", B), ("later", A)], [A, B], id="does not move down"),
        pytest.param([("later", A), ("later", B), ("later", A)], [A, B], id="waits once"),
        pytest.param([("now", A), ("now", B), ("now", A)], [A, B], id="keeps its place"),
    ],
)
def test_what_somebody_changed_comes_first(adds: list[tuple[str, Key]], expected: list[Key]) -> None:
    async def scenario() -> None:
        queue = exact()
        for lane, key in adds:
            (queue.add if lane == "now" else queue.add_later)(key)
        assert [key for _, key in await collect(queue, 1)] == expected

    run(scenario)


def test_timers_and_retries_wait_for_what_is_urgent() -> None:
    async def scenario() -> None:
        queue = exact()
        queue.add_after(A, 1)
        queue.add_failed(B)
        await asyncio.sleep(2)
        queue.add(C)
        assert [key for _, key in await collect(queue, 1)] == [C, A, B]

    run(scenario)


@pytest.mark.parametrize(("again", "expected"), [("add", [A, B]), ("add_later", [B, A])])
def test_a_key_added_while_worked_on_keeps_its_urgency(again: str, expected: list[Key]) -> None:
    async def scenario() -> None:
        queue = exact()
        queue.add_later(A)
        key = await queue.get()
        queue.add_later(A)
        getattr(queue, again)(A)
        queue.add_later(B)
        queue.done(key)
        assert [key for _, key in await collect(queue, 1)] == expected

    run(scenario)


def test_urgent_keys_do_not_starve_the_others() -> None:
    async def scenario() -> None:
        queue = exact()
        for n in range(20):
            queue.add(Key("ns", f"urgent-{n}"))
        queue.add_later(A)
        queue.add_later(B)
        handed_out = [key for _, key in await collect(queue, 1)]
        assert handed_out.index(A) == URGENT_IN_A_ROW
        assert handed_out.index(B) == 2 * URGENT_IN_A_ROW + 1

    run(scenario)


def test_urgent_keys_that_nobody_waited_for_count_for_nothing() -> None:
    async def scenario() -> None:
        queue = exact()
        for n in range(20):
            queue.add(Key("ns", f"urgent-{n}"))
        await collect(queue, 1)
        queue.add_later(A)
        queue.add(B)
        assert [key for _, key in await collect(queue, 1)] == [B, A]

    run(scenario)


def test_a_key_added_while_worked_on_is_handed_out_once_more_afterwards() -> None:
    async def scenario() -> None:
        queue = exact()
        queue.add(A)
        assert await queue.get() == A
        queue.add(A)
        queue.add(A)
        assert len(queue) == 0
        queue.done(A)
        assert len(queue) == 1
        assert await queue.get() == A
        queue.done(A)
        assert len(queue) == 0

    run(scenario)


def test_a_requeue_does_not_delay_a_key_that_became_dirty_meanwhile() -> None:
    async def scenario() -> None:
        queue = exact()
        queue.add(A)
        await queue.get()
        queue.add(A)
        queue.add_after(A, 30)
        queue.done(A)
        assert await collect(queue, 60) == [(0, A)]

    run(scenario)


def test_closing_hands_out_what_waits_and_then_ends_every_getter() -> None:
    async def scenario() -> None:
        queue = exact()
        idle = [asyncio.create_task(queue.get()) for _ in range(2)]
        await asyncio.sleep(0)
        queue.add(A)
        await asyncio.sleep(0)
        queue.shut_down()
        done = await asyncio.gather(*idle, return_exceptions=True)
        assert done[0] == A
        assert isinstance(done[1], QueueClosedError)

    run(scenario)


def test_drain_waits_for_work_in_hand_and_says_whether_it_ended() -> None:
    async def scenario() -> None:
        queue = exact()
        queue.add(A)
        key = await queue.get()
        assert not await queue.drain(3)
        assert now() == 3
        asyncio.get_running_loop().call_later(2, queue.done, key)
        assert await queue.drain(10)
        assert now() == 5

    run(scenario)


def test_a_key_runs_again_before_a_drain_ends_if_it_became_dirty() -> None:
    async def scenario() -> None:
        queue = exact()
        queue.add(A)
        await queue.get()
        queue.add(A)
        queue.shut_down()
        queue.done(A)
        assert await queue.get() == A
        queue.done(A)
        assert await queue.drain(1)

    run(scenario)


def test_a_cancelled_getter_leaves_its_key_to_another() -> None:
    async def scenario() -> None:
        queue = exact()
        first, second = (asyncio.create_task(queue.get()) for _ in range(2))
        await asyncio.sleep(0)
        queue.add(A)
        first.cancel()
        assert await second == A
        assert first.cancelled() or await asyncio.gather(first, return_exceptions=True)

    run(scenario)


def test_time_in_hand_is_told() -> None:
    async def scenario() -> None:
        queue = exact()
        queue.add(A)
        await queue.get()
        await asyncio.sleep(7)
        assert queue.working_seconds() == (7,)

    run(scenario)


def test_metrics_see_every_step() -> None:
    class Told(NoQueueMetrics):
        def __init__(self) -> None:
            self.seen: list[tuple[str, float]] = []

        def depth(self, waiting: int) -> None:
            self.seen.append(("depth", waiting))

        def added(self) -> None:
            self.seen.append(("added", 1))

        def retried(self) -> None:
            self.seen.append(("retried", 1))

        def waited(self, seconds: float) -> None:
            self.seen.append(("waited", seconds))

        def worked(self, seconds: float) -> None:
            self.seen.append(("worked", seconds))

    async def scenario() -> None:
        told = Told()
        queue = WorkQueue(RetryLimiter(Backoff(base=1, jitter=0)), told)
        queue.add(A)
        await asyncio.sleep(2)
        key = await queue.get()
        await asyncio.sleep(3)
        queue.done(key)
        queue.add_failed(key)
        assert told.seen == [
            ("added", 1),
            ("depth", 1),
            ("waited", 2),
            ("depth", 0),
            ("worked", 3),
            ("retried", 1),
        ]

    run(scenario)

import asyncio
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from eagleray.engine.queue import URGENT_IN_A_ROW, WorkQueue
from eagleray.engine.ratelimit import Backoff, RetryLimiter
from eagleray.engine.worker import WorkerPool
from eagleray.kube.errors import TransientError
from eagleray.kube.kinds import Key
from fakes import virtual_time
from fakes.virtual_time import now

KEYS = [Key("ns", n) for n in "abc"]

# (when, key, delay, None for "now" or "later"), how long each reconcile takes, and which of them fail.
adds = st.lists(
    st.tuples(st.integers(0, 50), st.sampled_from(KEYS), st.none() | st.just("later") | st.integers(0, 20)),
    min_size=1,
    max_size=30,
)
durations = st.lists(st.integers(0, 10), min_size=1, max_size=10)
failures = st.sets(st.integers(0, 20), max_size=5)


class Quiet:
    def started(self) -> None: ...
    def finished(self, result: str, seconds: float) -> None: ...
    def crashed(self) -> None: ...


@given(adds=adds, durations=durations, failing=failures, workers=st.integers(1, 4))
def test_no_key_is_with_two_workers_and_no_add_is_lost(
    adds: list[tuple[int, Key, int | str | None]], durations: list[int], failing: set[int], workers: int
) -> None:
    busy: Counter[Key] = Counter()
    starts: dict[Key, list[float]] = {key: [] for key in KEYS}
    runs = 0

    async def reconcile(key: Key) -> float | None:
        nonlocal runs
        run, runs = runs, runs + 1
        busy[key] += 1
        assert busy[key] == 1
        assert busy.total() <= workers
        starts[key].append(now())
        await asyncio.sleep(durations[run % len(durations)])
        busy[key] -= 1
        if run in failing:
            raise TransientError("induced")
        return None

    async def scenario() -> None:
        queue = WorkQueue(RetryLimiter(Backoff(jitter=0)))
        pool = WorkerPool(queue, reconcile, Quiet(), concurrency=workers)
        pool.start()
        loop = asyncio.get_running_loop()
        for at, key, delay in adds:
            if delay is None:
                loop.call_at(at, queue.add, key)
            elif isinstance(delay, str):
                loop.call_at(at, queue.add_later, key)
            else:
                loop.call_at(at, queue.add_after, key, delay)
        await asyncio.sleep(100_000)
        assert await pool.stop(10)

    virtual_time.run(scenario())
    for at, key, _ in adds:
        # Whatever was added is followed by a run that began no earlier; delays may be shortened, never lost.
        assert any(start >= at for start in starts[key])
    assert runs <= len(adds) + len(failing)


lanes = st.lists(st.tuples(st.booleans(), st.integers(0, 40)), min_size=1, max_size=60)


@given(chosen=lanes)
def test_a_key_that_can_wait_is_overtaken_by_so_many_and_urgent_ones_by_none_that_can_wait(
    chosen: list[tuple[bool, int]],
) -> None:
    async def scenario() -> list[Key]:
        queue = WorkQueue()
        for urgent, n in chosen:
            (queue.add if urgent else queue.add_later)(Key("ns", str(n)))
        keys = []
        while len(queue):
            keys.append(await queue.get())
            queue.done(keys[-1])
        return keys

    keys = virtual_time.run(scenario())
    assert sorted(keys) == sorted({Key("ns", str(n)) for _, n in chosen})
    urgent = {Key("ns", str(n)) for urgent, n in chosen if urgent}
    row = longest = 0
    for place, key in enumerate(keys):
        others_wait = any(other not in urgent for other in keys[place + 1 :])
        row = row + 1 if key in urgent and others_wait else 0
        longest = max(longest, row)
        assert key in urgent or place % (URGENT_IN_A_ROW + 1) == URGENT_IN_A_ROW or not urgent & set(keys[place:])
    assert longest <= URGENT_IN_A_ROW

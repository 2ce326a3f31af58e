"""A keyed work queue with the semantics of client-go's `workqueue` and controller-runtime.

* A key waits at most once, however often it is added.
* A key is never with two workers; added while it is with one, it is handed out once more afterwards.
* A delayed add waits on the event loop's clock. Of several adds the earliest wins, an immediate one included.
* Failures of a key wait exponentially longer, and all retries share a token bucket.
* What somebody changed comes before timers, retries and rounds over all keys; those wait, but not for ever.
"""

import asyncio
from collections import deque
from typing import Protocol

from eagleray.engine.ratelimit import RetryLimiter
from eagleray.kube.kinds import Key

URGENT_IN_A_ROW = 8
"""Urgent keys that are handed out, at most, while another one waits."""


class QueueClosedError(Exception):
    """The queue was shut down and has nothing left to hand out."""


class QueueMetrics(Protocol):
    """What a queue tells about itself."""

    def depth(self, waiting: int) -> None:
        """Keys that wait now."""

    def added(self) -> None:
        """A key was added that did not wait yet."""

    def retried(self) -> None:
        """A key was added after a failure."""

    def waited(self, seconds: float) -> None:
        """A key was handed out after this long."""

    def worked(self, seconds: float) -> None:
        """A key was done after this long."""


class NoQueueMetrics(QueueMetrics):
    """Tells nobody."""

    def depth(self, waiting: int) -> None:  # noqa: D102 - documented at the Protocol, as all below
        pass

    def added(self) -> None:  # noqa: D102
        pass

    def retried(self) -> None:  # noqa: D102
        pass

    def waited(self, seconds: float) -> None:  # noqa: D102
        pass

    def worked(self, seconds: float) -> None:  # noqa: D102
        pass


class _Lanes:
    """Keys that wait, each once: the urgent ones, and those that can wait for them."""

    def __init__(self) -> None:
        self._urgent: dict[Key, None] = {}
        self._later: dict[Key, None] = {}
        self._in_a_row = 0

    def __len__(self) -> int:
        return len(self._urgent) + len(self._later)

    def put(self, key: Key, *, urgent: bool) -> bool:
        """Have `key` wait, or move up where it waits already; whether it is new here."""
        is_new = key not in self._urgent and key not in self._later
        if urgent:
            self._later.pop(key, None)
            self._urgent[key] = None
        elif is_new:
            self._later[key] = None
        return is_new

    def take(self) -> Key:
        """The next key."""
        from_later = self._later and (not self._urgent or self._in_a_row >= URGENT_IN_A_ROW)
        self._in_a_row = 0 if from_later or not self._later else self._in_a_row + 1
        lane = self._later if from_later else self._urgent
        key = next(iter(lane))
        del lane[key]
        return key


class WorkQueue:
    """The queue. It belongs to one event loop and is not for use from other threads.

    Args:
        limiter: when a failed key may be tried again.
        metrics: told about everything.
    """

    def __init__(self, limiter: RetryLimiter | None = None, metrics: QueueMetrics | None = None) -> None:
        self._limiter = limiter or RetryLimiter()
        self._metrics = metrics or NoQueueMetrics()
        self._ready = _Lanes()
        self._dirty: dict[Key, float] = {}
        self._urgent: set[Key] = set()
        self._in_flight: dict[Key, float] = {}
        self._delayed: dict[Key, asyncio.TimerHandle] = {}
        self._getters: deque[asyncio.Future[None]] = deque()
        self._closed = False
        self._idle = asyncio.Event()

    def __len__(self) -> int:
        return len(self._ready)

    def add(self, key: Key) -> None:
        """Have `key` worked on as soon as a worker is free: somebody changed something."""
        self._add(key, urgent=True)

    def add_later(self, key: Key) -> None:
        """Have `key` worked on when nothing urgent waits, or has its turn."""
        self._add(key, urgent=False)

    def add_after(self, key: Key, seconds: float) -> None:
        """Have `key` worked on in `seconds`, as `add_later` does, unless it is due earlier anyway."""
        if seconds <= 0:
            self.add_later(key)
            return
        if self._closed or key in self._dirty:
            return
        due = _now() + seconds
        present = self._delayed.get(key)
        if present is not None and present.when() <= due:
            return
        self._cancel_delayed(key)
        self._delayed[key] = asyncio.get_running_loop().call_at(due, self.add_later, key)

    def add_failed(self, key: Key) -> float:
        """Have `key` tried again after its backoff; the seconds until then."""
        seconds = self._limiter.when(key, _now())
        self._metrics.retried()
        self.add_after(key, seconds)
        return seconds

    def forget(self, key: Key) -> None:
        """Reset the backoff of `key`."""
        self._limiter.forget(key)

    def failures(self, key: Key) -> int:
        """Failures of `key` in a row."""
        return self._limiter.failures(key)

    async def get(self) -> Key:
        """Wait for a key; `done` must follow.

        Raises:
            QueueClosedError: the queue was shut down and is empty.
        """
        while not self._ready:
            if self._closed:
                raise QueueClosedError
            await self._wait()
        key = self._ready.take()
        self._urgent.discard(key)
        now = _now()
        self._metrics.waited(now - self._dirty.pop(key))
        self._metrics.depth(len(self._ready))
        self._in_flight[key] = now
        return key

    def done(self, key: Key) -> None:
        """The worker that got `key` has finished with it."""
        self._metrics.worked(_now() - self._in_flight.pop(key))
        if key in self._dirty:
            self._enqueue(key)
        self._check_idle()

    def working_seconds(self) -> tuple[float, ...]:
        """For how long each key in a worker's hands has been there."""
        now = _now()
        return tuple(now - since for since in self._in_flight.values())

    def shut_down(self) -> None:
        """Take nothing more; hand out what waits, and then close."""
        self._closed = True
        for key in list(self._delayed):
            self._cancel_delayed(key)
        self._wake(len(self._getters))
        self._check_idle()

    async def drain(self, timeout: float) -> bool:  # noqa: ASYNC109 - the caller's own deadline is the point
        """Shut down and wait until everything that waited is done.

        Args:
            timeout: seconds to wait.

        Returns:
            Whether everything was done in time.
        """
        self.shut_down()
        try:
            async with asyncio.timeout(timeout):
                await self._idle.wait()
        except TimeoutError:
            return False
        return True

    def _add(self, key: Key, *, urgent: bool) -> None:
        self._cancel_delayed(key)
        if self._closed:
            return
        if key not in self._dirty:
            self._dirty[key] = _now()
            self._metrics.added()
        if urgent:
            self._urgent.add(key)
        if key not in self._in_flight:
            self._enqueue(key)

    def _enqueue(self, key: Key) -> None:
        if self._ready.put(key, urgent=key in self._urgent):
            self._metrics.depth(len(self._ready))
            self._wake(1)

    async def _wait(self) -> None:
        getter = asyncio.get_running_loop().create_future()
        self._getters.append(getter)
        try:
            await getter
        except asyncio.CancelledError:
            # This getter may have been woken and cancelled at once: the key must not be left to nobody.
            if getter.done() and not getter.cancelled():
                self._wake(1)
            raise
        finally:
            if getter in self._getters:
                self._getters.remove(getter)

    def _wake(self, count: int) -> None:
        while self._getters and count > 0:
            getter = self._getters.popleft()
            if not getter.done():
                getter.set_result(None)
                count -= 1

    def _cancel_delayed(self, key: Key) -> None:
        timer = self._delayed.pop(key, None)
        if timer is not None:
            timer.cancel()

    def _check_idle(self) -> None:
        if self._closed and not self._ready and not self._in_flight:
            self._idle.set()


def _now() -> float:
    return asyncio.get_running_loop().time()

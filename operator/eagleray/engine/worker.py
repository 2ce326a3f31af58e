"""Workers: take a key, reconcile it, decide when to look again."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from typing import Protocol

import structlog

from eagleray.engine.queue import QueueClosedError, WorkQueue
from eagleray.engine.tasks import end
from eagleray.kube.errors import KubeError
from eagleray.kube.kinds import Key

log = structlog.get_logger(__name__)

Reconcile = Callable[[Key], Awaitable[float | None]]

# Every request inside has a much shorter deadline; this one only keeps a defect from holding a key for good.
RECONCILE_TIMEOUT = 300.0


class ReconcileMetrics(Protocol):
    """What workers tell about themselves."""

    def started(self) -> None:
        """A worker began with a key."""

    def finished(self, result: str, seconds: float) -> None:
        """It ended: `success`, `requeue_after` or `error`, as controller-runtime has them."""

    def crashed(self) -> None:
        """The error was none that the code expects."""


class WorkerPool:
    """A fixed number of workers on one queue.

    Args:
        queue: where keys come from.
        reconcile: makes the world of one key right; returns seconds until it wants to look again, or None.
        metrics: told about every run.
        concurrency: how many keys are worked on at once.
        timeout: seconds for one reconcile.
    """

    def __init__(
        self,
        queue: WorkQueue,
        reconcile: Reconcile,
        metrics: ReconcileMetrics,
        *,
        concurrency: int,
        timeout: float = RECONCILE_TIMEOUT,
    ) -> None:
        self._queue = queue
        self._reconcile = reconcile
        self._metrics = metrics
        self._concurrency = concurrency
        self._timeout = timeout
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Start the workers."""
        self._tasks = [asyncio.create_task(self._run(), name=f"worker-{n}") for n in range(self._concurrency)]

    async def stop(self, timeout: float) -> bool:  # noqa: ASYNC109 - the caller's own deadline is the point
        """Finish what waits and what is in hand, then end the workers.

        Args:
            timeout: seconds after which the rest is cancelled.

        Returns:
            Whether everything was finished.
        """
        drained = await self._queue.drain(timeout)
        await end(self._tasks)
        return drained

    async def _run(self) -> None:
        while True:
            try:
                key = await self._queue.get()
            except QueueClosedError:
                return
            try:
                with structlog.contextvars.bound_contextvars(key=str(key), reconcile_id=uuid.uuid4().hex[:12]):
                    await self._work(key)
            finally:
                self._queue.done(key)

    async def _work(self, key: Key) -> None:
        loop = asyncio.get_running_loop()
        started = loop.time()
        self._metrics.started()
        result = "error"
        try:
            async with asyncio.timeout(self._timeout):
                after = await self._reconcile(key)
            result = self._succeeded(key, after)
        except KubeError as e:
            again = self._queue.add_failed(key)
            log.warning("Reconcile failed", error=str(e), type=type(e).__name__, retry_after=round(again, 3))
        except Exception:
            self._metrics.crashed()
            again = self._queue.add_failed(key)
            log.exception("Reconcile crashed", retry_after=round(again, 3))
        finally:
            self._metrics.finished(result, loop.time() - started)

    def _succeeded(self, key: Key, after: float | None) -> str:
        self._queue.forget(key)
        if after is None:
            return "success"
        self._queue.add_after(key, after)
        return "requeue_after"

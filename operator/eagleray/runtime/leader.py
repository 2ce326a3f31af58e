"""Leadership: stand by until the Lease is ours, renew it while we lead, and die the moment it is lost."""

import asyncio
import os
import sys
from collections.abc import Callable, Coroutine
from typing import Any

import structlog

from eagleray.kube.lease import Lease, LeaseLostError

log = structlog.get_logger(__name__)


def die() -> None:
    """End the process without any clean-up: a former leader must not write once more."""
    sys.stderr.flush()
    os._exit(1)


class Leader:
    """This process' bid for leadership.

    Args:
        lease: the Lease.
        on_lost: called when it is lost.
    """

    def __init__(self, lease: Lease, on_lost: Callable[[], None] = die) -> None:
        self._lease = lease
        self._on_lost = on_lost
        self._holding: asyncio.Task[None] | None = None

    async def lead(self, stop: asyncio.Event) -> bool:
        """Wait for leadership and keep it in the background.

        Args:
            stop: ends the wait.

        Returns:
            Whether this process leads; False where `stop` came first.
        """
        if not await before(stop, self._lease.acquire()):
            return False
        log.info("Became the leader")
        self._holding = asyncio.create_task(self._hold(), name="lease-hold")
        return True

    async def resign(self) -> None:
        """Stop renewing and give the Lease up."""
        if self._holding is not None:
            self._holding.cancel()
            await asyncio.gather(self._holding, return_exceptions=True)
        await self._lease.release()

    async def _hold(self) -> None:
        try:
            await self._lease.hold()
        except LeaseLostError as e:
            log.critical("Lost the lead", error=str(e))
            self._on_lost()


async def before(stop: asyncio.Event, wait: Coroutine[Any, Any, None]) -> bool:
    """Run `wait` to its end unless `stop` comes first.

    Returns:
        Whether it ended.
    """
    waiting: asyncio.Task[object] = asyncio.create_task(wait)
    stopping: asyncio.Task[object] = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({waiting, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if not waiting.done():
            return False
        await waiting
    finally:
        for task in (waiting, stopping):
            task.cancel()
        await asyncio.gather(waiting, stopping, return_exceptions=True)
    return True

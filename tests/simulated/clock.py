"""Wall clocks over the loop's virtual time: they begin alike, and each may step by itself."""

import asyncio
from datetime import UTC, datetime, timedelta

START = datetime(2026, 1, 1, tzinfo=UTC)


class Clock:
    """One machine's wall clock."""

    def __init__(self) -> None:
        self._offset = timedelta()

    def now(self) -> datetime:
        return START + timedelta(seconds=asyncio.get_running_loop().time()) + self._offset

    def stamp(self) -> str:
        """The present as Kubernetes writes it: whole seconds."""
        return written(self.now())

    def step(self, seconds: float) -> None:
        """Set the clock forward or back, as an administrator or NTP does."""
        self._offset += timedelta(seconds=seconds)


def written(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")

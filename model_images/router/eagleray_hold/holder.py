"""Which requests wait, for what, and until when."""

import asyncio
import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

POLL_SECONDS = 0.05


class RefusedError(Exception):
    """A request may not wait, or waited in vain.

    Attributes:
        retry_after: seconds after which it may be sent again.
    """

    def __init__(self, message: str, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class Hold:
    """How requests wait for one revision.

    Attributes:
        timeout: seconds that one may wait.
        max_held: requests that may wait.
        retry_after: what one that may not is told, in seconds.
    """

    timeout: float
    max_held: int
    retry_after: int


class Holder:
    """Lets requests wait while a file says that their revision is on hold.

    The file is one of those that Envoy's routes come from, so that both change at once.

    Args:
        file: it maps the revisions that are on hold to how.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._gates: dict[str, asyncio.Event] = {}
        self._held: Counter[str] = Counter()
        self._somebody = asyncio.Event()
        self._watch: asyncio.Task[None] | None = None

    @property
    def held(self) -> dict[str, int]:
        """Requests that wait, by revision."""
        return dict(self._held)

    async def somebody(self, seconds: float) -> None:
        """Return when a request waits, or after so many seconds."""
        try:
            async with asyncio.timeout(seconds):
                await self._somebody.wait()
        except TimeoutError:
            return

    async def check(self, revision: str) -> None:
        """Return when a request to `revision` may pass.

        Raises:
            RefusedError: too many wait already, or it waited too long.
        """
        hold = self._read().get(revision)
        if hold is None:
            return
        if self._held[revision] >= hold.max_held:
            raise RefusedError(f"{hold.max_held} requests wait for {revision} to start", hold.retry_after)
        self._held[revision] += 1
        self._somebody.set()
        gate = self._gates.setdefault(revision, asyncio.Event())
        if self._watch is None or self._watch.done():
            self._watch = asyncio.create_task(self._until_released())
        try:
            async with asyncio.timeout(hold.timeout):
                await gate.wait()
        except TimeoutError as e:
            raise RefusedError(f"{revision} has not started within {hold.timeout:g} s", hold.retry_after) from e
        finally:
            self._leaves(revision)

    def _leaves(self, revision: str) -> None:
        self._held[revision] -= 1
        if not self._held[revision]:
            del self._held[revision], self._gates[revision]
        if not self._held:
            self._somebody.clear()

    async def _until_released(self) -> None:
        """Open the gate of each revision that is on hold no more, as long as anybody waits."""
        while self._held:
            holds = self._read()
            for revision in self._gates.keys() - holds.keys():
                self._gates[revision].set()
            await asyncio.sleep(POLL_SECONDS)

    def _read(self) -> dict[str, Hold]:
        try:
            said = json.loads(self._file.read_text())
        except FileNotFoundError:
            # The configuration is of a time before anything was to be held.
            return {}
        return {r: Hold(h["timeout"], h["maxHeld"], h["retryAfter"]) for r, h in said.items()}

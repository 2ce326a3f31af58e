"""Progress lines for the init container's log."""

import sys
import time
from collections.abc import Callable

from eagleray_serving.text import visible

_STEP_PERCENT = 10
_STEP_SECONDS = 5.0


def say(line: str) -> None:
    """Write one line to the log at once; it may quote whoever is asked."""
    sys.stdout.write(f"{visible(line)}\n")
    sys.stdout.flush()


def size(count: float) -> str:
    """Bytes for people: ``12.3 MiB``."""
    for unit in ("B", "KiB", "MiB"):
        if count < 1024:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} GiB"


class Progress:
    """Says how far a transfer is, every tenth of it and every five seconds.

    Args:
        verb: What is being done, as ``downloaded``.
        total: Bytes in all; None when nobody knows.
        done: Bytes that a try before has brought.
        clock: Seconds that only grow.
    """

    def __init__(
        self, verb: str, total: int | None, *, done: int = 0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._verb = verb
        self._total = total
        self._clock = clock
        self._start = self._said_at = clock()
        self._said_percent = done * 100 // total if total else 0
        self.done = done

    def add(self, count: int) -> None:
        """Count bytes."""
        self.done += count
        percent = self.done * 100 // self._total if self._total else 0
        now = self._clock()
        if percent >= self._said_percent + _STEP_PERCENT or now - self._said_at >= _STEP_SECONDS:
            self._said_percent, self._said_at = percent, now
            of_all = f" of {size(self._total)} ({percent} %)" if self._total else ""
            say(f"{self._verb} {size(self.done)}{of_all} after {now - self._start:.1f} s")

    def finish(self) -> None:
        """Say the total."""
        say(f"{self._verb} {size(self.done)} in {self._clock() - self._start:.1f} s")

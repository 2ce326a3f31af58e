"""Questions to peers become fewer while the process is busy, so that events, and what they ask for, come first."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

# Above this share of one core peers are asked less often, below that oftener again.
BUSY, CALM = 0.5, 0.35
# By how much at a time, and at most.
SLOWER, FASTER, MOST = 1.5, 1.25, 40.0
MEASURED_SECONDS = 1.0
# No pace is stretched beyond this; one that is slower stays as it is.
SLOWEST_SECONDS = 30.0


def stretched(factor: float, busy: float) -> float:
    """By how much paces are stretched next.

    Args:
        factor: by how much they are now, from 1.
        busy: the share of one core that the process has used since that was decided.
    """
    if busy > BUSY:
        return min(MOST, factor * SLOWER)
    return max(1.0, factor / FASTER) if busy < CALM else factor


@dataclass(slots=True)
class Throttle:
    """Stretches the paces of all questions of this process alike.

    Args:
        used: seconds of processor time that the process has used so far.
        clock: seconds that have passed.
    """

    used: Callable[[], float] = time.process_time
    clock: Callable[[], float] = time.monotonic
    _factor: float = 1.0
    _measured: tuple[float, float] | None = field(default=None)

    def pace(self, seconds: float) -> float:
        """Seconds between two rounds of a question that is to be asked every `seconds`."""
        self._measure()
        return max(seconds, min(seconds * self._factor, SLOWEST_SECONDS))

    def _measure(self) -> None:
        now = self.clock()
        if self._measured is None:
            self._measured = now, self.used()
        then, before = self._measured
        if now - then >= MEASURED_SECONDS:
            used = self.used()
            self._factor = stretched(self._factor, (used - before) / (now - then))
            self._measured = now, used

"""Questions to peers become fewer while the process is busy, so that events, and what they ask for, come first."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from eagleray.domain.plan.pace import SETTLED_SECONDS

# By how much paces are stretched at a time, and shortened.
SLOWER, FASTER = 1.5, 1.25
MEASURED_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Tier:
    """Questions that are put off alike.

    Attributes:
        seconds: those of this pace and slower ones.
        busy: above this share of one core they are asked less often …
        calm: … and below this one oftener again.
        most: by how much they are put off at most.
        slowest: no pace is stretched beyond so many seconds; one that is slower stays as it is.
    """

    seconds: float
    busy: float
    calm: float
    most: float
    slowest: float


QUIET = Tier(SETTLED_SECONDS, busy=0.15, calm=0.1, most=2.0, slowest=60.0)
"""Of what has settled: changes come as events, and a thousand such objects are most of an operator's work."""
MOVING = Tier(0.0, busy=0.5, calm=0.35, most=40.0, slowest=30.0)
TIERS = (QUIET, MOVING)


def stretched(tier: Tier, factor: float, busy: float) -> float:
    """By how much the paces of a tier are stretched next.

    Args:
        tier: the tier.
        factor: by how much they are now, from 1.
        busy: the share of one core that the process has used since that was decided.
    """
    if busy > tier.busy:
        return min(tier.most, factor * SLOWER)
    return max(1.0, factor / FASTER) if busy < tier.calm else factor


@dataclass(slots=True)
class Throttle:
    """Stretches the paces of all questions of this process, those of a tier alike.

    Args:
        used: seconds of processor time that the process has used so far.
        clock: seconds that have passed.
    """

    used: Callable[[], float] = time.process_time
    clock: Callable[[], float] = time.monotonic
    _factors: dict[Tier, float] = field(default_factory=lambda: dict.fromkeys(TIERS, 1.0))
    _measured: tuple[float, float] | None = field(default=None)

    def pace(self, seconds: float) -> float:
        """Seconds between two rounds of a question that is to be asked every `seconds`."""
        self._measure()
        tier = next(tier for tier in TIERS if seconds >= tier.seconds)
        return max(seconds, min(seconds * self._factors[tier], tier.slowest))

    def _measure(self) -> None:
        now = self.clock()
        if self._measured is None:
            self._measured = now, self.used()
        then, before = self._measured
        if now - then >= MEASURED_SECONDS:
            used = self.used()
            busy = (used - before) / (now - then)
            self._factors = {tier: stretched(tier, factor, busy) for tier, factor in self._factors.items()}
            self._measured = now, used

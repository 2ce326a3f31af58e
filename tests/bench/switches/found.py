"""What was measured of the switches."""

from collections import defaultdict
from dataclasses import dataclass, field

LONE, MANY, LARGE = "a lone caller, p50 ms", "32 callers, requests/s", "1 MiB handed on, p50 ms"
HEALTH = "a health check while a handler computes for a second, ms"
"""The figures."""


@dataclass(frozen=True, slots=True)
class Pair:
    """One figure of a server as it is, and with a switch turned; a turn each."""

    plain: list[float] = field(default_factory=list)
    turned: list[float] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Found:
    """What was measured of one server.

    Attributes:
        title: the server's.
        turned: whose way a switch has that is turned.
        figures: by figure's title, and by switch's label, what was measured.
    """

    title: str
    turned: str
    figures: dict[str, dict[str, Pair]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(Pair)))

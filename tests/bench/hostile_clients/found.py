"""What was measured of a router under hostile clients, and without any."""

from collections import defaultdict
from dataclasses import dataclass, field

SIDES = ("before", "now")


@dataclass(frozen=True, slots=True)
class Held:
    """How a router fared under one attack.

    Attributes:
        peak: the most bytes of memory that Envoy had, as the kernel counts them for the process.
        charged: the most bytes that its container was charged for, or None where this machine has none.
        ended: whether the kernel ended it at its limit.
        answered: requests of others that were answered well …
        asked: … of so many.
        told: whether readiness and statistics were answered each time.
    """

    peak: int
    charged: int | None
    ended: bool
    answered: int
    asked: int
    told: bool


@dataclass(frozen=True, slots=True)
class Found:
    """Everything.

    Attributes:
        held: by attack, then by side.
        latency: by side, of a lone caller: ``{"p50", "p99"}`` in milliseconds, a turn each.
        rates: by side: requests per second of many callers, a turn each.
        memory: by side: bytes after these.
    """

    held: dict[str, dict[str, Held]] = field(default_factory=lambda: defaultdict(dict))
    latency: dict[str, list[dict[str, float]]] = field(default_factory=lambda: defaultdict(list))
    rates: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    memory: dict[str, int] = field(default_factory=dict)

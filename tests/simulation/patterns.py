"""Requests that come in each second, in six ways; the same at every run."""

import math
import random
from collections.abc import Callable

from simulation.model import SERVICE_SECONDS
from simulation.policies import TARGET

NOISE = 0.15
# Requests a second that one replica is meant for.
PER_REPLICA = TARGET / SERVICE_SECONDS


def _noisy(seconds: int, replicas: Callable[[int], float], seed: int) -> list[float]:
    dice = random.Random(seed)  # noqa: S311 -- no secret
    found = (max(0.0, PER_REPLICA * replicas(s)) for s in range(seconds))
    return [round(rate * dice.gauss(1, NOISE)) if rate else 0.0 for rate in found]


PATTERNS: dict[str, list[float]] = {
    "constant": _noisy(3600, lambda _: 6.0, 1),
    "step x10": _noisy(3600, lambda s: 12.0 if 900 <= s < 2400 else 1.2, 2),
    "ramp": _noisy(3600, lambda s: 1 + 15 * min(1.0, max(0.0, (s - 600) / 1800)), 3),
    "diurnal": _noisy(4 * 3600, lambda s: 8 - 7 * math.cos(2 * math.pi * s / 7200), 4),
    "spiky": _noisy(3600, lambda s: 8.0 if s % 900 < 60 else 0.0, 5),
    "flapping": _noisy(3600, lambda s: 5.6 if s // 40 % 2 else 4.4, 6),
}
MOST = 20

"""What was measured of the servers with one model."""

from collections import defaultdict
from dataclasses import dataclass, field

SOME, MANY = 64, 1000
"""Rows of the larger requests."""
Latencies = dict[str, list[dict[str, float]]]
"""By server: ``{"p50", "p99"}`` in milliseconds, a turn each."""


@dataclass(frozen=True, slots=True)
class Found:
    """What was measured of one model.

    Attributes:
        title: the model's.
        one: of a lone caller with one row, by server: ``{"p50", "p99"}`` in milliseconds, a turn each.
        some: with `SOME` rows.
        rates: of many callers with one row each, by server: requests per second, a turn each.
        many: with `MANY` rows in binary.
        bare: milliseconds of the model's own predict for these, a turn each.
    """

    title: str
    one: Latencies = field(default_factory=lambda: defaultdict(list))
    some: Latencies = field(default_factory=lambda: defaultdict(list))
    rates: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    many: Latencies = field(default_factory=lambda: defaultdict(list))
    bare: list[float] = field(default_factory=list)

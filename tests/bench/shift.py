"""What a shift of requests costs: other weights, and a whole new revision."""

import time
from dataclasses import dataclass

from e2e.cluster import Manifest
from e2e.given import Given, Served
from e2e.when import When

RATE = 50.0
ROUNDS = 4


@dataclass(frozen=True, slots=True)
class Shift:
    """One change under load.

    Attributes:
        first: seconds after `kubectl patch` returned until the first answer of the side that gains.
        last: seconds until the last answer of the side that loses.
        sent: requests sent.
        failed: requests lost.
    """

    first: float
    last: float
    sent: int
    failed: int


@dataclass(frozen=True, slots=True)
class Shifts:
    """All that was measured.

    Attributes:
        weights: all requests moved from one version to the other and back.
        revisions: a revision replaced by the next.
    """

    weights: list[Shift]
    revisions: list[Shift]


def measure(given: Given, when: When) -> Shifts:
    """Measure on an application that answers at once: two versions, one replica each."""
    served = given.knobs("shift", versions=_versions(100, "a"), replicas=2)
    weights = [_shift(given, when, served, _versions(weight, "a")) for weight in (0, 100) * (ROUNDS // 2)]
    revisions = [_shift(given, when, served, _versions(100, name)) for name in "bcde"[:ROUNDS]]
    given.cluster.delete("md", served.md.name, served.md.namespace)
    return Shifts(weights, revisions)


def _versions(weight: int, name: str) -> list[Manifest]:
    """The weight of the first version, and the content that it has."""
    return [
        {"name": "v1", "weight": weight, "app": {"args": {"name": name}}},
        {"name": "v2", "weight": 100 - weight, "app": {"args": {"name": "other"}}},
    ]


def _shift(given: Given, when: When, served: Served, versions: list[Manifest]) -> Shift:
    given.then.settled(served.md)
    with when.loaded(served, RATE) as load:
        when.changed(served.md, {"versions": versions})
        changed = time.time()
        given.then.settled(served.md)
    (_, old), (_, new) = sorted(load.result.revisions.items(), key=lambda item: item[1]["first"])
    return Shift(new["first"] - changed, old["last"] - changed, load.result.sent, load.result.failed)

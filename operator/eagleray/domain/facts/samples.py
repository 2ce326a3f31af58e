"""Looks at the routers as they are kept: only the revisions concerned, their counts packed, and fewer the older."""

from array import array
from collections.abc import Collection, Container, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Protocol

from eagleray.domain.facts.router_stats import RevisionStats

# Looks lie no further apart than this part of their age, so both edges of a time are found to within that part of it.
FINEST, COARSEST = 24, 6
# So many router Pods times revisions are kept at the finest; with more the looks get fewer, so that all take about a
# megabyte.
SERIES = 4
_SMALL = 2**32
Edges = tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Counted:
    """What one router Pod counted of one revision, as `RevisionStats` has it.

    Attributes:
        active: requests at replicas at that moment.
        requests: requests answered.
        errors: those of them answered 5xx.
        latency_sum_ms: sum of the times of complete answers, in ms.
        latency_count: answers in that sum.
        bounds_ms: upper edges of the buckets, none where they were not kept; all looks with the same edges share them.
        below: answers below each of them.
    """

    active: int
    requests: int
    errors: int
    latency_sum_ms: float
    latency_count: int
    bounds_ms: tuple[float, ...]
    below: Sequence[int]

    @property
    def latency_buckets(self) -> tuple[tuple[float, int], ...]:
        """Upper edge in ms → answers that took less."""
        return tuple(zip(self.bounds_ms, self.below, strict=True))


class Counts(Protocol):
    """What one router Pod counted."""

    @property
    def revisions(self) -> Collection[str]:
        """Those that it knows."""
        ...

    def of(self, revision: str) -> Counted | RevisionStats:
        """Of one revision; all zero where it does not know it."""
        ...


@dataclass(frozen=True, slots=True)
class Sample:
    """One look at the routers.

    Attributes:
        at: when.
        stats: by name of the router Pod; one that did not answer is absent.
    """

    at: datetime
    stats: Mapping[str, Counts]


@dataclass(frozen=True, slots=True)
class Packed:
    """One router Pod's counts.

    Attributes:
        revisions: names of the revisions that it knows.
        counted: the counts of each.
    """

    revisions: tuple[str, ...]
    counted: tuple[Counted, ...]

    def of(self, revision: str) -> Counted | RevisionStats:
        """The counts of one revision; all zero where this router does not know it."""
        if revision not in self.revisions:
            return RevisionStats()
        return self.counted[self.revisions.index(revision)]


def record(samples: Sequence[Sample], sample: Sample, keep: timedelta, timed: Container[str]) -> tuple[Sample, ...]:
    """Add a sample and let go of what is older than `keep`, or said almost the same by its neighbours.

    Where the clock was put back, samples from its future are dropped.

    Args:
        samples: what is known, oldest first.
        sample: the new look.
        keep: how far back a window may begin.
        timed: revisions whose latencies somebody may decide on; the buckets of others are not kept.
    """
    kept = [s for s in samples if sample.at - keep <= s.at < sample.at]
    known = next((known for s in reversed(kept) for known in s.stats.values() if isinstance(known, Packed)), None)
    bounds = {c.bounds_ms: c.bounds_ms for c in (known.counted if known else ())}
    stats = {pod: _packed(counts, timed, bounds) for pod, counts in sample.stats.items()}
    kept.append(Sample(sample.at, stats))
    return _thinned(kept, sum(bool(c.bounds_ms) for packed in stats.values() for c in packed.counted))


def _packed(counts: Counts, timed: Container[str], bounds: dict[Edges, Edges]) -> Packed:
    """Pack one router Pod's counts.

    Args:
        counts: as it told them.
        timed: names of those whose buckets are kept.
        bounds: edges that are known, to be shared.
    """
    names = tuple(sorted(counts.revisions))
    return Packed(names, tuple(_counted(counts.of(name), bounds, timed=name in timed) for name in names))


def _counted(of: Counted | RevisionStats, bounds: dict[Edges, Edges], *, timed: bool) -> Counted:
    buckets = of.latency_buckets if timed else ()
    edges, below = tuple(bound for bound, _ in buckets), [count for _, count in buckets]
    packed = array("I" if max(below, default=0) < _SMALL else "Q", below)
    shared = bounds.setdefault(edges, edges)
    return Counted(of.active, of.requests, of.errors, of.latency_sum_ms, of.latency_count, shared, packed)


def _thinned(samples: list[Sample], series: int) -> tuple[Sample, ...]:
    """Drop each look whose neighbours lie close enough for their age."""
    parts = max(COARSEST, min(FINEST, FINEST * SERIES // max(1, series)))
    first, *rest = samples
    now, kept = samples[-1].at, [first]
    for sample, after in pairwise(rest):
        if (after.at - kept[-1].at) * parts > now - after.at:
            kept.append(sample)
    return (*kept, *rest[-1:])

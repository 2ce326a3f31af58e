"""What the routers counted over a time: requests, errors and latencies of a revision."""

import math
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from eagleray.domain.facts.router_stats import RevisionStats
from eagleray.domain.facts.samples import Counted, Sample

# A router Pod without an answer for so long is taken for gone: what it counted until then is all there will be of it.
SILENT_SECONDS = 30.0
# A sudden change must be seen with little traffic as well: ten seconds alone are too few requests to prove anything.
LATEST_SECONDS = 60.0


Figures = Counted | RevisionStats
Stretch = tuple[Figures, Figures]


@dataclass(frozen=True, slots=True)
class Histogram:
    """Times of requests, sorted into buckets.

    Attributes:
        bounds_ms: upper edge of each bucket in ms, ascending: its requests took less, and no less than the edge before.
        counts: requests in each bucket.
    """

    bounds_ms: tuple[float, ...] = ()
    counts: tuple[int, ...] = ()

    @property
    def total(self) -> int:
        """Requests in all."""
        return sum(self.counts)

    def above(self, ms: float) -> int:
        """Requests that surely took `ms` or longer: those of a bucket that `ms` lies in are left out."""
        return sum(count for low, count in zip(self._lower_edges(), self.counts, strict=True) if low >= ms)

    def quantile(self, q: float) -> float | None:
        """The time that a share `q` of the requests stayed below.

        Interpolated within its bucket, so that it is at or below an edge exactly when the share is: up to a bucket's
        width off elsewhere.

        Args:
            q: share of 1, above 0.

        Returns:
            ms; `math.inf` where it is beyond the last edge; None without requests.
        """
        wanted, below = q * self.total, 0
        for low, high, count in zip(self._lower_edges(), self.bounds_ms, self.counts, strict=True):
            if count and (below + count >= wanted or math.isclose(below + count, wanted)):
                return low + (high - low) * min((wanted - below) / count, 1.0)
            below += count
        return None

    def _lower_edges(self) -> tuple[float, ...]:
        return (0.0, *self.bounds_ms)[: len(self.bounds_ms)]


@dataclass(frozen=True, slots=True)
class Window:
    """What one revision did in a stretch of time, over all router Pods.

    Attributes:
        requests: requests answered.
        errors: those of them answered 5xx.
        latencies: how long they took; those that never got a complete answer are in no bucket, or in the last.
        seconds: length of the time that was seen.
        missing: whether a router Pod has not told lately what it counted, so that the figures are incomplete.
        busy: seconds that complete answers took, all together: by Little's law `busy / seconds` requests were in
            progress on average.
    """

    requests: int
    errors: int
    latencies: Histogram
    seconds: float
    missing: bool
    busy: float = 0.0


@dataclass(frozen=True, slots=True)
class Windows:
    """One revision in the two stretches of time that it is judged by.

    Attributes:
        overall: since its share of the requests changed.
        latest: the last minute of that, or the last interval where that is longer.
    """

    overall: Window
    latest: Window


def window(samples: Sequence[Sample], revision: str, since: datetime) -> Window:
    """What `revision` did between the first sample at or after `since` and the last.

    A router Pod that was restarted counts from zero again, and so does one that was not there at first: it is new. The
    first look at a Pod may be long after it started only where the operator was restarted and missed it at its first.

    Args:
        samples: oldest first.
        revision: name of the revision.
        since: beginning.
    """
    begin = next((i for i, s in enumerate(samples) if s.at >= since), len(samples))
    inside = samples[begin:]
    if not inside:
        return Window(0, 0, Histogram(), 0.0, missing=True)
    steps = [step for pod in _pods(inside) for step in _steps(samples, begin, pod, revision)]
    requests = sum(after.requests - before.requests for before, after in steps)
    errors = sum(after.errors - before.errors for before, after in steps)
    return Window(
        requests=requests,
        # Envoy's counters are not read in one moment.
        errors=min(errors, requests),
        latencies=_histogram(steps),
        seconds=(inside[-1].at - inside[0].at).total_seconds(),
        missing=_is_missing(samples),
        busy=max(0.0, sum(after.latency_sum_ms - before.latency_sum_ms for before, after in steps)) / 1000,
    )


def windows(samples: Sequence[Sample], revision: str, changed: datetime, interval: float) -> Windows:
    """Both windows of `revision` at the last sample.

    Args:
        samples: oldest first.
        revision: name of the revision.
        changed: when its share of the requests changed last.
        interval: time between two measurements in seconds.
    """
    overall = window(samples, revision, changed)
    if not samples:
        return Windows(overall, overall)
    latest = samples[-1].at - timedelta(seconds=max(interval, LATEST_SECONDS))
    return Windows(overall, window(samples, revision, max(changed, latest)))


def _pods(samples: Sequence[Sample]) -> list[str]:
    return sorted({pod for sample in samples for pod in sample.stats})


def _steps(samples: Sequence[Sample], begin: int, pod: str, revision: str) -> Iterator[Stretch]:
    """Stretches in which the Pod's counters only grew: the figures before and after each."""
    first = start = _at_begin(samples, begin, pod, revision)
    seen = [s.stats[pod].of(revision) for s in samples[begin:] if pod in s.stats]
    for before, after in pairwise([first, *seen]):
        if _went_down(before, after):
            yield start, before
            start = RevisionStats()
    yield start, seen[-1]


def _went_down(before: Figures, after: Figures) -> bool:
    return (
        after.requests < before.requests or after.errors < before.errors or after.latency_count < before.latency_count
    )


def _at_begin(samples: Sequence[Sample], begin: int, pod: str, revision: str) -> Figures:
    """The Pod's figures at the first sample; if it did not answer then, those before; zero for one not seen before."""
    known = next((s.stats[pod] for s in reversed(samples[: begin + 1]) if pod in s.stats), None)
    return known.of(revision) if known else RevisionStats()


def _is_missing(samples: Sequence[Sample]) -> bool:
    last = samples[-1]
    lately = [s for s in samples if (last.at - s.at).total_seconds() < SILENT_SECONDS]
    return not last.stats or any(pod not in last.stats for pod in _pods([*samples[-2:], *lately]))


def _histogram(steps: Sequence[Stretch]) -> Histogram:
    """The increase of each bucket; a stretch that begins before the buckets were kept has none."""
    steps = [(before, after) for before, after in steps if before.latency_buckets or not before.latency_count]
    bounds = sorted({bound for _, after in steps for bound, _ in after.latency_buckets})
    below = [sum(_below(after, b) - _below(before, b) for before, after in steps) for b in bounds]
    # A restart is not seen where the Pod has answered more since than before.
    return Histogram(tuple(bounds), tuple(max(n - m, 0) for m, n in pairwise([0, *below])))


def _below(stats: Figures, bound: float) -> int:
    """Requests below an edge; between two edges that are given there were none."""
    place = bisect_right(stats.latency_buckets, (bound, math.inf))
    return stats.latency_buckets[place - 1][1] if place else 0


def covered(samples: Sequence[Sample]) -> float:
    """Seconds between the first and the last look at the routers."""
    return (samples[-1].at - samples[0].at).total_seconds() if samples else 0.0

"""Whether a candidate's figures are within their limits: proven worse, fine, or not yet known.

The statistics, and what they assume, are in docs/adr/0009-analysis-statistics.md.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import accumulate

from eagleray.api.analysis import ERROR_RATE, MIRROR_AGREEMENT, Analysis, AnalysisMetric
from eagleray.api.units import parse_duration
from eagleray.domain.facts.signals import Histogram, Window, Windows
from eagleray.domain.state.rollout import FigureState, FigureVerdict

# Chance that one look at one figure calls a candidate bad that is just at its limit. A rollout is looked at hundreds of
# times, and each look is a chance to be wrong: 1,000 looks at two windows are wrong in at most 2 of 100 rollouts.
ALPHA = 1e-5
DEFAULT_INTERVAL_SECONDS = 10.0
DEFAULT_COUNT = 1
DEFAULT_FAILURE_LIMIT = 0
DEFAULT_MIN_REQUESTS = 50
_BISECTIONS = 40


@dataclass(frozen=True, slots=True)
class Measurement:
    """What one look says about one figure.

    Attributes:
        name: name of the metric.
        verdict: `NoData` where there are too few requests to say anything.
        message: value, limit and number of requests, for people.
    """

    name: str
    verdict: FigureVerdict
    message: str


def interval_seconds(analysis: Analysis) -> float:
    """Seconds between two measurements."""
    return DEFAULT_INTERVAL_SECONDS if analysis.interval is None else parse_duration(analysis.interval)


def initial_delay_seconds(analysis: Analysis) -> float:
    """Seconds from a change of the candidate's share to its first measurement."""
    return 0.0 if analysis.initial_delay is None else parse_duration(analysis.initial_delay)


def wanted_count(analysis: Analysis) -> int:
    """Measurements of each figure that must pass."""
    return DEFAULT_COUNT if analysis.count is None else analysis.count


def failure_limit(analysis: Analysis) -> int:
    """Measurements of one figure that may fail."""
    return DEFAULT_FAILURE_LIMIT if analysis.failure_limit is None else analysis.failure_limit


def min_requests(analysis: Analysis) -> int:
    """Requests that the candidate must have answered before it is judged."""
    return DEFAULT_MIN_REQUESTS if analysis.min_requests is None else analysis.min_requests


def proven_above(k: int, n: int, p: float, alpha: float) -> bool:
    """Whether `k` of `n` requests prove that the share of such requests is above `p`.

    The exact binomial test: had the share been `p` or less, `k` or more of `n` would have a probability of at most
    `alpha`.

    Args:
        k: requests of the kind, 0 to `n`.
        n: requests in all.
        p: share of 1.
        alpha: accepted probability of a wrong yes, below 0.5.
    """
    if k <= n * p:
        return False
    if p <= 0:
        return True
    log_ways = math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
    term = math.exp(log_ways + k * math.log(p) + (n - k) * math.log1p(-p))
    tail = 0.0
    for i in range(k, n + 1):
        tail += term
        if tail > alpha:
            return False
        # Above the mean each term is smaller than the one before, by a factor that itself shrinks.
        factor = (n - i) / (i + 1) * p / (1 - p)
        if tail + term * factor / (1 - factor) <= alpha:
            return True
        term *= factor
    return True


def upper_bound(k: int, n: int, alpha: float) -> float:
    """The share that `k` of `n` requests prove not to be exceeded (Clopper-Pearson, one-sided).

    Args:
        k: requests of the kind, 0 to `n`.
        n: requests in all.
        alpha: accepted probability that the true share is above the bound, below 0.5.
    """
    if k == n:
        return 1.0
    low, high = k / n, 1.0
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        low, high = (low, middle) if proven_above(n - k, n, 1 - middle, alpha) else (middle, high)
    return high


def measure(analysis: Analysis, candidate: Windows, stable: Windows) -> list[Measurement]:
    """Judge every figure of `analysis` that the routers know; what the windows mean is said at `judge`."""
    return [judge(metric, candidate, stable, min_requests(analysis)) for metric in routers_own(analysis)]


def routers_own(analysis: Analysis) -> list[AnalysisMetric]:
    """The figures that are counted in windows of what the routers say."""
    return [metric for metric in analysis.metrics if metric.provider is None and metric.name != MIRROR_AGREEMENT]


def judge(metric: AnalysisMetric, candidate: Windows, stable: Windows, least: int) -> Measurement:
    """Judge one figure of the candidate.

    It fails where either window proves that it is above a limit: all since the share changed, which finds a small
    excess, or the last minute, which finds a sudden one in a long step. It passes where it is at or below every limit
    since the share changed.

    Args:
        metric: the figure and its limits.
        candidate: the revision that is judged.
        stable: the revision that it is compared with, where the metric says so.
        least: requests that either must have answered.
    """
    answered = _answered(metric, candidate.overall)
    if candidate.overall.missing:
        return Measurement(metric.name, "NoData", "a router Pod does not tell its figures")
    if answered < least:
        return Measurement(metric.name, "NoData", f"{answered} of {least} requests so far")
    overall = list(_tests(metric, candidate.overall, stable.overall, least))
    latest = _tests(metric, candidate.latest, stable.latest, least, f" in the last {candidate.latest.seconds:.0f} s")
    proof = next((test for test in (*overall, *latest) if test.is_proof()), None)
    if proof:
        return Measurement(metric.name, "Failed", proof.message)
    known = _answered(metric, stable.overall)
    if metric.margin is not None and known < least:
        return Measurement(metric.name, "NoData", f"{known} of {least} requests of the stable revision so far")
    above = next((test for test in overall if not test.fits), None)
    return Measurement(metric.name, "Inconclusive" if above else "Successful", (above or overall[0]).message)


def take(status: Sequence[FigureState], measurements: Sequence[Measurement], now: datetime) -> tuple[FigureState, ...]:
    """Add measurements to what is known; figures without a new one, or still without data, stay as they are."""
    merged = {s.name: s for s in status}
    for measurement in measurements:
        before = merged.get(measurement.name)
        verdict = measurement.verdict
        if before and verdict == "NoData" and (before.verdict, before.message) == (verdict, measurement.message):
            continue
        merged[measurement.name] = FigureState(
            name=measurement.name,
            verdict=verdict,
            message=measurement.message,
            measured_at=now,
            successful=(before.successful if before else 0) + (verdict == "Successful"),
            failed=(before.failed if before else 0) + (verdict == "Failed"),
            inconclusive=(before.inconclusive if before else 0) + (verdict == "Inconclusive"),
        )
    return tuple(merged.values())


def restart(status: Sequence[FigureState]) -> tuple[FigureState, ...]:
    """What is known when the candidate's share changes: failures stay, all else is to be shown again."""
    return tuple(replace(s, successful=0, inconclusive=0) for s in status)


def failed(analysis: Analysis, status: Sequence[FigureState]) -> FigureState | None:
    """The first figure that failed more often than it may."""
    limit = failure_limit(analysis)
    return next((s for s in _of(analysis, status) if s.failed > limit), None)


def undecided(analysis: Analysis, status: Sequence[FigureState]) -> FigureState | None:
    """The first figure above its limit without proof more often than it may; None where there is no such limit."""
    limit = analysis.inconclusive_limit
    return None if limit is None else next((s for s in _of(analysis, status) if s.inconclusive > limit), None)


def passed(analysis: Analysis, status: Sequence[FigureState]) -> bool:
    """Whether every figure passed often enough, and passed last."""
    return not waiting(analysis, status)


def waiting(analysis: Analysis, status: Sequence[FigureState]) -> str:
    """What the analysis waits for, for people; "" where it has passed."""
    known = {s.name: s for s in status}
    reasons = (_reason(metric.name, known.get(metric.name), wanted_count(analysis)) for metric in analysis.metrics)
    return next((reason for reason in reasons if reason), "")


def _reason(name: str, status: FigureState | None, wanted: int) -> str:
    if status is None:
        return f"{name} is not measured yet"
    if status.verdict == "Successful":
        return "" if status.successful >= wanted else f"{name}: {status.successful} of {wanted} measurements passed"
    if status.verdict == "NoData":
        return f"{name}: {status.message}"
    return f"{status.message}: {'failed' if status.verdict == 'Failed' else 'above, but not yet proven'}"


def _of(analysis: Analysis, status: Sequence[FigureState]) -> Iterator[FigureState]:
    names = {metric.name for metric in analysis.metrics}
    return (s for s in status if s.name in names)


@dataclass(frozen=True, slots=True)
class _Test:
    """One figure against one limit: `k` of `n` requests exceed it, a share `p` may; `fits` is said of what was seen."""

    k: int
    n: int
    p: float
    alpha: float
    fits: bool
    message: str

    def is_proof(self) -> bool:
        return proven_above(self.k, self.n, self.p, self.alpha)


def _tests(metric: AnalysisMetric, candidate: Window, stable: Window, least: int, when: str = "") -> Iterator[_Test]:
    if not _answered(metric, candidate):
        return
    test = _error_rate if metric.name == ERROR_RATE else _latency
    if metric.limit is not None:
        yield test(metric, candidate, None, when)
    if metric.margin is not None and _answered(metric, stable) >= least:
        yield test(metric, candidate, stable, when)


def _answered(metric: AnalysisMetric, window: Window) -> int:
    return window.requests if metric.name == ERROR_RATE else window.latencies.total


def _error_rate(metric: AnalysisMetric, candidate: Window, stable: Window | None, when: str) -> _Test:
    k, n = candidate.errors, candidate.requests
    text = f"{metric.name} {_percent(k / n)} of {n} requests{when}"
    if stable is None:
        limit = metric.limit or 0.0
        return _Test(k, n, limit, ALPHA, _at_most(k / n, limit), f"{text}, limit {metric.max}")
    margin, rate = metric.margin or 0.0, stable.errors / stable.requests
    bound = upper_bound(stable.errors, stable.requests, ALPHA / 2) + margin
    text += f", stable {_percent(rate)} of {stable.requests}, may be {metric.max_increase} above"
    return _Test(k, n, bound, ALPHA / 2, _at_most(k / n, rate + margin), text)


def _latency(metric: AnalysisMetric, candidate: Window, stable: Window | None, when: str) -> _Test:
    q = int(metric.name.removeprefix("latency-p")) / 100
    times = candidate.latencies
    value = times.quantile(q) or 0.0
    text = f"{metric.name} {_about(value, times)} of {times.total} requests{when}"
    if stable is None:
        limit = round((metric.limit or 0.0) * 1000)
        text += f", limit {metric.max}"
        return _Test(times.above(limit), times.total, 1 - q, ALPHA, _at_most(value, limit), text)
    factor, usual = 1 + (metric.margin or 0.0), stable.latencies.quantile(q) or 0.0
    slow = times.above(_quantile_bound(stable.latencies, q) * factor)
    text += (
        f", stable {_about(usual, stable.latencies)} of {stable.latencies.total}, may be {metric.max_increase} above"
    )
    return _Test(slow, times.total, 1 - q, ALPHA / 2, _at_most(value, usual * factor), text)


def _quantile_bound(times: Histogram, q: float) -> float:
    """The first edge that the quantile is proven to lie below, in ms; `math.inf` with too few requests to prove any."""
    edges = zip(times.bounds_ms, accumulate(times.counts), strict=True)
    return next((edge for edge, below in edges if proven_above(below, times.total, q, ALPHA / 2)), math.inf)


def _at_most(value: float, limit: float) -> bool:
    return value <= limit or math.isclose(value, limit)


def _percent(share: float) -> str:
    return f"{100 * share:.3g}%"


def _about(ms: float, times: Histogram) -> str:
    last = max((bound for bound in times.bounds_ms if bound < math.inf), default=0)
    return f"about {ms:.0f} ms" if ms < math.inf else f"over {last:.0f} ms"

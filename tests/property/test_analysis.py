"""The statistics of an analysis: exact where that can be computed, simulated where a rollout is looked at repeatedly.

The figures of docs/adr/0009-analysis-statistics.md come from `share` and `found_after` below, with more rollouts than
the tests have time for.
"""

import math
import random
from collections import deque
from collections.abc import Callable
from fractions import Fraction
from functools import reduce

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eagleray.api.analysis import AnalysisMetric
from eagleray.domain.facts.signals import Histogram, Window, Windows
from eagleray.domain.version.rollout.analysis import ALPHA, judge, proven_above, upper_bound
from eagleray.router.bootstrap import LATENCY_EDGES_MS

LEAST = 50
EVERY = 10
HALF_HOUR = 1800
EDGES = (*(float(edge) for edge in LATENCY_EDGES_MS), math.inf)
NOTHING = Window(0, 0, Histogram(), 0, missing=False)


def exact_tail(k: int, n: int, p: Fraction) -> Fraction:
    return sum((math.comb(n, i) * p**i * (1 - p) ** (n - i) for i in range(k, n + 1)), Fraction(0))


COUNTS = st.integers(1, 120).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
SHARES = st.fractions(0, 1, max_denominator=1000)
ALPHAS = st.sampled_from([Fraction(1, 10), Fraction(1, 1000), Fraction(1, 10**5)])


@given(counts=COUNTS, p=SHARES, alpha=ALPHAS)
def test_proof_is_the_exact_binomial_tail(counts: tuple[int, int], p: Fraction, alpha: Fraction) -> None:
    k, n = counts
    tail = exact_tail(k, n, p)
    if abs(tail - alpha) > alpha / 10**6:
        assert proven_above(k, n, float(p), float(alpha)) == (tail <= alpha)


@given(counts=COUNTS, alpha=ALPHAS)
def test_the_bound_is_where_so_few_become_too_unlikely(counts: tuple[int, int], alpha: Fraction) -> None:
    k, n = counts
    bound = upper_bound(k, n, float(alpha))
    assert k / n <= bound <= 1
    if k < n:
        few = 1 - exact_tail(k + 1, n, Fraction(bound))
        assert few <= alpha * (1 + Fraction(1, 10**6))
        assert few >= alpha * (1 - Fraction(1, 10**3))


@pytest.mark.parametrize("n", [10**3, 10**5, 10**7])
@pytest.mark.parametrize("p", [0.001, 0.01, 0.1, 0.5])
def test_proof_agrees_with_the_normal_approximation_where_that_is_good(n: int, p: float) -> None:
    mean, deviation = n * p, math.sqrt(n * p * (1 - p))
    assert not proven_above(math.floor(mean), n, p, ALPHA)
    assert not proven_above(math.floor(mean + 3.5 * deviation), n, p, ALPHA)
    assert proven_above(math.ceil(mean + 8 * deviation), n, p, ALPHA)
    assert proven_above(n, n, p, ALPHA)


@given(
    n=st.integers(1, 10**6), k=st.floats(0, 1), p=st.floats(0, 1.5), more=st.integers(0, 1000), lower=st.floats(0, 1)
)
def test_more_exceeding_requests_or_a_lower_limit_never_weaken_a_proof(
    n: int, k: float, p: float, more: int, lower: float
) -> None:
    few = math.floor(k * n)
    if proven_above(few, n, p, ALPHA):
        assert proven_above(min(few + more, n), n, p, ALPHA)
        assert proven_above(few, n, p * lower, ALPHA)


Draw = Callable[[random.Random, int], Window]
"""What a revision answers to so many requests."""


def answers(error_rate: float) -> Draw:
    def draw(rng: random.Random, requests: int) -> Window:
        errors, place = 0, 0
        while error_rate > 0:  # from one error to the next, instead of request by request
            place += 1 + int(math.log(1 - rng.random()) / math.log(1 - error_rate))
            if place > requests:
                break
            errors += 1
        return Window(requests, errors, Histogram(), EVERY, missing=False)

    return draw


def times(median_ms: float, spread: float = 0.3) -> Draw:
    """Log-normal times, as most latencies are."""

    def draw(rng: random.Random, requests: int) -> Window:
        counts = [0] * len(EDGES)
        for _ in range(requests):
            took = median_ms * math.exp(rng.gauss(0, spread))
            counts[next(i for i, edge in enumerate(EDGES) if took < edge)] += 1
        return Window(requests, 0, Histogram(EDGES, tuple(counts)), EVERY, missing=False)

    return draw


def both(a: Window, b: Window) -> Window:
    if a is NOTHING:
        return b
    pairs = zip(a.latencies.counts, b.latencies.counts, strict=True)
    histogram = Histogram(b.latencies.bounds_ms, tuple(x + y for x, y in pairs))
    return Window(a.requests + b.requests, a.errors + b.errors, histogram, a.seconds + b.seconds, missing=False)


def failed_at(
    metric: AnalysisMetric,
    draw: Draw,
    rate: float,
    seed: int,
    *,
    stable: Draw | None = None,
    until: int = HALF_HOUR,
    well: Draw | None = None,
) -> int | None:
    """Second in which one simulated rollout is failed, or None.

    The stable revision gets four times the requests. With `well` the candidate answers so for half an hour before.
    """
    rng = random.Random(seed)  # noqa: S311 -- a simulation
    candidate = other = NOTHING
    minute: deque[Window] = deque(maxlen=6)
    usual: deque[Window] = deque(maxlen=6)
    for second in range(EVERY if well is None else EVERY - HALF_HOUR, until + 1, EVERY):
        answer = well if well and second <= 0 else draw
        minute.append(answer(rng, round(rate * second) - round(rate * (second - EVERY))))
        usual.append(stable(rng, 4 * minute[-1].requests) if stable else NOTHING)
        candidate, other = both(candidate, minute[-1]), both(other, usual[-1])
        windows = (Windows(candidate, reduce(both, minute)), Windows(other, reduce(both, usual)))
        found = judge(metric, *windows, LEAST)
        if found.verdict == "Failed":
            return second
    return None


def share(metric: AnalysisMetric, draw: Draw, rate: float, rollouts: int, **options: Draw | int) -> float:
    """Share of simulated rollouts that are failed."""
    runs = (failed_at(metric, draw, rate, seed, **options) for seed in range(rollouts))  # type: ignore[arg-type]
    return sum(second is not None for second in runs) / rollouts


def metric(name: str, **limits: str) -> AnalysisMetric:
    return AnalysisMetric.model_validate({"name": name, **limits})


def at_quantile(ms: float, deviations: float, spread: float = 0.3) -> Draw:
    """Times of which the quantile so many standard deviations above the median is exactly `ms`."""
    return times(ms / math.exp(deviations * spread), spread)


ERRORS = metric("error-rate", max="1%")
ERRORS_ABOVE = metric("error-rate", maxIncrease="0%")
P50, P99 = metric("latency-p50", max="200ms"), metric("latency-p99", max="200ms")
P50_ABOVE = metric("latency-p50", maxIncrease="0%")
P99_DEVIATIONS = 2.3263478740408408


@pytest.mark.parametrize(
    ("limit", "draw", "rate", "stable", "rollouts"),
    [
        (ERRORS, answers(0.01), 1.5, None, 400),
        (ERRORS, answers(0.01), 20, None, 400),
        (ERRORS_ABOVE, answers(0.02), 1.5, answers(0.02), 50),
        (P50, at_quantile(200, 0), 1.5, None, 25),
        (P99, at_quantile(200, P99_DEVIATIONS), 1.5, None, 25),
        (P50_ABOVE, times(70), 0.5, times(70), 20),
    ],
)
def test_a_candidate_at_its_limit_is_not_failed_in_half_an_hour(
    limit: AnalysisMetric, draw: Draw, rate: float, stable: Draw | None, rollouts: int
) -> None:
    found = share(limit, draw, rate, rollouts, **({"stable": stable} if stable else {}))
    assert found <= 0.01


def found_after(metric: AnalysisMetric, draw: Draw, rollouts: int, **options: Draw) -> tuple[int, int]:
    """Seconds until half of the simulated rollouts, and 99 of 100, are failed, with 1.5 requests a second."""
    runs = [failed_at(metric, draw, 1.5, seed, until=600, **options) or HALF_HOUR for seed in range(rollouts)]
    return sorted(runs)[rollouts // 2], sorted(runs)[rollouts * 99 // 100]


@pytest.mark.parametrize(
    ("limit", "draw", "stable", "seconds"),
    [
        (ERRORS, answers(0.2), None, 60),
        (P50, times(5 * 80), None, 60),
        (P99, times(5 * 80), None, 60),
        (metric("latency-p50", maxIncrease="20%"), times(5 * 80), times(80), 60),
        (metric("error-rate", maxIncrease="1%"), answers(0.2), answers(0.001), 100),
    ],
)
def test_a_bad_candidate_with_little_traffic_is_soon_failed(
    limit: AnalysisMetric, draw: Draw, stable: Draw | None, seconds: int
) -> None:
    options = {"stable": stable} if stable else {}
    assert found_after(limit, draw, 100, **options)[1] <= seconds


def test_a_candidate_that_turns_bad_after_half_an_hour_is_soon_failed() -> None:
    assert found_after(ERRORS, answers(0.2), 20, well=answers(0.001))[1] <= 60

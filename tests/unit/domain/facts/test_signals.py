import math
import tracemalloc
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eagleray.domain.facts.router_stats import RevisionStats, RouterStats
from eagleray.domain.facts.samples import FINEST, Sample, record
from eagleray.domain.facts.signals import Histogram, window, windows
from eagleray.router.bootstrap import LATENCY_EDGES_MS

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def counted(requests: int, errors: int = 0) -> RouterStats:
    buckets = ((10.0, 0), (20.0, requests - errors), (math.inf, requests)) if requests else ()
    stats = RevisionStats(requests=requests, errors=errors, latency_count=requests, latency_buckets=buckets)
    return RouterStats("v", {"r": stats})


def samples(*looks: dict[str, RouterStats], every: float = 1.0) -> tuple[Sample, ...]:
    return tuple(Sample(at(i * every), look) for i, look in enumerate(looks))


HISTOGRAM = Histogram((10, 20, 50, math.inf), (2, 4, 3, 1))


@pytest.mark.parametrize(
    ("ms", "slower"), [(0, 10), (5, 8), (10, 8), (10.5, 4), (20, 4), (49, 1), (50, 1), (51, 0), (math.inf, 0)]
)
def test_only_those_surely_slower_are_above(ms: float, slower: int) -> None:
    assert HISTOGRAM.above(ms) == slower


@pytest.mark.parametrize(("q", "ms"), [(0.1, 5), (0.2, 10), (0.5, 17.5), (0.6, 20), (0.9, 50), (0.95, math.inf)])
def test_a_quantile_lies_within_its_bucket(q: float, ms: float) -> None:
    assert HISTOGRAM.quantile(q) == pytest.approx(ms)


def test_without_requests_there_is_no_quantile() -> None:
    assert Histogram().quantile(0.5) is None
    assert Histogram((10, math.inf), (0, 0)).quantile(0.99) is None


@given(counts=st.lists(st.integers(0, 1000), min_size=4, max_size=4), q=st.sampled_from([0.5, 0.9, 0.95, 0.99]))
def test_a_quantile_is_at_or_below_an_edge_exactly_when_the_share_is(counts: list[int], q: float) -> None:
    histogram = Histogram((10, 20, 50, math.inf), tuple(counts))
    value = histogram.quantile(q)
    for edge in (10, 20, 50):
        slower = histogram.above(edge)
        fits = histogram.total - slower >= q * histogram.total - 1e-9 * histogram.total
        assert value is None or (value <= edge * (1 + 1e-12)) == fits


def test_a_window_is_the_increase_over_all_router_pods() -> None:
    seen = samples({"a": counted(100, 7), "b": counted(5)}, {}, {"a": counted(130, 9), "b": counted(6)})
    found = window(seen, "r", NOW)
    assert (found.requests, found.errors, found.seconds, found.missing) == (31, 2, 2.0, False)
    assert found.latencies == Histogram((10, 20, math.inf), (0, 29, 2))
    assert window(seen, "r", at(0.5)).requests == 31
    assert window(seen, "r", at(2)).requests == 0
    assert window(seen, "other", NOW).requests == 0


@pytest.mark.parametrize(
    ("looks", "requests"),
    [
        ([{"a": counted(100)}, {"a": counted(3)}], 3),
        ([{"a": counted(100)}, {"a": counted(110)}, {"a": counted(3)}, {"a": counted(5)}], 15),
        ([{"a": counted(100)}, {"a": counted(110)}, {"a": RouterStats("v")}, {"a": counted(5)}], 15),
        ([{"a": counted(100, 50)}, {"a": counted(120, 0)}], 120),
        ([{"a": counted(100)}, {"a": counted(101), "b": counted(4)}, {"a": counted(101), "b": counted(6)}], 7),
        ([{"a": counted(100), "b": counted(10)}, {"a": counted(101)}, {"a": counted(101), "b": counted(12)}], 3),
    ],
    ids=["restarted", "restarted in between", "forgotten and known again", "fewer errors", "new", "silent for a look"],
)
def test_counters_that_begin_again_count_from_zero(looks: list[dict[str, RouterStats]], requests: int) -> None:
    assert window(samples(*looks), "r", NOW).requests == requests


def test_a_pod_that_was_silent_at_the_begin_counts_from_when_it_was_seen_before() -> None:
    seen = samples({"a": counted(100)}, {}, {"a": counted(103)})
    assert window(seen, "r", at(1)).requests == 3


def test_more_requests_after_a_restart_than_before_never_make_a_negative_bucket() -> None:
    before = RevisionStats(requests=10, latency_count=10, latency_buckets=((10.0, 10), (math.inf, 10)))
    after = RevisionStats(requests=12, latency_count=12, latency_buckets=((20.0, 0), (30.0, 12), (math.inf, 12)))
    seen = samples({"a": RouterStats("v", {"r": before})}, {"a": RouterStats("v", {"r": after})})
    assert min(window(seen, "r", NOW).latencies.counts) == 0


def test_errors_never_exceed_requests() -> None:
    torn = RouterStats("v", {"r": RevisionStats(requests=1, errors=2)})
    assert window(samples({"a": RouterStats("v")}, {"a": torn}), "r", NOW).errors == 1


@pytest.mark.parametrize(
    ("seen", "missing"),
    [
        ((), True),
        (samples({}), True),
        (samples({"a": counted(1)}), False),
        (samples({"a": counted(1), "b": counted(1)}, {"a": counted(2)}), True),
        (samples({"a": counted(1)}, {"a": counted(2), "b": counted(1)}), False),
        (samples({"a": counted(1), "b": counted(1)}, {"a": counted(2)}, every=60), True),
        (samples({"a": counted(1), "b": counted(1)}, {"a": counted(2)}, {"a": counted(2)}, every=14), True),
        (samples({"a": counted(1), "b": counted(1)}, {"a": counted(2)}, {"a": counted(2)}, every=15), False),
    ],
)
def test_a_router_pod_without_an_answer_is_missing_until_it_is_taken_for_gone(
    seen: Sequence[Sample], *, missing: bool
) -> None:
    assert window(seen, "r", NOW).missing is missing


def test_a_pod_that_is_gone_leaves_what_it_counted() -> None:
    looks = [{"a": counted(0), "b": counted(0)}, {"a": counted(1), "b": counted(5)}, {"a": counted(2)}]
    assert window(samples(*looks, every=60), "r", NOW).requests == 7


@pytest.mark.parametrize(
    ("changed", "interval", "overall", "latest"),
    [(0, 10, 99, 60), (0, 70, 99, 70), (50, 10, 49, 49), (99, 10, 0, 0), (100, 10, 0, 0)],
)
def test_the_latest_window_is_a_minute_or_an_interval_since_the_change(
    changed: float, interval: float, overall: int, latest: int
) -> None:
    seen = samples(*({"a": counted(n)} for n in range(100)))
    found = windows(seen, "r", at(changed), interval)
    assert (found.overall.requests, found.latest.requests) == (overall, latest)


def test_without_a_look_both_windows_are_missing() -> None:
    found = windows((), "r", NOW, 10)
    assert found.overall.missing
    assert found.latest.missing


@given(steps=st.lists(st.floats(-5, 60), min_size=1, max_size=60), keep=st.integers(10, 200))
def test_samples_stay_in_order_and_within_the_time(steps: list[float], keep: int) -> None:
    kept: tuple[Sample, ...] = ()
    now = 0.0
    for step in steps:
        now += step
        kept = record(kept, Sample(at(now), {}), timedelta(seconds=keep), set())
        assert kept[-1].at == at(now)
        assert all(a.at < b.at for a, b in pairwise(kept))
        assert kept[-1].at - kept[0].at <= timedelta(seconds=keep)


def busy(second: int, revisions: int) -> RouterStats:
    """All buckets are full, and all counts are new in every look."""
    edges = [*LATENCY_EDGES_MS, math.inf]
    buckets = tuple((float(edge), 1000 * second + i) for i, edge in enumerate(edges))
    stats = RevisionStats(requests=10**6 + second, latency_count=10**6 + second, latency_buckets=buckets)
    return RouterStats("v", {f"r{i}": stats for i in range(revisions)})


def rollout_of(seconds: int, routers: int, revisions: int, every: int = 1) -> tuple[Sample, ...]:
    """What is kept of a rollout that is looked at now and then."""
    kept: tuple[Sample, ...] = ()
    timed = {f"r{i}" for i in range(revisions)}
    for second in range(0, seconds, every):
        told = busy(second, revisions)
        kept = record(kept, Sample(at(second), {f"p{i}": told for i in range(routers)}), timedelta(hours=1), timed)
    return kept


def test_looks_are_no_further_apart_than_a_part_of_their_age() -> None:
    kept = rollout_of(4000, routers=2, revisions=2)
    gaps = [(a, b, (kept[-1].at - b.at).total_seconds()) for a, b in pairwise(kept)]
    assert all((b.at - a.at).total_seconds() <= max(1.0, age / FINEST) + 1 for a, b, age in gaps)
    assert [s.at for s in kept if s.at >= at(3980)] == [at(n) for n in range(3980, 4000)]
    assert kept[-1].at - kept[0].at >= timedelta(hours=1) * (1 - 2 / FINEST)


@pytest.mark.parametrize(("routers", "revisions", "every"), [(2, 2, 1), (10, 4, 5)])
def test_an_hour_of_looks_takes_about_a_megabyte(routers: int, revisions: int, every: int) -> None:
    tracemalloc.start()
    try:
        kept = rollout_of(3600, routers, revisions, every)
        bytes_kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept
    assert bytes_kept < 2**20 * (1 if routers == 2 else 2)


def test_buckets_that_were_not_kept_before_are_not_taken_for_an_increase() -> None:
    kept: tuple[Sample, ...] = ()
    for second, timed in enumerate((set[str](), {"r"}, {"r"})):
        kept = record(kept, Sample(at(second), {"a": counted(100 + second)}), timedelta(hours=1), timed)
    assert window(kept, "r", NOW).requests == 2
    assert window(kept, "r", NOW).latencies.total == 0
    assert window(kept, "r", at(1)).latencies.total == 1


def test_what_is_kept_says_what_was_told() -> None:
    (kept,) = record((), Sample(NOW, {"a": counted(7, 2)}), timedelta(hours=1), {"r"})
    told = counted(7, 2).of("r")
    again = kept.stats["a"].of("r")
    for name in ("active", "requests", "errors", "latency_sum_ms", "latency_count", "latency_buckets"):
        assert getattr(again, name) == getattr(told, name)
    assert kept.stats["a"].of("other").requests == 0

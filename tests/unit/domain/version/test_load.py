"""What each metric says of a revision's load."""

import math
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import pytest
from pydantic import BaseModel, ValidationError

from eagleray.api.autoscaling import Autoscaling, DeploymentAutoscaling, ScalingMetric
from eagleray.api.template import VersionTemplate
from eagleray.domain.facts.providers.prometheus import PrometheusQuery
from eagleray.domain.facts.providers.query import Reading
from eagleray.domain.facts.ray_nodes import NodeUse
from eagleray.domain.facts.router_stats import RevisionStats, RouterStats
from eagleray.domain.facts.samples import Sample
from eagleray.domain.facts.signals import window
from eagleray.domain.goals.revision import Revision
from eagleray.domain.version.scaling.metrics.metric import WINDOW_SECONDS, Load, Signals, Unit
from eagleray.domain.version.scaling.metrics.ongoing import in_progress
from eagleray.domain.version.scaling.metrics.table import METRICS, due_queries, loads

NOW = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
TEMPLATE = VersionTemplate.model_validate({"resources": {"requests": {"cpu": "500m"}}})
REVISION = Revision("m-v-1", "m", "ns", "v", TEMPLATE, "image")
PODS = dict.fromkeys(("a", "b", "c"), REVISION.groups[0])
QUERY = PrometheusQuery("http://p:9090", 'queue{of="m-v-1"}')


def stats(**figures: Any) -> RouterStats:
    return RouterStats("1", {"m-v-1": RevisionStats(**figures)})


def samples(*active: int, every: float = 5.0, **rates: float) -> tuple[Sample, ...]:
    """Looks at two routers until now: so many in progress at each; requests and busy ms grow by so many a second."""
    found = []
    for i, count in enumerate(active):
        seconds = i * every
        grown = {name: round(per_second * seconds) for name, per_second in rates.items()}
        at = NOW - timedelta(seconds=(len(active) - 1 - i) * every)
        found.append(Sample(at, {"r0": stats(active=count, **grown), "r1": stats(active=0)}))
    return tuple(found)


def signals(seen: tuple[Sample, ...] = (), **fields: Any) -> Signals:
    given: dict[str, Any] = {"current": 2, "use": {}, "pods": {}, "readings": {}, "now": NOW}
    return Signals(revision=REVISION, samples=seen, **{**given, **fields})


def counted(seen: tuple[Sample, ...], meant_for: float) -> float | None:
    """Requests in progress, of what the window of these looks has."""
    since = NOW - timedelta(seconds=WINDOW_SECONDS)
    return in_progress(signals(seen), window(seen, "m-v-1", since), meant_for)


def load(metric: dict[str, Any], given: Signals) -> Load:
    (found,) = loads(Autoscaling(max_replicas=10, metrics=[ScalingMetric.model_validate(metric)]), given)
    return found


@pytest.mark.parametrize(
    ("active", "meant_for", "wanted"),
    [
        ((4, 4, 4, 4), 10, 4),
        ((0, 0, 0, 8), 10, 2),  # an average over the window …
        ((0, 0, 0, 20), 10, 20),  # … but a sudden doubling counts at once
        ((99, 4, 4, 4, 4), 10, 4),  # what is older than the window does not
    ],
)
def test_in_progress_is_a_mean_until_it_doubles(active: tuple[int, ...], meant_for: float, wanted: float) -> None:
    assert counted(samples(*active), meant_for) == pytest.approx(wanted)


def test_requests_that_hide_between_two_looks_are_counted_by_littles_law() -> None:
    """Ten a second, 300 ms each: three are in progress, whenever one looks."""
    seen = samples(0, 0, 0, 0, requests=10, latency_count=10, latency_sum_ms=3000)
    assert counted(seen, 10) == pytest.approx(3)


def test_a_blocked_model_is_seen_though_it_answers_nothing() -> None:
    assert counted(samples(30, 30, 30, 30), 10) == 30


def test_nobody_has_told_is_not_zero() -> None:
    assert counted((), 10) is None
    assert counted((Sample(NOW, {}),), 10) is None
    assert load({"type": "OngoingRequests", "target": 5}, signals()).total is None


def test_a_router_pod_that_falls_silent_makes_it_a_lower_bound() -> None:
    seen = (*samples(4, 4), Sample(NOW + timedelta(seconds=5), {"r0": stats(active=4)}))
    found = load({"type": "OngoingRequests", "target": 5}, signals(seen))
    assert (found.complete, found.total) == (False, 4)
    assert "router" in found.message


def test_the_rate_is_that_of_the_window() -> None:
    found = load({"type": "RequestRate", "target": 20}, signals(samples(0, 0, 0, 0, requests=50)))
    assert (found.total, found.complete) == (50, True)


def answered(ms: float) -> dict[str, Any]:
    """So long takes every answer, one a second."""
    buckets = tuple((edge, 15 if ms < edge else 0) for edge in (10.0, 100.0, 1000.0, 10_000.0, math.inf))
    return {"requests": 15, "latency_count": 15, "latency_buckets": buckets, "latency_sum_ms": 15 * ms}


@pytest.mark.parametrize(
    ("active", "current", "ms", "allowed"),
    [
        # Eight in progress on two replicas, 10 s at most: a lone one takes 2.3 s, so 0.2 s hold for one at a time.
        (8, 2, 9_000, 1.0),
        (1, 2, 50, 2.17),  # alone it takes up to 91 ms (the bucket's share): two hold within 200 ms
    ],
)
def test_latency_says_how_many_a_replica_may_have(active: int, current: int, ms: float, allowed: float) -> None:
    first = Sample(NOW - timedelta(seconds=15), {"r0": stats(active=active)})
    last = Sample(NOW, {"r0": stats(active=active, **answered(ms))})
    found = load({"type": "Latency", "target": "200ms"}, signals((first, last), current=current))
    assert found.target == pytest.approx(allowed, abs=0.05)
    assert Unit.SECONDS.text(found.shown or 0.0).endswith("ms")
    assert found.target_text == "200ms"


def test_latency_without_requests_asks_for_nothing() -> None:
    found = load({"type": "Latency", "target": "200ms"}, signals(samples(0, 0)))
    assert (found.total, found.shown) == (0, 0)


def test_use_of_cpu_is_in_percent_of_the_request() -> None:
    given = signals(pods=PODS, use={"a": NodeUse(cores=0.25), "b": NodeUse(cores=0.5)})
    found = load({"type": "CPU", "target": "70%"}, given)
    assert (found.pods, found.target) == ((50.0, 100.0, None), 70)
    assert found.message == "Pod c does not tell its use"


def test_use_of_gpus_is_the_mean_of_those_that_a_pod_has() -> None:
    use = {"a": NodeUse(gpus=(90.0, 30.0)), "b": NodeUse(gpus=(0.0,)), "c": NodeUse()}
    found = load({"type": "GPU", "target": "70%"}, signals(pods=PODS, use=use))
    assert (found.pods, found.target) == ((60.0, 0.0, None), 70)
    assert found.message == "Ray tells no use of a GPU; a share of one (MIG) has none"


def test_requests_inside_an_app_are_those_in_work_and_those_that_wait_at_its_callers() -> None:
    use = {
        "a": NodeUse(ongoing={"Scorer": 3.0}),
        "b": NodeUse(ongoing={"Scorer": 2.0}),
        "caller": NodeUse(ongoing={"Preprocess": 9.0}, queued={"Scorer": 4.0}),
    }
    pods = {name: group for name, group in PODS.items() if name != "c"}
    given = signals(pods=pods, use=use, deployment="Scorer", others=("caller",))
    found = load({"type": "OngoingRequests", "target": 5}, given)
    assert (found.total, found.complete, found.message) == (9.0, True, "")


def test_a_caller_that_is_silent_may_have_requests_that_wait() -> None:
    given = signals(pods=PODS, use=dict.fromkeys(PODS, NodeUse()), deployment="Scorer", others=("caller",))
    found = load({"type": "OngoingRequests", "target": 5}, given)
    assert (found.total, found.complete) == (0.0, False)
    assert found.message == "Pod caller does not tell its requests"


@pytest.mark.parametrize(
    ("age", "value", "total", "said"),
    [(10, 7.0, 7.0, ""), (10, None, None, "p answered nan"), (50, 7.0, None, "no answer for more than 45 s")],
)
def test_prometheus_is_believed_while_it_answers(
    age: float, value: float | None, total: float | None, said: str
) -> None:
    reading = Reading(NOW - timedelta(seconds=age), value, "" if value else "p answered nan")
    metric = {"type": "Prometheus", "target": 1, "server": "http://p:9090", "query": 'queue{of="$(revision)"}'}
    found = load(metric, signals(readings={QUERY: reading}))
    assert (found.total, found.complete, found.message) == (total, total is not None, said)
    rules = Autoscaling(max_replicas=2, metrics=[ScalingMetric.model_validate(metric)])
    assert list(due_queries(rules, signals(readings={QUERY: reading}))) == ([QUERY] if age >= 15 else [])


def test_several_of_one_type_are_told_apart() -> None:
    metric = ScalingMetric(type="RequestRate", target="5")
    rules = Autoscaling(max_replicas=2, metrics=[metric, ScalingMetric(type="OngoingRequests", target="5"), metric])
    assert [found.name for found in loads(rules, signals())] == ["RequestRate 1", "OngoingRequests", "RequestRate 2"]


@pytest.mark.parametrize("use", [NodeUse(cores=math.nan, gpus=(math.nan,)), NodeUse(cores=math.inf, gpus=(math.inf,))])
@pytest.mark.parametrize("kind", ["CPU", "GPU"])
def test_a_node_that_tells_no_number_scales_nothing_and_crashes_nothing(kind: str, use: NodeUse) -> None:
    found = load({"type": kind, "target": "70%"}, signals(pods=PODS, use=dict.fromkeys(PODS, use)))
    assert all(value is None or math.isfinite(value) for value in found.pods)


TARGETS = {Unit.COUNT: "5", Unit.PERCENT: "70%", Unit.SECONDS: "200ms"}


def accepted(kind: str, target: str, model: type[BaseModel] = Autoscaling) -> bool:
    more = {"server": "http://p:9090", "query": "q"} if kind == "Prometheus" else {}
    metrics = [{"type": kind, "target": target, **more}]
    try:
        model.model_validate({"maxReplicas": 2, "metrics": metrics})
    except ValidationError:
        return False
    return True


def test_the_table_of_metrics_is_that_of_the_api() -> None:
    """Types, forms of targets, and what can be told of one Serve deployment."""
    assert list(METRICS) == list(get_args(ScalingMetric.model_fields["type"].annotation))
    for kind, metric in METRICS.items():
        for unit, target in TARGETS.items():
            assert accepted(kind, target) is (metric.unit is unit), (kind, target)
        inside = metric.needs_inside is not None
        assert accepted(kind, TARGETS[metric.unit], DeploymentAutoscaling) is inside, kind


@pytest.mark.parametrize(
    ("unit", "target", "value", "text"),
    [
        (Unit.COUNT, "5", 7.46, "7.5"),
        (Unit.COUNT, "5", 123.4, "123"),
        (Unit.COUNT, "5", 1e12, "1e+12"),
        (Unit.PERCENT, "70%", 0.731, "73%"),
        (Unit.SECONDS, "1m30s", 0.0125, "12.5ms"),
    ],
)
def test_a_unit_reads_targets_and_writes_values(unit: Unit, target: str, value: float, text: str) -> None:
    assert unit.text(value) == text
    assert unit.read(target) == {"5": 5.0, "70%": 0.7, "1m30s": 90.0}[target]

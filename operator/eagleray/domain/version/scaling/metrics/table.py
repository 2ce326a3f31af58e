"""Every metric, and what all of those that a spec names say together."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta

from eagleray.api.autoscaling import Scaling, ScalingMetric
from eagleray.domain.actions.actions import Wake
from eagleray.domain.facts.providers.query import ProviderQuery
from eagleray.domain.version.scaling.metrics.cpu import Cpu
from eagleray.domain.version.scaling.metrics.gpu import Gpu
from eagleray.domain.version.scaling.metrics.latency import Latency
from eagleray.domain.version.scaling.metrics.metric import Load, Metric, Needs, Signals
from eagleray.domain.version.scaling.metrics.ongoing import OngoingRequests
from eagleray.domain.version.scaling.metrics.prometheus import QUERY_SECONDS, STALE_SECONDS, PrometheusAnswer
from eagleray.domain.version.scaling.metrics.rate import RequestRate

METRICS: Mapping[str, Metric] = {
    metric.type: metric for metric in (OngoingRequests(), RequestRate(), Latency(), Cpu(), Gpu(), PrometheusAnswer())
}
DEFAULT_METRIC = ScalingMetric(type="OngoingRequests", target="5")


def loads(rules: Scaling, signals: Signals) -> tuple[Load, ...]:
    """What each metric says now, in the order of spec.

    Args:
        rules: the spec.
        signals: what is known.
    """
    specs, seen = metrics_of(rules), signals.seen()
    named = zip(_names(specs), specs, strict=True)
    return tuple(METRICS[spec.type].load(name, spec, signals, seen) for name, spec in named)


def metrics_of(rules: Scaling) -> list[ScalingMetric]:
    """The metrics that count."""
    return rules.metrics or [DEFAULT_METRIC]


def by_nodes(rules: Scaling, deployment: str) -> bool:
    """Whether the figures of Ray's nodes are needed to decide."""
    kinds = (METRICS[spec.type] for spec in metrics_of(rules))
    return any((kind.needs_inside if deployment else kind.needs) is Needs.NODES for kind in kinds)


def due_queries(rules: Scaling, signals: Signals) -> Iterator[ProviderQuery]:
    """What others are to be asked now."""
    for query in _queries(rules, signals):
        reading = signals.readings.get(query)
        if reading is None or (signals.now - reading.at).total_seconds() >= QUERY_SECONDS:
            yield query


def reading_wakes(rules: Scaling, signals: Signals) -> Iterator[Wake]:
    """When others are to be asked again, and when their last answers are too old."""
    for query in _queries(rules, signals):
        reading = signals.readings.get(query)
        if reading is not None:
            yield Wake(reading.at + timedelta(seconds=QUERY_SECONDS), f"{query.url} is to be asked")
            yield Wake(reading.at + timedelta(seconds=STALE_SECONDS), f"the answer of {query.url} is too old")


def _queries(rules: Scaling, signals: Signals) -> Iterator[ProviderQuery]:
    for spec in metrics_of(rules):
        yield from METRICS[spec.type].queries(spec, signals)


def _names(specs: Sequence[ScalingMetric]) -> list[str]:
    """The type of each, numbered where one is there more than once."""
    types = [spec.type for spec in specs]
    return [t if types.count(t) == 1 else f"{t} {types[: i + 1].count(t)}" for i, t in enumerate(types)]

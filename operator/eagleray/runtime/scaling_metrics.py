"""What scaling decided last, as Prometheus metrics: every term of the decision, for each revision that is scaled."""

import re
from collections.abc import Iterable, Iterator, Sequence

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from eagleray.api.scaling_status import ScalingStatus
from eagleray.api.units import parse_duration
from eagleray.kube.kinds import Key

_LABELS = ("namespace", "name", "version", "revision", "deployment")
_NUMBER = re.compile(r"[0-9.]+(e[+-]?[0-9]+)?")
# What a value's unit is in base units: seconds, and shares of 1.
_UNITS = {"ms": 0.001, "s": 1.0, "%": 0.01, "": 1.0}


class ScalingMetrics(Collector):
    """Keeps the last decision about each object, and tells it when asked."""

    def __init__(self) -> None:
        self._decided: dict[Key, Sequence[ScalingStatus]] = {}

    def decided(self, key: Key, records: Sequence[ScalingStatus]) -> None:
        """Keep the last decisions about one object; none where it is scaled no more, or gone."""
        if records:
            self._decided[key] = records
        else:
            self._decided.pop(key, None)

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Tell all of them; called by prometheus_client, in a thread of its own."""
        found = [(key, record) for key, records in list(self._decided.items()) for record in records]
        prefix = "eagleray_scaling_"
        yield _family(prefix + "desired_replicas", "Replicas that are wanted", ((k, r, r.desired) for k, r in found))
        yield _family(prefix + "min_replicas", "Fewest that are allowed", ((k, r, r.min_replicas) for k, r in found))
        yield _family(prefix + "max_replicas", "Most that are allowed", ((k, r, r.max_replicas) for k, r in found))
        yield _family(prefix + "asleep", "1 where nothing runs", ((k, r, bool(r.idle_since)) for k, r in found))
        starts = ((k, r, r.start_seconds) for k, r in found if r.start_seconds is not None)
        yield _family(prefix + "start_seconds", "Time of the last start from zero", starts)
        yield from _metrics(found)


def _family(name: str, text: str, values: Iterable[tuple[Key, ScalingStatus, float]]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, text, labels=_LABELS)
    for key, record, value in values:
        family.add_metric(_labels(key, record), float(value))
    return family


def _metrics(found: Sequence[tuple[Key, ScalingStatus]]) -> Iterator[GaugeMetricFamily]:
    labels = (*_LABELS, "metric")
    families = {
        "value": GaugeMetricFamily("eagleray_scaling_metric_value", "What was measured per replica", labels=labels),
        "target": GaugeMetricFamily("eagleray_scaling_metric_target", "Target per replica", labels=labels),
        "replicas": GaugeMetricFamily("eagleray_scaling_metric_replicas", "Replicas asked for", labels=labels),
    }
    for key, record in found:
        for metric in record.metrics or []:
            said = {"value": metric.value, "target": metric.target, "replicas": metric.replicas}
            for term, value in said.items():
                if value is not None:
                    families[term].add_metric([*_labels(key, record), metric.name], number(str(value)))
    yield from families.values()


def number(text: str) -> float:
    """Read `7.5`, `70%`, `12.5ms` or `1m30s` as a number of base units.

    Raises:
        ValueError: it is none of these.
    """
    found = _NUMBER.match(text)
    unit = text[found.end() :] if found else text
    if found is None or unit not in _UNITS:
        return parse_duration(text)
    return float(found.group()) * _UNITS[unit]


def _labels(key: Key, record: ScalingStatus) -> list[str]:
    return [key.namespace, key.name, record.version, record.revision, record.deployment]

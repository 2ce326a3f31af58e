"""What scaling decided last and what its metrics say now, as Prometheus metrics, for each revision that is scaled."""

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from eagleray.api.scaling_status import ScalingStatus
from eagleray.domain.version.scaling.live import LiveLoad
from eagleray.kube.kinds import Key

T = TypeVar("T")
_LABELS = ("namespace", "name", "version", "revision", "deployment")


class ScalingMetrics(Collector):
    """Keeps the last decision about each object and the figures of the last look, and tells them when asked."""

    def __init__(self) -> None:
        self._decided: dict[Key, Sequence[ScalingStatus]] = {}
        self._live: dict[Key, Sequence[LiveLoad]] = {}

    def decided(self, key: Key, records: Sequence[ScalingStatus], live: Sequence[LiveLoad]) -> None:
        """Keep what is known of one object; nothing where it is scaled no more, or gone."""
        _keep(self._decided, key, records)
        _keep(self._live, key, live)

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Tell all of them; called by prometheus_client, in a thread of its own."""
        found = [(_labels(key, r), r) for key, records in list(self._decided.items()) for r in records]
        prefix = "eagleray_scaling_"
        yield _family(prefix + "desired_replicas", "Replicas that are wanted", ((k, r.desired) for k, r in found))
        yield _family(prefix + "min_replicas", "Fewest that are allowed", ((k, r.min_replicas) for k, r in found))
        yield _family(prefix + "max_replicas", "Most that are allowed", ((k, r.max_replicas) for k, r in found))
        yield _family(prefix + "asleep", "1 where nothing runs", ((k, bool(r.idle_since)) for k, r in found))
        starts = ((k, r.start_seconds) for k, r in found)
        yield _family(prefix + "start_seconds", "Time of the last start from zero", starts)
        live = [(_labels(key, load), load) for key, loads in list(self._live.items()) for load in loads]
        metrics = [([*labels, metric.name], metric) for labels, load in live for metric in load.metrics]
        for name, text, values in (
            ("value", "What is measured per replica", ((k, m.value) for k, m in metrics)),
            ("target", "Target per replica", ((k, m.target) for k, m in metrics)),
            ("replicas", "Replicas asked for", ((k, m.replicas) for k, m in metrics)),
        ):
            yield _family(f"{prefix}metric_{name}", text, values, (*_LABELS, "metric"))


def _keep(known: dict[Key, Sequence[T]], key: Key, values: Sequence[T]) -> None:
    if values:
        known[key] = values
    else:
        known.pop(key, None)


def _family(
    name: str, text: str, values: Iterable[tuple[list[str], float | None]], labels: Sequence[str] = _LABELS
) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, text, labels=labels)
    for told, value in values:
        if value is not None:
            family.add_metric(told, float(value))
    return family


def _labels(key: Key, of: ScalingStatus | LiveLoad) -> list[str]:
    return [key.namespace, key.name, of.version, of.revision, of.deployment]

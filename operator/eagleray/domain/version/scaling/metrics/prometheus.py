"""A number that a Prometheus server knows."""

from collections.abc import Iterator
from typing import ClassVar

from eagleray.api.autoscaling import ScalingMetric
from eagleray.domain.facts.providers.prometheus import PrometheusQuery
from eagleray.domain.facts.providers.query import ProviderQuery
from eagleray.domain.facts.signals import Window
from eagleray.domain.version.scaling.metrics.metric import Load, Metric, Needs, Signals

# How often it is asked, and how old an answer may be.
QUERY_SECONDS = 15.0
STALE_SECONDS = 45.0


class PrometheusAnswer(Metric):
    """The answer of a query, over all replicas."""

    type: ClassVar[str] = "Prometheus"
    needs: ClassVar[Needs] = Needs.PROVIDER
    needs_inside: ClassVar[Needs | None] = Needs.PROVIDER

    def load(self, name: str, spec: ScalingMetric, signals: Signals, seen: Window) -> Load:  # noqa: ARG002 -- one for all
        """The last answer, while it is young enough."""
        reading, target = signals.readings.get(_query(spec, signals)), float(spec.target)
        if reading is None:
            return Load(name, target, spec.target, None, complete=False, message="no answer yet")
        if (signals.now - reading.at).total_seconds() > STALE_SECONDS:
            message = f"no answer for more than {STALE_SECONDS:.0f} s"
            return Load(name, target, spec.target, None, complete=False, message=message)
        known = reading.value is not None
        return Load(name, target, spec.target, reading.value, complete=known, message=reading.error)

    def queries(self, spec: ScalingMetric, signals: Signals) -> Iterator[ProviderQuery]:
        """The query with its placeholders filled in."""
        yield _query(spec, signals)


def _query(spec: ScalingMetric, signals: Signals) -> PrometheusQuery:
    revision = signals.revision
    about = {
        "name": revision.model,
        "namespace": revision.namespace,
        "version": revision.version,
        "revision": revision.name,
        "deployment": signals.deployment,
    }
    return PrometheusQuery.of(spec.server or "", spec.query or "", about)

"""Requests in a second."""

from typing import ClassVar

from eagleray.api.autoscaling import ScalingMetric
from eagleray.domain.facts.signals import Window
from eagleray.domain.version.scaling.metrics.metric import Load, Metric, Signals, of_routers


class RequestRate(Metric):
    """Requests in a second."""

    type: ClassVar[str] = "RequestRate"

    def load(self, name: str, spec: ScalingMetric, signals: Signals, seen: Window) -> Load:  # noqa: ARG002 -- one for all
        """As the routers count them."""
        rate = seen.requests / seen.seconds if seen.seconds else None
        return of_routers(name, float(spec.target), spec.target, rate, seen)

"""The time to the answer."""

import math
from dataclasses import replace
from typing import ClassVar

from eagleray.api.autoscaling import ScalingMetric
from eagleray.api.units import parse_duration
from eagleray.domain.facts.signals import Window
from eagleray.domain.version.scaling.metrics.metric import Load, Metric, Signals, Unit, of_routers
from eagleray.domain.version.scaling.metrics.ongoing import in_progress

DEFAULT_QUANTILE = "p90"
# What took longer than the last edge of the routers' histograms is taken for this.
LONGEST_SECONDS = 600.0


class Latency(Metric):
    """The time to the answer, by how many requests a replica may have in progress.

    A replica that works on n requests answers each in n times its service time. Measured is the time to the answer and
    n; so the service time is known, and limit / service time is how many a replica may have. Where a single one takes
    longer than the limit, more replicas than requests would not help.
    """

    type: ClassVar[str] = "Latency"
    unit: ClassVar[Unit] = Unit.SECONDS

    def load(self, name: str, spec: ScalingMetric, signals: Signals, seen: Window) -> Load:
        """As the routers measure it."""
        limit, quantile = parse_duration(spec.target), spec.quantile or DEFAULT_QUANTILE
        took = seen.latencies.quantile(int(quantile[1:]) / 100)
        total = in_progress(signals, seen, math.inf)
        base = replace(of_routers(name, 1.0, spec.target, None, seen), unit=self.unit)
        if total is None or (took is None and total > 0):
            return base
        if took is None or total == 0:
            return replace(base, total=0.0, shown=0.0)
        seconds = min(took / 1000, LONGEST_SECONDS)
        service = seconds / max(1.0, total / signals.current)
        slow = "a lone request takes longer than the target, more replicas do not help" if service > limit else ""
        return replace(
            base,
            target=max(1.0, limit / service) if service else math.inf,
            total=total,
            message=base.message or slow,
            shown=seconds,
        )

"""What the Pods of a revision use, in percent of what they may."""

import math
from abc import abstractmethod
from typing import ClassVar

from eagleray.api.autoscaling import ScalingMetric
from eagleray.domain.facts.ray_nodes import NodeUse
from eagleray.domain.facts.signals import Window
from eagleray.domain.goals.groups import WorkerGroup
from eagleray.domain.version.scaling.metrics.metric import MOST, Load, Metric, Needs, Signals, Unit


class PodUse(Metric):
    """A share of what each Pod may use, as Ray's nodes tell it."""

    unit: ClassVar[Unit] = Unit.PERCENT
    needs: ClassVar[Needs] = Needs.NODES
    needs_inside: ClassVar[Needs | None] = Needs.NODES

    @abstractmethod
    def percent(self, use: NodeUse, group: WorkerGroup) -> float | str:
        """What one Pod uses in percent, or why that is not known."""

    def load(self, name: str, spec: ScalingMetric, signals: Signals, seen: Window) -> Load:  # noqa: ARG002 -- one for all
        """What each Pod uses."""
        told = {pod: self._of(pod, group, signals) for pod, group in signals.pods.items()}
        silent = next((why for why in told.values() if isinstance(why, str)), "")
        values = tuple(value if isinstance(value, float) else None for value in told.values())
        target = float(spec.target[:-1])
        return Load(name, target, spec.target, None, complete=bool(values), message=silent, pods=values, unit=self.unit)

    def _of(self, pod: str, group: WorkerGroup, signals: Signals) -> float | str:
        if pod not in signals.use:
            return f"Pod {pod} does not tell its use"
        value = self.percent(signals.use[pod], group)
        if isinstance(value, str):
            return value
        return min(max(value, 0.0), MOST) if not math.isnan(value) else f"Pod {pod} does not tell its use"

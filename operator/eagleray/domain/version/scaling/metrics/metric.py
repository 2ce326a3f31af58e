"""What every scaling metric is and depends on."""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, StrEnum
from typing import ClassVar

from eagleray.api.autoscaling import ScalingMetric
from eagleray.api.units import parse_duration
from eagleray.domain.facts.providers.query import ProviderQuery, Readings
from eagleray.domain.facts.ray_nodes import NodeUse
from eagleray.domain.facts.samples import Sample
from eagleray.domain.facts.signals import Window, window
from eagleray.domain.goals.groups import WorkerGroup
from eagleray.domain.goals.revision import Revision

# Averages are taken over this long: HPA's interval between two decisions.
WINDOW_SECONDS = 15.0
# No load is taken for more than this, whatever others answer: the product with any target is still a number.
MOST = 1e12


class Needs(Enum):
    """Whose figures a metric is made of."""

    ROUTER = "router"
    NODES = "nodes"
    PROVIDER = "provider"


class Unit(StrEnum):
    """What a metric's value and target are numbers of, by the ending that spec writes."""

    COUNT = ""
    PERCENT = "%"
    SECONDS = "s"

    def read(self, target: str) -> float:
        """A target of spec in base units: seconds, and shares of 1."""
        match self:
            case Unit.COUNT:
                return float(target)
            case Unit.PERCENT:
                return float(target[:-1]) / 100
            case Unit.SECONDS:
                return parse_duration(target)

    def text(self, value: float) -> str:
        """A value in base units, for people."""
        match self:
            case Unit.COUNT:
                return f"{value:.0f}" if 100 <= value < 1e6 else f"{value:.2g}"
            case Unit.PERCENT:
                return f"{int(100 * value + 1e-9)}%"
            case Unit.SECONDS:
                return f"{1000 * value:.3g}ms"


@dataclass(frozen=True, slots=True)
class Signals:
    """What is known of the load of one revision, or of one Serve deployment of it.

    Attributes:
        revision: the revision.
        current: replicas that it is to have, above zero.
        samples: what the routers said, the latest last.
        use: by worker Pod of the revision, what its replicas use and do; a Pod that did not tell is absent.
        pods: worker groups of the worker Pods that are scaled, by name.
        readings: what others answered last.
        now: the time.
        deployment: the Serve deployment; "" for the revision as a whole.
        others: names of the revision's other worker Pods, which may have requests for those.
    """

    revision: Revision
    current: int
    samples: tuple[Sample, ...]
    use: Mapping[str, NodeUse]
    pods: Mapping[str, WorkerGroup]
    readings: Readings
    now: datetime
    deployment: str = ""
    others: tuple[str, ...] = ()

    @property
    def recent(self) -> list[Sample]:
        """The looks at the routers of the last `WINDOW_SECONDS`."""
        since = self.samples[-1].at - timedelta(seconds=WINDOW_SECONDS) if self.samples else self.now
        return [sample for sample in self.samples if sample.at >= since]

    def seen(self) -> Window:
        """What the revision did over `WINDOW_SECONDS`."""
        recent = self.recent
        return window(self.samples, self.revision.name, recent[0].at if recent else self.now)


@dataclass(frozen=True, slots=True)
class Load:
    """What one metric says of one revision at one moment.

    Attributes:
        name: as status names it.
        target: per replica, in the unit of `total` and `pods`.
        target_text: the target as spec writes it.
        total: over all replicas, in the same unit; None where nothing is known, or `pods` counts.
        complete: whether all is known; else `total` is a lower bound.
        message: what is wrong, or what else is to be known; no figures, which would be news at every look.
        pods: of use: each Pod's in percent of what it may, None where it is missing.
        shown: the value per replica in base units of `unit`, where it is not `total` per replica.
        unit: of what people are shown.
    """

    name: str
    target: float
    target_text: str
    total: float | None
    complete: bool = True
    message: str = ""
    pods: tuple[float | None, ...] = ()
    shown: float | None = None
    unit: Unit = Unit.COUNT

    @property
    def known_total(self) -> float | None:
        """The total as a number that can be reckoned with, or None."""
        return min(max(self.total, 0.0), MOST) if self.total is not None and not math.isnan(self.total) else None

    @property
    def whole(self) -> bool:
        """Whether it may scale down: all that it is made of is known."""
        return self.complete and (bool(self.pods) or self.known_total is not None)


class Metric(ABC):
    """A kind of metric."""

    type: ClassVar[str]
    """Its word in `autoscaling.metrics[].type`."""
    unit: ClassVar[Unit] = Unit.COUNT
    """What its target and its value are numbers of."""
    needs: ClassVar[Needs] = Needs.ROUTER
    """Whose figures it is made of."""
    needs_inside: ClassVar[Needs | None] = None
    """The same for one Serve deployment of a revision; None where it cannot be told of one."""

    @abstractmethod
    def load(self, name: str, spec: ScalingMetric, signals: Signals, seen: Window) -> Load:
        """What it says now.

        Args:
            name: as status is to name it.
            spec: target and more.
            signals: what is known.
            seen: what the revision did over `WINDOW_SECONDS`.
        """

    def queries(self, spec: ScalingMetric, signals: Signals) -> Iterator[ProviderQuery]:  # noqa: ARG002 -- most ask none
        """What others are asked for it."""
        yield from ()


def of_routers(name: str, target: float, target_text: str, total: float | None, seen: Window) -> Load:
    """A load that the routers tell: while one of them does not, a lower bound.

    Args:
        name: of the metric.
        target: per replica.
        target_text: as spec writes it.
        total: over all replicas.
        seen: what the revision did over `WINDOW_SECONDS`.
    """
    missing = "a router Pod does not tell its figures" if seen.missing else ""
    return Load(name, target, target_text, total, complete=not seen.missing, message=missing)

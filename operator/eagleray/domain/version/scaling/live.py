"""Live figures of scaling: for the operator's metrics. Status changes only when a decision does."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LiveMetric:
    """What one metric says now.

    Attributes:
        name: as status names it.
        target: per replica, in base units: seconds, shares of 1, or a number.
        value: the same that was measured; None where nothing is known.
        replicas: how many it asks for; None where nothing is known.
    """

    name: str
    target: float
    value: float | None
    replicas: int | None


@dataclass(frozen=True, slots=True)
class LiveLoad:
    """What the metrics say now of what is scaled.

    Attributes:
        version: the version.
        revision: its revision.
        deployment: the Serve deployment; "" for the revision as a whole.
        metrics: in the order of spec.
    """

    version: str
    revision: str
    deployment: str
    metrics: tuple[LiveMetric, ...]

"""What is remembered of scaling: the last decision about each revision, and why it was taken."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class MetricState:
    """What one metric said when the decision that stands was taken.

    Attributes:
        name: its type; of several of one type, numbered.
        target: per replica, as spec writes it.
        value: what was measured per replica, in the target's unit; None where nothing was known.
        replicas: how many it asked for; None where nothing was known.
        message: what is wrong with it, or what else is to be known.
        missing_since: since when it does not tell all.
    """

    name: str
    target: str
    value: str | None = None
    replicas: int | None = None
    message: str | None = None
    missing_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class ChangeState:
    """A change of the number of replicas.

    Attributes:
        at: when it was decided.
        from_: replicas before.
        to: replicas from then on.
        message: why.
    """

    at: datetime
    from_: int
    to: int
    message: str = ""


@dataclass(frozen=True, slots=True)
class RecommendationState:
    """What the metrics asked for, before any limit.

    Attributes:
        at: from when on.
        replicas: how many; until the next recommendation.
    """

    at: datetime
    replicas: int


@dataclass(frozen=True, slots=True)
class ScalingState:
    """What was decided last about one revision, or about one Serve deployment of it, and why.

    Attributes:
        version: the version that is scaled.
        revision: its revision.
        deployment: the Serve deployment that is scaled on its own; "" for the revision as a whole.
        desired: replicas that it is to have.
        min_replicas: fewest that are allowed.
        max_replicas: most that are allowed.
        reason: what limited the decision.
        message: the decision in a sentence.
        metrics: what each metric said then.
        changes: the last changes, the latest first.
        recommendations: what was asked for within the windows, the oldest first.
        active_at: when a request was last seen.
        idle_since: since when it has no replicas for want of requests.
        wakes_since: since when it starts again.
        start_seconds: how long its last start took.
    """

    version: str
    revision: str
    deployment: str
    desired: int
    min_replicas: int
    max_replicas: int
    reason: str
    message: str = ""
    metrics: tuple[MetricState, ...] = ()
    changes: tuple[ChangeState, ...] = ()
    recommendations: tuple[RecommendationState, ...] = ()
    active_at: datetime | None = None
    idle_since: datetime | None = None
    wakes_since: datetime | None = None
    start_seconds: int | None = None

    @property
    def subject(self) -> str:
        """What is scaled, for people."""
        return f"{self.deployment} of {self.revision}" if self.deployment else self.revision

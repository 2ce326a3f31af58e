"""What is remembered of a revision."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class FailureState:
    """Why a revision does not answer.

    Attributes:
        reason: in one constant word.
        message: in a sentence.
        at: when it happened last.
        count: how often it happened in a row.
    """

    reason: str
    message: str
    at: datetime
    count: int = 1


@dataclass(frozen=True, slots=True)
class StartState:
    """How a start went, or goes.

    Attributes:
        incarnation: number of the Ray cluster that starts, or started.
        since: since when it is in its present phase.
        phase: what it waits for; None when it has answered.
        seconds: by phase, how long each took.
    """

    incarnation: int
    since: datetime
    phase: str | None = None
    seconds: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RevisionState:
    """One version at one content, as far as it came.

    Attributes:
        name: its name.
        version: the version that it belongs to.
        hash: of its content.
        created_at: when this content was seen first.
        image: image of its Pods, with its digest as soon as that is known.
        uri: where its model lies.
        outcome: what became of it.
        last_active_at: when it was last part of what runs; None while it is.
        served_at: when it first took over its version.
        attempts: how often a rollout to it was begun.
        answered_at: when its present cluster first answered a real request.
        incarnation: number of its Ray cluster.
        answered_incarnation: number of the Ray cluster that answered a real request last.
        start: how its last start went, or goes.
        failure: why it does not answer.
        removing_since: when it was taken out of the traffic to be removed.
    """

    name: str
    version: str
    hash: str
    created_at: datetime
    image: str | None = None
    uri: str | None = None
    outcome: str | None = None
    last_active_at: datetime | None = None
    served_at: datetime | None = None
    attempts: int = 0
    answered_at: datetime | None = None
    incarnation: int = 0
    answered_incarnation: int | None = None
    start: StartState | None = None
    failure: FailureState | None = None
    removing_since: datetime | None = None

"""What the operator reports of a start: how long each part of it took."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from eagleray.api.base import ApiModel, Timestamp


class StartPhase(StrEnum):
    """What a revision waits for while it starts, in this order."""

    SCHEDULE = "schedule"
    """Nodes for its Pods."""
    IMAGE = "image"
    """The image on those nodes, and what an init container downloads."""
    HEAD = "head"
    """Ray's head, until its Serve API answers."""
    WORKER = "worker"
    """Ray on the workers."""
    LOAD = "load"
    """The application: Serve builds it, and replicas load their model."""
    WARM_UP = "warm-up"
    """The router's health checks and the first requests."""


class StartStatus(ApiModel):
    """How the last start of a revision went, or goes."""

    incarnation: int = Field(ge=0)
    """Number of the Ray cluster that starts, or started."""
    phase: str | None = Field(None, max_length=32)
    """What it waits for: `schedule`, `image`, `head`, `worker`, `load` or `warm-up`; absent when it has answered."""
    since: Timestamp
    """Since when."""
    seconds: Annotated[dict[str, int], Field(max_length=8)] = Field(default_factory=dict)
    """How long each part took, in seconds."""

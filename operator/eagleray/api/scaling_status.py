"""What the operator reports of scaling by load: why there are as many replicas as there are."""

from typing import Annotated

from pydantic import Field

from eagleray.api.base import ApiModel, Timestamp


class ScalingMetricStatus(ApiModel):
    """What one metric said at the last decision."""

    name: str = Field(max_length=63)
    """Its type; of several of one type, numbered."""
    value: str | None = Field(None, max_length=32)
    """What was measured per replica, in the target's unit; absent while nothing is known."""
    target: str = Field(max_length=32)
    """Target per replica."""
    replicas: int | None = Field(None, ge=0)
    """Replicas that it asks for; absent while nothing is known."""
    message: str | None = Field(None, max_length=512)
    """What is wrong with it, or what else is to be known."""
    missing_since: Timestamp | None = None
    """Since when it does not tell all; nothing is scaled down while that is so."""


class ScalingChange(ApiModel):
    """A change of the number of replicas."""

    at: Timestamp
    """When it was decided."""
    from_: int = Field(ge=0, alias="from")
    """Replicas before."""
    to: int = Field(ge=0)
    """Replicas from then on."""
    message: str = Field("", max_length=256)
    """Why."""


class Recommendation(ApiModel):
    """What the metrics asked for, before any limit."""

    at: Timestamp
    """From when on."""
    replicas: int = Field(ge=0)
    """Replicas; they were asked for until the next recommendation."""


class ScalingStatus(ApiModel):
    """What scaling decided last about one revision, and why."""

    version: Annotated[str, Field(max_length=63)]
    """Version that is scaled."""
    revision: Annotated[str, Field(max_length=63)]
    """Revision that is scaled: during a rollout each of the two by its own load."""
    deployment: Annotated[str, Field(max_length=63)]
    """Serve deployment that is scaled on its own; empty where it is the version as a whole."""
    desired: int = Field(ge=0)
    """Replicas that it is to have."""
    min_replicas: int = Field(ge=0)
    """Fewest replicas that are allowed now."""
    max_replicas: int = Field(ge=0)
    """Most replicas that are allowed now."""
    reason: str = Field(max_length=64)
    """What limited the last decision, in one word of autoscaling/v2: `DesiredWithinRange` where nothing did."""
    message: str = Field("", max_length=512)
    """The last decision in a sentence."""
    metrics: list[ScalingMetricStatus] | None = Field(None, max_length=8)
    """What each metric said when that was decided; what it says now is in the metrics of the operator."""
    changes: list[ScalingChange] | None = Field(None, max_length=64)
    """The last changes, the latest first: ten, or as many as the policies look back to."""
    recommendations: list[Recommendation] | None = Field(None, max_length=64)
    """What was asked for within the stabilization windows, the oldest first."""
    active_at: Timestamp | None = None
    """When a request was last seen, to within a tenth of `idle.after`; only with `idle`."""
    idle_since: Timestamp | None = None
    """Since when it has no replicas for want of requests."""
    wakes_since: Timestamp | None = None
    """Since when it starts again, for a request that waits."""
    start_seconds: int | None = Field(None, ge=0)
    """How long its last start took, which is what `Retry-After` says."""

    @property
    def subject(self) -> str:
        """What is scaled, for people."""
        return f"{self.deployment} of {self.revision}" if self.deployment else self.revision

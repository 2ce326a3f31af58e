"""Scaling by load, with the types of autoscaling/v2 where they fit. Typed now, working later."""

from typing import Annotated, Literal

from pydantic import Field

from eagleray.api.base import ApiModel, PositiveDuration, map_list


class ScalingMetric(ApiModel):
    """A load figure and the target per replica that scaling aims at."""

    type: Literal["OngoingRequests", "RequestRate", "CPU", "GPU", "Prometheus"]
    """What is measured."""
    target: int | str = Field(union_mode="left_to_right")
    """Target per replica: `5` (a number), `70%` (of the request) or `200ms` (a time)."""
    query: str | None = Field(None, max_length=4096)
    """Query of a `Prometheus` metric; it gives one number."""


class ScalingPolicy(ApiModel):
    """Largest change in a period, as in autoscaling/v2."""

    type: Literal["Pods", "Percent"]
    """Whether `value` counts replicas or percent of them."""
    value: int = Field(ge=1, le=100_000)
    """Largest change in the period."""
    period_seconds: int = Field(ge=1, le=1800)
    """Length of the period in seconds."""


class ScalingRules(ApiModel):
    """How fast scaling goes in one direction, as in autoscaling/v2."""

    stabilization_window_seconds: int | None = Field(None, ge=0, le=3600)
    """How long the highest (down) or lowest (up) recommendation counts, in seconds."""
    select_policy: Literal["Max", "Min", "Disabled"] | None = None
    """Which policy counts where several are given."""
    policies: list[ScalingPolicy] | None = Field(None, max_length=8)
    """Largest changes."""
    tolerance: str | None = Field(None, max_length=16)
    """Deviation from the target that changes nothing, such as `10%`."""


class ScalingBehavior(ApiModel):
    """How fast scaling goes, as in autoscaling/v2."""

    scale_up: ScalingRules | None = None
    """How fast replicas are added."""
    scale_down: ScalingRules | None = None
    """How fast replicas are removed."""


class Idle(ApiModel):
    """When a version without requests is taken down, head included."""

    after: PositiveDuration
    """How long no request came."""


class ScalingSchedule(ApiModel):
    """Bounds that hold at certain hours."""

    name: str = Field(max_length=63)
    """Name of the schedule."""
    start: str = Field(max_length=128)
    """When it starts, in cron format."""
    duration: PositiveDuration
    """How long it holds."""
    time_zone: str | None = Field(None, max_length=64)
    """Time zone of `start`, such as `Europe/Berlin`; UTC where it is left out."""
    min_replicas: int | None = Field(None, ge=0, le=1000)
    """Fewest replicas while it holds."""
    max_replicas: int | None = Field(None, ge=1, le=1000)
    """Most replicas while it holds."""


class Autoscaling(ApiModel):
    """Scaling of a version by its own load."""

    min_replicas: int | None = Field(None, ge=0, le=1000)
    """Fewest replicas."""
    max_replicas: int = Field(ge=1, le=1000)
    """Most replicas."""
    metrics: list[ScalingMetric] | None = Field(None, max_length=8)
    """What is measured; the metric that asks for most replicas wins."""
    behavior: ScalingBehavior | None = None
    """How fast replicas are added and removed."""
    idle: Idle | None = None
    """When the version goes to zero."""
    schedules: Annotated[list[ScalingSchedule], map_list("name")] | None = Field(None, max_length=16)
    """Bounds that hold at certain hours."""

"""Scaling by load, with the types of autoscaling/v2 where they fit."""

import re
from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema

from eagleray.api.analysis import Url
from eagleray.api.base import (
    INT_OR_STRING,
    ApiModel,
    PositiveDuration,
    Quantity,
    Rule,
    map_list,
    matches,
    quantity_text,
)
from eagleray.api.units import DURATION_PATTERN

_NUMBER = r"^[0-9]{1,9}([.][0-9]{1,3})?$"
_PERCENT = r"^[0-9]{1,3}%$"

ScalingTarget = Annotated[str, WithJsonSchema(INT_OR_STRING), BeforeValidator(quantity_text)]
"""A target per replica: `5`, `70%` or `200ms`; whole numbers need no quotes."""


def _target_fits(metric: "ScalingMetric") -> bool:
    pattern = _PERCENT if metric.type in {"CPU", "GPU"} else DURATION_PATTERN if metric.type == "Latency" else _NUMBER
    return re.search(pattern, metric.target) is not None and re.search("[1-9]", metric.target) is not None


class ScalingMetric(ApiModel):
    """A load figure and the target per replica that scaling aims at."""

    cel_rules = (
        Rule(
            f"string(self.target).matches(self.type in ['CPU', 'GPU'] ? '{_PERCENT}' : self.type == 'Latency' ?"
            f" '{DURATION_PATTERN}' : '{_NUMBER}') && string(self.target).matches('[1-9]')",
            "write the target of OngoingRequests, RequestRate and Prometheus as a number such as 5, that of CPU and"
            " GPU as a share such as 70%, that of Latency as a duration such as 200ms; all are above zero",
            field_path=".target",
            python=_target_fits,
        ),
        Rule(
            "(self.type == 'Prometheus') == has(self.query) && has(self.query) == has(self.server)",
            "write server and query for Prometheus, and for no other metric",
            python=lambda m: (m.type == "Prometheus") == (m.query is not None) == (m.server is not None),
        ),
        Rule(
            "!has(self.quantile) || self.type == 'Latency'",
            "quantile belongs to Latency",
            field_path=".quantile",
            python=lambda m: m.quantile is None or m.type == "Latency",
        ),
    )

    type: Literal["OngoingRequests", "RequestRate", "Latency", "CPU", "GPU", "Prometheus"]
    """What is measured. `OngoingRequests`: requests in progress, waiting ones included; `RequestRate`: requests in a
    second; `Latency`: the time to the answer; `CPU`: what a replica uses, in percent of what it requests; `GPU`: how
    busy the GPUs of a replica's Pod are, in percent; `Prometheus`: what a query answers, over all replicas."""
    target: ScalingTarget
    """Target per replica: `5` or `2.5`, `70%` of CPU or GPU, `200ms` of Latency."""
    quantile: Literal["p50", "p90", "p95", "p99"] | None = None
    """Quantile of `Latency` that is kept below the target; `p90` where it is left out."""
    server: Url | None = None
    """Where a Prometheus server answers, without `/api/v1/query`."""
    query: str | None = Field(None, min_length=1, max_length=2048)
    """PromQL for one number, over all replicas. `$(name)`, `$(namespace)`, `$(version)`, `$(revision)` and
    `$(deployment)` stand for this object, and for the version, the revision and the Serve deployment that is scaled."""


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
    """How long the highest (down) or lowest (up) recommendation counts, in seconds; 300 down and 0 up where it is left
    out."""
    select_policy: Literal["Max", "Min", "Disabled"] | None = None
    """Which policy counts where several are given; `Max` where it is left out."""
    policies: list[ScalingPolicy] | None = Field(None, min_length=1, max_length=8)
    """Largest changes. Where they are left out: up by 100% or 4 replicas in 15 s, whichever is more, down by 100% in
    15 s."""
    tolerance: Quantity | None = None
    """Deviation from the target that changes nothing, as a share of 1; `0.1` where it is left out."""


class ScalingBehavior(ApiModel):
    """How fast scaling goes, as in autoscaling/v2."""

    scale_up: ScalingRules | None = None
    """How fast replicas are added."""
    scale_down: ScalingRules | None = None
    """How fast replicas are removed."""


Ignored = Annotated[
    str,
    Field(max_length=128),
    matches("^[!-~][ -~]*$", "write a path such as /healthz, or how a User-Agent begins, such as UptimeRobot/"),
]
"""A path, or the beginning of a `User-Agent`."""


class Idle(ApiModel):
    """When a version without requests is taken down, head included, and what becomes of its next request."""

    after: PositiveDuration
    """How long no request came."""
    hold_timeout: PositiveDuration | None = None
    """How long a request may wait for the version to start; then the answer is 503 with `Retry-After`. 120s where it is
    left out."""
    max_held: int | None = Field(None, ge=1, le=10_000)
    """Requests that may wait at one router Pod at one time; one more is answered 503 at once. 100 where it is left
    out."""
    ignore: Annotated[list[Ignored], Field(max_length=16)] | None = None
    """Requests that wake nothing, beside health checks that are known: by path, such as `/healthz`, or by how their
    `User-Agent` begins, such as `UptimeRobot/`."""


class ScalingSchedule(ApiModel):
    """Bounds that hold from certain moments on; that which began last counts, until the next begins."""

    cel_rules = (
        Rule(
            "has(self.minReplicas) || has(self.maxReplicas)",
            "write minReplicas, maxReplicas or both",
            python=lambda s: s.min_replicas is not None or s.max_replicas is not None,
        ),
    )

    name: str = Field(min_length=1, max_length=63)
    """Name of the schedule."""
    cron: Annotated[
        str,
        Field(max_length=128),
        matches("^[^ ]+( [^ ]+){4}$", "write cron as five fields, such as 0 18 * * 1-5"),
    ]
    """When it begins, in cron format: minute, hour, day of the month, month, day of the week."""
    time_zone: str | None = Field(None, max_length=64)
    """Time zone of `cron`, such as `Europe/Berlin`; UTC where it is left out."""
    min_replicas: int | None = Field(None, ge=1, le=1000)
    """Fewest replicas while it holds."""
    max_replicas: int | None = Field(None, ge=1, le=1000)
    """Most replicas while it holds."""


class Scaling(ApiModel):
    """Scaling of something by its own load."""

    cel_rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "(has(self.minReplicas) ? self.minReplicas : 1) <= self.maxReplicas",
            "minReplicas is at most maxReplicas; write a larger maxReplicas",
            field_path=".minReplicas",
            python=lambda a: (a.min_replicas or 1) <= a.max_replicas,
        ),
        Rule(
            "!has(self.schedules) || self.schedules.all(s, (has(s.minReplicas) ? s.minReplicas : has(self.minReplicas)"
            " ? self.minReplicas : 1) <= (has(s.maxReplicas) ? s.maxReplicas : self.maxReplicas))",
            "within a schedule minReplicas is at most maxReplicas; what it leaves out is that of autoscaling",
            field_path=".schedules",
            python=lambda a: all(
                (s.min_replicas or a.min_replicas or 1) <= (s.max_replicas or a.max_replicas) for s in a.schedules or []
            ),
        ),
    )

    min_replicas: int | None = Field(None, ge=1, le=1000)
    """Fewest replicas while there are requests; 1 where it is left out."""
    max_replicas: int = Field(ge=1, le=1000)
    """Most replicas."""
    metrics: list[ScalingMetric] | None = Field(None, min_length=1, max_length=8)
    """What is measured; the metric that asks for most replicas wins. `OngoingRequests` with target 5 where it is left
    out."""
    behavior: ScalingBehavior | None = None
    """How fast replicas are added and removed."""
    schedules: Annotated[list[ScalingSchedule], map_list("name")] | None = Field(None, max_length=16)
    """Bounds that hold at certain hours, in place of `minReplicas` and `maxReplicas`."""


class Autoscaling(Scaling):
    """Scaling of a version by its own load."""

    idle: Idle | None = None
    """When the version goes to zero, below `minReplicas`; never where it is left out."""


class DeploymentAutoscaling(Scaling):
    """Scaling of one deployment of an application by its own load, which Serve and Ray's nodes tell."""

    cel_rules: ClassVar[tuple[Rule, ...]] = (
        *Scaling.cel_rules,
        Rule(
            "!has(self.metrics) || self.metrics.all(m, !(m.type in ['RequestRate', 'Latency']))",
            "RequestRate and Latency are those of the whole version, in spec.autoscaling; write OngoingRequests, CPU,"
            " GPU or Prometheus for one deployment",
            field_path=".metrics",
            python=lambda a: all(m.type not in {"RequestRate", "Latency"} for m in a.metrics or []),
        ),
    )

"""How a version moves to a new revision. Typed now, working later."""

from typing import Annotated, Literal

from pydantic import Field

from eagleray.api.base import ApiModel, PositiveDuration, Rule, map_list


class Pause(ApiModel):
    """A step that waits."""

    duration: PositiveDuration | None = None
    """How long; until somebody promotes where it is left out."""


class RolloutStep(ApiModel):
    """One step of a rollout."""

    cel_rules = (Rule("has(self.setWeight) != has(self.pause)", "write setWeight or pause, one in each step"),)

    set_weight: int | None = Field(None, ge=0, le=100)
    """Share of the version's requests that the candidate gets, in percent."""
    pause: Pause | None = None
    """Waits before the next step."""


class AnalysisMetric(ApiModel):
    """A figure of the candidate and its bound."""

    name: Literal["error-rate", "latency-p50", "latency-p99", "prometheus"]
    """What is measured, over the requests that the candidate answered."""
    max: str = Field(max_length=24)
    """Highest value that passes: `1%` or `200ms`."""
    query: str | None = Field(None, max_length=4096)
    """Query of a `prometheus` metric; it gives one number."""


class Analysis(ApiModel):
    """Figures that a candidate is judged by while it gets requests."""

    interval: PositiveDuration | None = None
    """Time between two measurements."""
    failure_limit: int | None = Field(None, ge=0, le=1000)
    """Measurements that may fail before the rollout is taken back."""
    metrics: Annotated[list[AnalysisMetric], map_list("name")] | None = Field(None, max_length=16)
    """What is measured."""


class Rollout(ApiModel):
    """How a version moves from its stable revision to a candidate."""

    strategy: Literal["Canary", "Immediate", "Recreate"] | None = None
    """Whether requests shift by steps, at once, or after the old revision is gone."""
    steps: list[RolloutStep] | None = Field(None, max_length=32)
    """Steps that the candidate's share goes through."""
    analysis: Analysis | None = None
    """Figures that the candidate is judged by."""
    max_surge: int | None = Field(None, ge=0, le=1000)
    """Replicas above the wanted number while both revisions run; with 0 the old one shrinks as the new
    one grows."""
    progress_deadline_seconds: int | None = Field(None, ge=1, le=86400)
    """How long a candidate may make no progress before it is taken back, in seconds."""
    abort_scale_down_delay_seconds: int | None = Field(None, ge=0, le=86400)
    """How long an aborted candidate stays for inspection, in seconds."""

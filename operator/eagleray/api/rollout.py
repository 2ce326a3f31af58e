"""How a version moves to a new revision, in the words of Argo Rollouts."""

import re
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema

from eagleray.api.base import INT_OR_STRING, ApiModel, Duration, PositiveDuration, Rule, map_list, quantity_text
from eagleray.api.units import parse_duration

_SURGE = r"^[0-9]{1,4}%?$"
_PERCENT = r"^[0-9]{1,3}([.][0-9]{1,3})?%$"
_LATENCY = r"^([0-9]{1,5}(h|m|s|ms)){1,4}$"

MaxSurge = Annotated[
    str,
    WithJsonSchema(INT_OR_STRING),
    Rule(
        f"string(self).matches('{_SURGE}')",
        "write maxSurge as a number of replicas such as 2, or as a share of them such as 25%",
        python=lambda text: re.search(_SURGE, text) is not None,
    ),
    BeforeValidator(quantity_text),
]
"""A number of replicas, or a share of them: `2`, `25%`."""

Percent = Annotated[
    str,
    Field(max_length=8),
    Rule(
        f"self.matches('{_PERCENT}')", "write a share such as 1% or 0.5%", python=lambda s: bool(re.search(_PERCENT, s))
    ),
]
"""A share: `1%`, `0.5%`."""

MetricName = Literal["error-rate", "latency-p50", "latency-p90", "latency-p95", "latency-p99"]


class Pause(ApiModel):
    """A step that waits."""

    duration: PositiveDuration | None = None
    """How long; until somebody promotes where it is left out."""


def _limit_fits(metric: "AnalysisMetric") -> bool:
    pattern = _PERCENT if metric.name == "error-rate" else _LATENCY
    return metric.max is None or re.search(pattern, metric.max) is not None


class AnalysisMetric(ApiModel):
    """A figure of the requests that the candidate answered, and its limit."""

    cel_rules = (
        Rule(
            "has(self.max) || has(self.maxIncrease)",
            "write max (a limit), maxIncrease (a limit above the stable revision's figure), or both",
            python=lambda metric: metric.max is not None or metric.max_increase is not None,
        ),
        Rule(
            f"!has(self.max) || self.max.matches(self.name == 'error-rate' ? '{_PERCENT}' : '{_LATENCY}')",
            "write the max of error-rate as a share such as 1%, and that of a latency as a duration such as 200ms",
            field_path=".max",
            python=_limit_fits,
        ),
    )

    name: MetricName
    """What is measured: the share of answers with a status from 500 on, or a quantile of the time to the answer."""
    max: str | None = Field(None, max_length=24)
    """Highest value that passes: `1%` or `200ms`."""
    max_increase: Percent | None = None
    """How far the candidate may be above the stable revision in the same time: percentage points of an error rate
    (`0.5%`), a share of a latency (`20%`)."""

    @property
    def limit(self) -> float | None:
        """`max` as a share of 1, or in seconds."""
        if self.max is None:
            return None
        return float(self.max[:-1]) / 100 if self.name == "error-rate" else parse_duration(self.max)

    @property
    def margin(self) -> float | None:
        """`max_increase` as a share of 1."""
        return None if self.max_increase is None else float(self.max_increase[:-1]) / 100


class Analysis(ApiModel):
    """Figures that a candidate is judged by while it gets requests."""

    interval: PositiveDuration | None = None
    """Time between two measurements; 10s where it is left out."""
    initial_delay: Duration | None = None
    """Time from a change of the candidate's share to its first measurement."""
    count: int | None = Field(None, ge=1, le=1000)
    """Measurements that must pass before the next change of the share; 1 where it is left out."""
    failure_limit: int | None = Field(None, ge=0, le=1000)
    """Measurements of one figure that may fail; one more takes the rollout back. 0 where it is left out."""
    inconclusive_limit: int | None = Field(None, ge=0, le=1000)
    """Measurements of one figure that may be above its limit without proof; one more pauses the rollout for a person.
    Without it the rollout waits until there is proof."""
    min_requests: int | None = Field(None, ge=1, le=1_000_000)
    """Requests that the candidate must have answered before it is judged; 50 where it is left out. With fewer the
    rollout waits."""
    metrics: Annotated[list[AnalysisMetric], map_list("name")] = Field(min_length=1, max_length=8)
    """What is measured."""


_KINDS = ("setWeight", "setReplicas", "pause", "analysis")


def _kinds(step: "RolloutStep") -> int:
    return sum(v is not None for v in (step.set_weight, step.set_replicas, step.pause, step.analysis))


class RolloutStep(ApiModel):
    """One step of a rollout."""

    cel_rules = (
        Rule(
            f"[{', '.join(f'has(self.{kind})' for kind in _KINDS)}].exists_one(given, given)",
            "write one of setWeight, setReplicas, pause and analysis in each step",
            python=lambda step: _kinds(step) == 1,
        ),
    )

    set_weight: int | None = Field(None, ge=0, le=100)
    """Share of the version's requests that the candidate gets, in percent; it has so many replicas first."""
    set_replicas: int | None = Field(None, ge=1, le=1000)
    """Number of the candidate's replicas from here on, where its share of them is not what is wanted."""
    pause: Pause | None = None
    """Waits before the next step."""
    analysis: Analysis | None = None
    """Waits until these figures have passed, and takes the rollout back where they fail."""


class Rollout(ApiModel):
    """How a version moves from its stable revision to a candidate."""

    cel_rules = (
        Rule(
            "!(has(self.steps) || has(self.analysis)) || !has(self.strategy) || self.strategy == 'Canary'",
            "steps and analysis belong to the strategy Canary; leave strategy out or write Canary",
            python=lambda r: not (r.steps or r.analysis) or r.strategy in {None, "Canary"},
        ),
    )

    strategy: Literal["Canary", "BlueGreen", "Recreate"] | None = None
    """`Canary`: requests shift by `steps`. `BlueGreen`: all at once when every replica of the candidate has answered;
    also what happens where there are neither `steps` nor `analysis`. `Recreate`: the old revision goes first, for
    clusters that have no room for both; requests are answered with 503 meanwhile."""
    steps: list[RolloutStep] | None = Field(None, max_length=32)
    """What the candidate goes through. With `analysis` alone: 5, 25 and 50 percent, each for six measurements."""
    analysis: Analysis | None = None
    """Figures that the candidate is judged by as long as it has a share of the requests."""
    max_surge: MaxSurge | None = None
    """Replicas above the wanted number while both revisions run: `2` or `25%`; no bound where it is left out. With 0
    the stable revision gives up a replica for each of the candidate's."""
    progress_deadline_seconds: int | None = Field(None, ge=1, le=86400)
    """How long a candidate may make no progress before it is taken back, in seconds; 600 where it is left out."""
    abort_scale_down_delay_seconds: int | None = Field(None, ge=0, le=86400)
    """How long an aborted candidate stays for a look, in seconds; 30 where it is left out."""

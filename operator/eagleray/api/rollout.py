"""How a version moves to a new revision, in the words of Argo Rollouts."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema

from eagleray.api.analysis import MIRROR_AGREEMENT, Analysis
from eagleray.api.base import INT_OR_STRING, ApiModel, PositiveDuration, Rule, count_or_share, quantity_text

MaxSurge = Annotated[
    str,
    WithJsonSchema(INT_OR_STRING),
    count_or_share("maxSurge as a number of replicas"),
    BeforeValidator(quantity_text),
]
"""A number of replicas, or a share of them: `2`, `25%`."""


class Pause(ApiModel):
    """A step that waits."""

    duration: PositiveDuration | None = None
    """How long; until somebody promotes where it is left out."""


_KINDS = ("setWeight", "setReplicas", "pause", "analysis")


def _kinds(step: "RolloutStep") -> int:
    return sum(getattr(step, name) is not None for name in RolloutStep.model_fields)


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
        Rule(
            f"!has(self.analysis) || !self.analysis.metrics.exists(m, m.name == '{MIRROR_AGREEMENT}')",
            "mirror-agreement is measured while the candidate has no requests of its own; write it into the analysis "
            "of a step before the first setWeight",
            field_path=".analysis",
            python=lambda r: r.analysis is None or all(m.name != MIRROR_AGREEMENT for m in r.analysis.metrics),
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

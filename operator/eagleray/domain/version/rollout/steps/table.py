"""Which class a step of spec is."""

from collections.abc import Callable, Mapping
from typing import Any

from eagleray.api.rollout import RolloutStep
from eagleray.domain.version.rollout.step import Step
from eagleray.domain.version.rollout.steps.analyse import AnalysisStep
from eagleray.domain.version.rollout.steps.pause import PauseStep
from eagleray.domain.version.rollout.steps.set_replicas import ReplicasStep
from eagleray.domain.version.rollout.steps.set_weight import WeightStep

STEPS: Mapping[str, Callable[[Any], Step]] = {
    kind.field: kind for kind in (WeightStep, ReplicasStep, PauseStep, AnalysisStep)
}
"""By the field of spec, what is made of its value."""


def step_of(spec: RolloutStep) -> Step:
    """Read a step, which has one field."""
    return next(make(value) for field, make in STEPS.items() if (value := getattr(spec, field)) is not None)

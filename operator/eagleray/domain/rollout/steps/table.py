"""Which class a step of spec is."""

from collections.abc import Callable, Mapping
from typing import Any

from eagleray.api.rollout import RolloutStep
from eagleray.domain.rollout.step import Step
from eagleray.domain.rollout.steps.analyse import Analyse
from eagleray.domain.rollout.steps.pause import Pausing
from eagleray.domain.rollout.steps.set_replicas import SetReplicas
from eagleray.domain.rollout.steps.set_weight import SetWeight

STEPS: Mapping[str, Callable[[Any], Step]] = {kind.field: kind for kind in (SetWeight, SetReplicas, Pausing, Analyse)}
"""By the field of spec, what is made of its value."""


def step_of(spec: RolloutStep) -> Step:
    """Read a step, which has one field."""
    return next(make(value) for field, make in STEPS.items() if (value := getattr(spec, field)) is not None)

"""Which changes of the status are worth an Event: those of a condition's truth, and a rollout that ends."""

from dataclasses import dataclass
from typing import Literal

from eagleray.api.conditions import WELL, ConditionType, Reason
from eagleray.api.status import Condition, ModelDeploymentStatus, RolloutPhase, RolloutStatus

_NEWS = (ConditionType.READY, ConditionType.DEGRADED, ConditionType.STALLED, ConditionType.SAME_REFERENCES)


@dataclass(frozen=True, slots=True)
class Transition:
    """One thing that happened.

    Attributes:
        type: `Normal` or `Warning`.
        reason: constant.
        message: for people.
    """

    type: Literal["Normal", "Warning"]
    reason: str
    message: str


def transitions(before: ModelDeploymentStatus, after: ModelDeploymentStatus) -> tuple[Transition, ...]:
    """Name what changed between two statuses."""
    found = [t for kind in _NEWS if (t := _condition(before.condition(kind), after.condition(kind)))]
    return (*found, *_rollouts(before, after), *_replaced(before, after), *_rescaled(before, after))


def _condition(before: Condition | None, after: Condition | None) -> Transition | None:
    if after is None or after.status == "Unknown":
        return None
    was = before.status if before else "False"
    same = was == after.status and (after.status == "False" or before is None or before.reason == after.reason)
    if same:
        return None
    good = (after.status == "True") == (after.type in WELL)
    if good and after.type != ConditionType.READY:
        return None
    return Transition("Normal" if good else "Warning", after.reason, after.message)


def _replaced(before: ModelDeploymentStatus, after: ModelDeploymentStatus) -> list[Transition]:
    old = {v.name: v.stable for v in before.versions}
    return [
        Transition("Normal", Reason.REVISION_READY, f"version {v.name} is served by revision {v.stable}")
        for v in after.versions
        if v.stable is not None and v.stable != old.get(v.name)
    ]


def _rescaled(before: ModelDeploymentStatus, after: ModelDeploymentStatus) -> list[Transition]:
    """HPA's event, for each change of a number of replicas."""
    found = []
    for record in after.scaling or []:
        known = before.scaling_of(record.revision, record.deployment)
        last = next(iter(record.changes or []), None)
        if last is not None and known is not None and last not in (known.changes or []):
            said = f"{record.subject}: new size {last.to}, was {last.from_}; reason: {last.message}"
            found.append(Transition("Normal", Reason.SUCCESSFUL_RESCALE, said))
    return found


def _rollouts(before: ModelDeploymentStatus, after: ModelDeploymentStatus) -> list[Transition]:
    """A rollout's begin, each share that is in force, and each time that it pauses, goes on or is taken back."""
    old = {(r.version, r.to, r.attempt): r for r in before.rollouts or []}
    found = []
    for rollout in after.rollouts or []:
        known = old.get((rollout.version, rollout.to, rollout.attempt))
        what = f"version {rollout.version}, revision {rollout.to}"
        if known is None:
            found.append(Transition("Normal", Reason.ROLLOUT_STARTED, f"{what}: attempt {rollout.attempt} begins"))
        elif known.phase != rollout.phase:
            found.append(_phase(rollout, what))
        elif rollout.weight_changed_at and rollout.weight_changed_at != known.weight_changed_at:
            found.append(Transition("Normal", Reason.ROLLOUT_STEP, f"{what}: has {rollout.weight}% of the requests"))
    return found


def _phase(rollout: RolloutStatus, what: str) -> Transition:
    said = f"{what}: {rollout.message}"
    match rollout.phase:
        case RolloutPhase.ABORTED:
            return Transition("Warning", Reason.ROLLOUT_ABORTED, said)
        case RolloutPhase.PAUSED:
            return Transition("Normal", Reason.ROLLOUT_PAUSED, said)
        case RolloutPhase.PROGRESSING:
            return Transition("Normal", Reason.ROLLOUT_STEP, f"{what}: goes on")

"""Whether there is anything left to wait for."""

from dataclasses import dataclass

from eagleray.api.conditions import ConditionType
from eagleray.api.status import RolloutPhase, RolloutStatus
from eagleray.cli.model import Model


@dataclass(frozen=True, slots=True)
class Ended:
    """How it ended.

    Attributes:
        well: whether what spec asks for, or what it was rolled back to, is served.
        why: what went wrong otherwise.
    """

    well: bool
    why: str = ""


def ended(model: Model) -> Ended | None:
    """Say how the rollouts of an object ended, or None while the operator still has something to do."""
    if not model.seen or _asked(model):
        return None
    if stalled := _true(model, ConditionType.STALLED):
        return Ended(well=False, why=stalled)
    aborted = [r for r in model.rollouts if r.phase is RolloutPhase.ABORTED]
    if len(aborted) < len(model.rollouts):
        return None
    if aborted:
        said = "; ".join(f"the rollout to {r.to} was taken back: {r.message}" for r in aborted)
        return Ended(well=False, why=said)
    settled = _true(model, ConditionType.READY) and _true(model, ConditionType.PROGRESSING) is None
    return Ended(well=True) if settled else None


def _asked(model: Model) -> bool:
    """Whether a person asked for something that the status does not show yet."""
    verbs = model.verbs
    for version in model.status.versions:
        target = verbs.rolled_back_from(version.wanted) if version.wanted else None
        rollout = model.rollout_of(version.name)
        known = model.revision(target) is not None if target else False
        if known and target not in {version.stable, rollout.to if rollout else None}:
            return True
    return any(_retried(model, r) for r in model.rollouts)


def _retried(model: Model, rollout: RolloutStatus) -> bool:
    return rollout.phase is RolloutPhase.ABORTED and model.verbs.retried(rollout.to, rollout.attempt)


def _true(model: Model, kind: ConditionType) -> str | None:
    """The message of a condition that is true, its reason where it has none."""
    condition = model.status.condition(kind)
    if condition is None or condition.status != "True":
        return None
    return condition.message or condition.reason

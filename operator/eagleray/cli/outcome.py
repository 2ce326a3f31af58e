"""Whether there is anything left to wait for."""

from dataclasses import dataclass

from eagleray.api.conditions import ConditionType
from eagleray.api.status import RolloutPhase, RolloutStatus
from eagleray.cli.deployment import Deployment


@dataclass(frozen=True, slots=True)
class Ended:
    """How it ended.

    Attributes:
        well: whether what spec asks for, or what it was rolled back to, is served.
        why: what went wrong otherwise.
    """

    well: bool
    why: str = ""


def ended(deployment: Deployment) -> Ended | None:
    """Say how the rollouts of an object ended, or None while the operator still has something to do."""
    if not deployment.seen or _asked(deployment):
        return None
    if stalled := _true(deployment, ConditionType.STALLED):
        return Ended(well=False, why=stalled)
    aborted = [r for r in deployment.rollouts if r.phase is RolloutPhase.ABORTED]
    if len(aborted) < len(deployment.rollouts):
        return None
    if aborted:
        said = "; ".join(f"the rollout to {r.to} was taken back: {r.message}" for r in aborted)
        return Ended(well=False, why=said)
    settled = _true(deployment, ConditionType.READY) and _true(deployment, ConditionType.PROGRESSING) is None
    return Ended(well=True) if settled else None


def _asked(deployment: Deployment) -> bool:
    """Whether a person asked for something that the status does not show yet."""
    verbs = deployment.verbs
    for version in deployment.status.versions:
        target = verbs.rolled_back_from(version.wanted) if version.wanted else None
        rollout = deployment.rollout_of(version.name)
        known = deployment.revision(target) is not None if target else False
        if known and target not in {version.stable, rollout.to if rollout else None}:
            return True
    return any(_retried(deployment, r) for r in deployment.rollouts)


def _retried(deployment: Deployment, rollout: RolloutStatus) -> bool:
    return rollout.phase is RolloutPhase.ABORTED and deployment.verbs.retried(rollout.to, rollout.attempt)


def _true(deployment: Deployment, kind: ConditionType) -> str | None:
    """The message of a condition that is true, its reason where it has none."""
    condition = deployment.status.condition(kind)
    if condition is None or condition.status != "True":
        return None
    return condition.message or condition.reason

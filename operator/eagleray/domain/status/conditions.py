"""The conditions, as kstatus and Argo CD read them."""

from dataclasses import replace

from eagleray.api.conditions import ConditionType, Reason
from eagleray.api.status import RolloutPhase
from eagleray.domain.facts.pods import Pod
from eagleray.domain.revision.revision_view import RevisionView
from eagleray.domain.state.rollout import RolloutState
from eagleray.domain.status.readiness import cause_of, phase_of, readiness
from eagleray.domain.status.standing import Standing
from eagleray.domain.status.verdict import Verdict, Verdicts
from eagleray.domain.version.version_view import Versions, VersionView

# Only a change of the spec, or of what it points to, makes these better.
_NEED_A_PERSON = {
    Reason.CHECKSUM_MISMATCH,
    Reason.CONSTRUCTOR_FAILED,
    Reason.CREDENTIALS_MISSING,
    Reason.DEPLOY_FAILED,
    Reason.DEPLOYMENT_NOT_NAMED,
    Reason.DOWNLOAD_FAILED,
    Reason.GATEWAY_API_MISSING,
    Reason.IMPORT_FAILED,
    Reason.INVALID_SPEC,
    Reason.MODEL_LOAD_FAILED,
    Reason.NAME_CONFLICT,
    Reason.RAY_UNPROTECTED,
    Reason.ROUTE_REFUSED,
}
_HOLDS = "its node or a finalizer holds it"


def judge(standing: Standing) -> Verdicts:
    """Judge an object by what serves, whatever was refused."""
    return {
        ConditionType.READY: readiness(standing),
        ConditionType.PROGRESSING: _progressing(standing),
        ConditionType.PAUSED: _paused(standing.versions),
        ConditionType.DEGRADED: _degraded(standing),
        ConditionType.STALLED: _stalled(standing),
    }


def deleting() -> Verdicts:
    """Judge an object that was deleted."""
    goes = Verdict("False", Reason.DELETING, "the object was deleted: its Pods finish their requests and go")
    return {
        ConditionType.READY: goes,
        ConditionType.PROGRESSING: replace(goes, status="True"),
        ConditionType.PAUSED: goes,
        ConditionType.DEGRADED: goes,
        ConditionType.STALLED: goes,
    }


def _progressing(standing: Standing) -> Verdict:
    moving = next((verdict for version in standing.versions if (verdict := _moving_version(version))), None)
    if moving is None and standing.leaving:
        moving = Verdict("True", Reason.DRAINING, f"{standing.leaving} Pods of replaced revisions are still to go")
    return moving or _waiting(standing.versions) or _at_rest(standing)


def _waiting(versions: Versions) -> Verdict | None:
    """What a person decided, or is to decide."""
    if paused := _in_phase(versions, RolloutPhase.PAUSED):
        return Verdict("False", Reason.ROLLOUT_PAUSED, told(paused))
    if aborted := _in_phase(versions, RolloutPhase.ABORTED):
        return Verdict("False", Reason.ROLLOUT_ABORTED, told(aborted))
    return None


def _at_rest(standing: Standing) -> Verdict:
    if standing.refused:
        return Verdict("False", Reason.INVALID_SPEC, standing.refused)
    back = next((v for v in standing.versions if v.lane.wanted != v.lane.revision.name), None)
    if back is not None:
        lane = back.lane
        what = f"version {lane.name} went back to {lane.revision.name}; spec asks for {lane.wanted}"
        return Verdict("False", Reason.ROLLED_BACK, what)
    overdue = "".join(f"; {_overdue(pod)}" for pod in standing.overdue)
    return Verdict("False", Reason.SETTLED, f"everything is as spec says{overdue}")


def _overdue(pod: Pod) -> str:
    return f"Pod {pod.name} has been terminating since {pod.leaves_by:%Y-%m-%d %H:%M:%S} UTC: {_HOLDS}"


def _moving_version(version: VersionView) -> Verdict | None:
    rollout, stable, candidate = version.rollout, version.stable, version.candidate
    if rollout and rollout.phase is RolloutPhase.PROGRESSING:
        return Verdict("True", Reason.ROLLOUT_IN_PROGRESS, told(rollout))
    if candidate and stable is None:
        return Verdict(
            "True", phase_of(candidate), f"revision {candidate.revision.name}: {cause_of(candidate, 'starts')}"
        )
    if version.departing:
        said = f"version {version.lane.name} goes when the new ones answer"
        return Verdict("True", Reason.ROLLOUT_IN_PROGRESS, said)
    moves = rollout is None or rollout.phase is RolloutPhase.ABORTED
    if stable is not None and not stable.settled and moves:
        said = cause_of(stable, "Pods that are not needed any more go")
        return Verdict("True", _moving(stable), f"revision {stable.revision.name}: {said}")
    return None


def _paused(versions: Versions) -> Verdict:
    paused = _in_phase(versions, RolloutPhase.PAUSED)
    if paused is None:
        return Verdict("False", Reason.SETTLED, "nothing waits for a person")
    return Verdict("True", Reason.ROLLOUT_PAUSED, told(paused))


def _in_phase(versions: Versions, phase: RolloutPhase) -> RolloutState | None:
    return next((v.rollout for v in versions if v.rollout and v.rollout.phase is phase), None)


def told(rollout: RolloutState) -> str:
    """One rollout in a sentence."""
    if rollout.phase is RolloutPhase.ABORTED:
        return f"revision {rollout.to} was taken back: {rollout.message}; change spec, or retry"
    step = f", step {min(rollout.step + 1, rollout.steps)} of {rollout.steps}" if rollout.steps else ""
    return f"to revision {rollout.to}{step}, {rollout.weight}%: {rollout.message}"


def _moving(view: RevisionView) -> Reason:
    return Reason.DRAINING if view.complete else phase_of(view)


def _degraded(standing: Standing) -> Verdict:
    versions, problem = standing.versions, standing.problem
    if standing.refused:
        return Verdict("True", Reason.INVALID_SPEC, standing.refused)
    if shifted := _shifted(versions):
        return Verdict("True", Reason.TRAFFIC_SHIFTED, shifted)
    if problem is not None:
        return Verdict("True", problem.reason, problem.message)
    if aborted := _in_phase(versions, RolloutPhase.ABORTED):
        return Verdict("True", Reason.ROLLOUT_ABORTED, told(aborted))
    return Verdict("False", Reason.SETTLED, "nothing is wrong")


def _shifted(versions: Versions) -> str:
    """Which version has lost its share to the others, and why; one that still starts for the first time has not."""
    weighted = [v for v in versions if v.lane.weight]
    if not any(view.serves for v in weighted for view in v.views):
        return ""
    for version in weighted:
        views = version.views
        lost = version.stable is not None or any(view.problem for view in views)
        if lost and version.hold is None and all(view.serves is False for view in views):
            why = next((f": {view.problem.message}" for view in views if view.problem), "")
            name, weight = version.lane.name, version.lane.weight
            return f"no replica of version {name} answers, others have its {weight}% of the requests{why}"
    return ""


def _stalled(standing: Standing) -> Verdict:
    versions, problem = standing.versions, standing.problem
    if standing.refused:
        return Verdict("True", Reason.INVALID_SPEC, standing.refused)
    if standing.router is not None and standing.router.reason in _NEED_A_PERSON:
        return Verdict("True", standing.router.reason, standing.router.message)
    if aborted := _in_phase(versions, RolloutPhase.ABORTED):
        return Verdict("True", Reason.ROLLOUT_ABORTED, told(aborted))
    # A rollout that goes on tries again, and is taken back in the end.
    if _in_phase(versions, RolloutPhase.PROGRESSING):
        return Verdict("False", Reason.SETTLED, "nothing waits for a person")
    if problem is not None and problem.reason in _NEED_A_PERSON:
        return Verdict("True", problem.reason, problem.message)
    return Verdict("False", Reason.SETTLED, "nothing waits for a person")

"""The conditions, as kstatus and Argo CD read them."""

from dataclasses import dataclass, replace

from eagleray.api.conditions import ConditionType, Reason
from eagleray.api.status import RolloutPhase
from eagleray.domain.observed import Pod
from eagleray.domain.problem import Problem
from eagleray.domain.revision_state import RevisionView
from eagleray.domain.state.rollout import RolloutState
from eagleray.domain.status.verdict import Verdict, Verdicts
from eagleray.domain.versions import Versions, VersionView

# Only a change of the spec, or of what it points to, makes these better.
_NEED_A_PERSON = {
    Reason.CHECKSUM_MISMATCH,
    Reason.CONSTRUCTOR_FAILED,
    Reason.DEPLOY_FAILED,
    Reason.DEPLOYMENT_NOT_NAMED,
    Reason.DOWNLOAD_FAILED,
    Reason.IMPORT_FAILED,
    Reason.INVALID_SPEC,
    Reason.MODEL_LOAD_FAILED,
    Reason.NAME_CONFLICT,
    Reason.RAY_UNPROTECTED,
}
_STARTS = {
    Reason.HEAD_STARTING,
    Reason.WORKERS_STARTING,
    Reason.APPLICATION_STARTING,
    Reason.WARMING_UP,
    Reason.STARTING,
}
_HOLDS = "its node or a finalizer holds it"


@dataclass(frozen=True, slots=True)
class Standing:
    """How an object stands.

    Attributes:
        versions: its versions.
        leaving: how many Pods are still to go.
        overdue: Pods that should have gone.
        router: what is wrong with its router, or None.
        leaver: what keeps a revision from leaving, or None.
        refused: what spec asks for and is not given, and why; or "".
        suspended: whether spec takes everything down.
    """

    versions: Versions
    leaving: int = 0
    overdue: tuple[Pod, ...] = ()
    router: Problem | None = None
    leaver: Problem | None = None
    refused: str = ""
    suspended: bool = False

    @property
    def problem(self) -> Problem | None:
        """The problem to name, after what was refused."""
        return self.router or _worst(self.versions) or self.leaver


def judge(standing: Standing) -> Verdicts:
    """Judge an object by what serves, whatever was refused."""
    return {
        ConditionType.READY: _readiness(standing),
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


def _readiness(standing: Standing) -> Verdict:
    if standing.suspended:
        return Verdict("False", Reason.SUSPENDED, "spec.suspend is true: requests are answered with 503")
    if not standing.versions and standing.refused:
        return Verdict("False", Reason.INVALID_SPEC, standing.refused)
    ready = _resting(standing.versions) or _ready(standing.versions)
    if standing.router is not None and ready.reason in {Reason.ROUTER_STARTING, *_STARTS}:
        return Verdict(ready.status, standing.router.reason, standing.router.message)
    return ready


def _ready(versions: Versions) -> Verdict:
    """Whether those versions answer that are to have requests."""
    weighted = tuple(v for v in versions if v.lane.weight)
    stable = [v.stable for v in weighted if v.stable]
    if not stable:
        return _not_yet(weighted)
    views = [view for v in weighted for view in v.serving]
    if all(v.goal.replicas == 0 for v in weighted):
        return Verdict("False", Reason.SCALED_TO_ZERO, "spec.replicas is 0: requests are answered with 503")
    if all(view.wanted == 0 for view in views):
        return Verdict("False", Reason.ROLLOUT_IN_PROGRESS, "the old revision has gone, the new one starts")
    if all(view.serves is None for view in views):
        return Verdict("Unknown", Reason.ROUTER_STARTING, _said(stable[0], "no router Pod can be asked"))
    if any(view.serves for view in views):
        return Verdict("True", Reason.ANSWERING, "; ".join(_counted(view) for view in views))
    told = next((view for view in stable if view.problem), stable[0])
    reason = told.problem.reason if told.problem else Reason.NOT_ANSWERING
    return Verdict("False", reason, _said(told, "no replica answers"))


def _resting(versions: Versions) -> Verdict | None:
    """Nothing answers at once, and no request is lost; but while one waits in vain that is worth the truth."""
    weighted = [v for v in versions if v.lane.weight]
    if not all(v.hold for v in weighted):
        return None
    waking = [v.stable for v in weighted if v.stable and not v.goal.asleep]
    broken = next((view for view in waking if view.problem), None)
    if broken is not None and broken.problem is not None:
        return Verdict("False", broken.problem.reason, broken.problem.message)
    if waking:
        view = waking[0]
        return Verdict(
            "True", Reason.WAKING, f"{view.revision.name} starts, requests wait: {_said(view, 'soon ready')}"
        )
    return Verdict("True", Reason.IDLE, "no requests came: nothing runs, and the next request waits while it starts")


def _counted(view: RevisionView) -> str:
    return f"{min(view.answering or 0, view.wanted)} of {view.wanted} replicas of {view.revision.name} answer"


def _not_yet(versions: Versions) -> Verdict:
    views = [v.candidate for v in versions if v.candidate]
    view = next((view for view in views if view.problem), views[0] if views else None)
    if view is None:
        return Verdict("False", Reason.STARTING, "the first revision is to be created")
    if view.problem:
        return Verdict("False", view.problem.reason, view.problem.message)
    return Verdict("False", _phase(view), view.waiting or "the first revision starts")


def _phase(view: RevisionView) -> Reason:
    """The reason that goes with what a revision without a problem waits for."""
    if view.cluster.head is None or not view.cluster.head.started:
        return Reason.HEAD_STARTING
    if view.cluster.started_workers < len(view.cluster.workers):
        return Reason.WORKERS_STARTING
    if not view.runs:
        return Reason.APPLICATION_STARTING
    if view.answering is None:
        return Reason.ROUTER_STARTING
    return Reason.WARMING_UP


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
        return Verdict("True", _phase(candidate), f"revision {candidate.revision.name}: {_said(candidate, 'starts')}")
    if version.departing:
        said = f"version {version.lane.name} goes when the new ones answer"
        return Verdict("True", Reason.ROLLOUT_IN_PROGRESS, said)
    moves = rollout is None or rollout.phase is RolloutPhase.ABORTED
    if stable is not None and not stable.settled and moves:
        said = _said(stable, "Pods that are not needed any more go")
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


def _said(view: RevisionView, otherwise: str) -> str:
    return view.problem.message if view.problem else view.waiting or otherwise


def _moving(view: RevisionView) -> Reason:
    return Reason.DRAINING if view.complete else _phase(view)


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


def _worst(versions: Versions) -> Problem | None:
    """The problem to name: of a candidate before that of what serves; an aborted candidate's is its rollout's."""
    problems = [view.problem for v in versions if not v.aborted for view in reversed(v.views) if view.problem]
    problems += [v.stable.problem for v in versions if v.aborted and v.stable and v.stable.problem]
    return problems[0] if problems else None

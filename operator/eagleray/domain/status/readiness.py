"""Whether requests are answered, and what a revision that does not answer yet waits for."""

from eagleray.api.conditions import Reason
from eagleray.domain.revision.revision_view import RevisionView
from eagleray.domain.status.standing import Standing
from eagleray.domain.status.verdict import Verdict
from eagleray.domain.version.version_view import Versions

_STARTS = {
    Reason.HEAD_STARTING,
    Reason.WORKERS_STARTING,
    Reason.APPLICATION_STARTING,
    Reason.WARMING_UP,
    Reason.STARTING,
}


def readiness(standing: Standing) -> Verdict:
    """Judge by what the routers see, whatever was refused."""
    if standing.suspended:
        return Verdict("False", Reason.SUSPENDED, "spec.suspend is true: requests are answered with 503")
    if not standing.versions and standing.refused:
        return Verdict("False", Reason.INVALID_SPEC, standing.refused)
    ready = _resting(standing.versions) or _ready(standing.versions)
    if standing.router is not None and ready.reason in {Reason.ROUTER_STARTING, *_STARTS}:
        return Verdict(ready.status, standing.router.reason, standing.router.message)
    if ready.status == "True" and standing.closed and standing.credentials:
        return Verdict("False", standing.credentials.reason, standing.credentials.message)
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
        return Verdict("Unknown", Reason.ROUTER_STARTING, cause_of(stable[0], "no router Pod can be asked"))
    if any(view.serves for view in views):
        return Verdict("True", Reason.ANSWERING, "; ".join(_counted(view) for view in views))
    told = next((view for view in stable if view.problem), stable[0])
    reason = told.problem.reason if told.problem else Reason.NOT_ANSWERING
    return Verdict("False", reason, cause_of(told, "no replica answers"))


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
            "True", Reason.WAKING, f"{view.revision.name} starts, requests wait: {cause_of(view, 'soon ready')}"
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
    return Verdict("False", phase_of(view), view.waiting or "the first revision starts")


def phase_of(view: RevisionView) -> Reason:
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


def cause_of(view: RevisionView, otherwise: str) -> str:
    """What is wrong with a revision, or else what it waits for."""
    return view.problem.message if view.problem else view.waiting or otherwise

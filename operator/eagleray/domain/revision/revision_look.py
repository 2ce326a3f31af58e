"""Looks at one revision: its Pods, its application and who can reach it, put together into one view."""

from dataclasses import replace
from datetime import datetime

from eagleray.api.conditions import Reason
from eagleray.domain.actions.actions import DeletePod, EnsureRevision, Probe, Wake
from eagleray.domain.facts.pod_health import FETCH_CONTAINER
from eagleray.domain.facts.problem import PartOutcome, Problem, known_reason
from eagleray.domain.goals.groups import Counts, Scale
from eagleray.domain.goals.revision import Revision
from eagleray.domain.revision.application import ApplicationDecision, ServeAnswer, decide_application
from eagleray.domain.revision.backoff import forgotten_at, probe_retry
from eagleray.domain.revision.capacity import pods_by_group, with_room
from eagleray.domain.revision.images import pin
from eagleray.domain.revision.ray_cluster import RayCluster, decide_pods, let_go, overdue_wakes, sort_out
from eagleray.domain.revision.reach import answering, router_problem, serves
from eagleray.domain.revision.records import recorded
from eagleray.domain.revision.retry import decide_retry
from eagleray.domain.revision.revision_view import RevisionView
from eagleray.domain.revision.starting import start_phase, timed
from eagleray.domain.state.observed import Observed
from eagleray.domain.state.revision import RevisionState


def view_revision(revision: Revision, scale: Scale, observed: Observed, now: datetime) -> RevisionView:
    """Look at one revision that is to be there, and decide what it needs.

    Args:
        revision: the revision.
        scale: how much there is to be of it.
        observed: what was seen.
        now: the time of the decision.
    """
    record = recorded(revision, observed, now)
    cluster = sort_out(revision.name, observed, record.incarnation)
    if revision.name in observed.unreadable:
        return _unreadable(revision, scale, cluster, record, observed)
    outcome = observed.outcomes.get(revision.name)
    answer = _answer(cluster, observed)
    image = pin(record.image or revision.image, cluster.head)
    pods = decide_pods(replace(revision, image=image), scale.groups, cluster, record.failure, now)
    left = let_go(revision, scale.groups, cluster, answer.state, observed.nodes)
    room = with_room(revision.groups, scale.groups, cluster.workers, refused=outcome is not None)
    app = decide_application(revision, room, cluster, answer, now)
    retry = decide_retry(pods.failure, cluster, app, now)
    view = RevisionView(
        revision=revision,
        scale=scale,
        cluster=cluster,
        app=app,
        answering=answering(revision.name, observed),
        serves=serves(revision.name, observed),
        record=replace(record, image=image, incarnation=_incarnation(cluster, record), failure=retry.failure),
        problem=_problem(pods.problem, app.problem, outcome),
        waiting=_taking_long(cluster) or app.waiting,
        actions=(_ensure(revision, scale.groups), *pods.actions, *left, *app.actions, *retry.actions),
        wakes=(*pods.wakes, *app.wakes, *retry.wakes, *overdue_wakes(cluster.pods)),
        room=room,
    )
    view = replace(view, problem=view.problem or _remembered(view) or router_problem(observed))
    return _timed(_forget(_probed(view, observed, now), now), now)


def _answer(cluster: RayCluster, observed: Observed) -> ServeAnswer:
    head = cluster.head.name if cluster.head else ""
    return ServeAnswer(observed.serve.get(head), observed.serve_errors.get(head), observed.unprotected.get(head, ""))


def _problem(pods: Problem | None, app: Problem | None, outcome: PartOutcome | None) -> Problem | None:
    """The most telling: what the API server refuses comes after what is broken, and before what only takes long."""
    slow = app is not None and app.reason is Reason.REPLICA_STARTING
    refused = outcome.problem if outcome else None
    return pods or ((refused or app) if slow else (app or refused))


def _taking_long(cluster: RayCluster) -> str:
    """What takes long in a Pod, an init container or a constructor, in the words of one that tells how far it is."""
    told = [pod for pod in cluster.workers if pod.name in cluster.progress]
    pod = next(iter((*told, *cluster.preparing)), None)
    if pod is None:
        return ""
    far = f": {cluster.progress[pod.name]}" if told else ""
    of_init = "downloads the model" if pod.prepares == FETCH_CONTAINER else "runs before the others"
    what = f"container {pod.prepares} {of_init}" if pod.prepares else "a constructor runs"
    return f"Pod {pod.name}: {what}{far}"


def _unreadable(
    revision: Revision, scale: Scale, cluster: RayCluster, record: RevisionState, observed: Observed
) -> RevisionView:
    """Leave a revision alone whose content nobody can read: it serves as it is."""
    why = observed.unreadable[revision.name]
    problem = Problem(
        Reason.REVISION_UNREADABLE,
        f"revision {revision.name} serves as it is and cannot be healed: {why}; upgrade the operator, or change spec",
    )
    return RevisionView(
        revision=revision,
        scale=scale,
        cluster=cluster,
        app=ApplicationDecision(),
        answering=answering(revision.name, observed),
        serves=serves(revision.name, observed),
        record=record,
        problem=problem,
        waiting="",
        actions=(),
    )


def view_sleeping(revision: Revision, observed: Observed, now: datetime, *, may_go: bool) -> RevisionView:
    """Look at a revision that is to have no Pods, its head included.

    Args:
        revision: the revision.
        observed: what was seen.
        now: the time of the decision.
        may_go: whether its Pods may go now: nobody asks them any more.
    """
    record = recorded(revision, observed, now)
    cluster = sort_out(revision.name, observed, record.incarnation)
    there = [p for p in cluster.pods if not p.deleting]
    none = dict.fromkeys((group.name for group in revision.groups), 0)
    going = tuple(DeletePod(p.name, p.uid, "the revision sleeps", idle=True) for p in there)
    outcome = observed.outcomes.get(revision.name)
    return RevisionView(
        revision=revision,
        scale=Scale(0, none),
        cluster=cluster,
        app=ApplicationDecision(),
        answering=answering(revision.name, observed),
        serves=serves(revision.name, observed),
        record=replace(record, incarnation=_incarnation(cluster, record), failure=None),
        problem=outcome.problem if outcome else None,
        waiting="its Pods go" if cluster.pods else "",
        actions=(_ensure(revision, none), *(going if may_go else ())),
        wakes=overdue_wakes(cluster.pods),
        asleep=True,
    )


def without_actions(view: RevisionView, waiting: str) -> RevisionView:
    """The same revision, of which nothing is done yet.

    Args:
        view: the revision.
        waiting: what it waits for.
    """
    return replace(view, actions=(), waiting=waiting, problem=None)


def _incarnation(cluster: RayCluster, record: RevisionState) -> int:
    return cluster.head.incarnation if cluster.head else record.incarnation


def _ensure(revision: Revision, counts: Counts) -> EnsureRevision:
    pods = sum(pods_by_group(revision.groups, counts).values())
    return EnsureRevision(revision.name, max(0, pods - 1))


def _remembered(view: RevisionView) -> Problem | None:
    """What went wrong last, until as many replicas run as are wanted: the next try is no news yet."""
    failure = view.record.failure
    if failure is None or view.runs:
        return None
    return Problem(known_reason(failure.reason, Reason.NOT_ANSWERING), failure.message)


def _probed(view: RevisionView, observed: Observed, now: datetime) -> RevisionView:
    """Take the result of the last probe, or ask for one when every replica is up and has not answered yet."""
    if view.answered or view.cluster.head is None or view.wanted == 0:
        return view
    result = observed.probes.get(view.revision.name)
    current = result is not None and result.incarnation == view.cluster.incarnation
    if result is not None and current and result.ok:
        answered = replace(view.record, answered_incarnation=view.cluster.incarnation, answered_at=now)
        return replace(view, record=answered)
    if not view.fits:
        waiting = view.waiting or "the router's health checks are to pass"
        return replace(view, waiting=waiting)
    probe = Probe(view.revision.name, view.cluster.head.name, view.cluster.incarnation)
    view = replace(view, waiting="the first requests are to be answered")
    if result is None or not current:
        return replace(view, actions=(*view.actions, probe))
    view = replace(view, problem=Problem(Reason.WARMUP_FAILED, result.message))
    due = probe_retry(result, now)
    if now < due:
        return replace(view, wakes=(*view.wakes, Wake(due, f"the warm-up of {view.revision.name} is sent again")))
    return replace(view, actions=(*view.actions, probe))


def _timed(view: RevisionView, now: datetime) -> RevisionView:
    phase = None if view.answered else start_phase(view.cluster, reachable=view.app.reachable, runs=view.runs)
    start = timed(view.record.start, view.cluster.incarnation, phase, now) if view.wanted else view.record.start
    return replace(view, record=replace(view.record, start=start))


def _forget(view: RevisionView, now: datetime) -> RevisionView:
    failure = view.record.failure
    if failure is None or not view.complete:
        return view
    due = forgotten_at(failure, view.record.answered_at if view.answered else None)
    if now < due:
        return replace(view, wakes=(*view.wakes, Wake(due, f"failures of {view.revision.name} are forgotten")))
    return replace(view, record=replace(view.record, failure=None))

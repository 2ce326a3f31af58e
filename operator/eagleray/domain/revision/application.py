"""The Serve application of a revision: when it is deployed, how many replicas it is told to run, what ails it."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from eagleray.api.conditions import Reason
from eagleray.domain.actions.actions import Action, PutApplication, SetReplicas, Wake
from eagleray.domain.facts.pods import Pod
from eagleray.domain.facts.problem import PeerTrouble, Problem
from eagleray.domain.facts.serve import Application, AppStatus, ServeDeployment, ServeState
from eagleray.domain.facts.serve_failures import classify_deploy_failure, failure_line
from eagleray.domain.goals.groups import Counts, WorkerGroup, named_deployments
from eagleray.domain.goals.revision import Revision
from eagleray.domain.revision.capacity import within_joined
from eagleray.domain.revision.ray_cluster import RayCluster
from eagleray.domain.revision.slow_start import slow_start, slow_wakes

# Until then it is no news that a head's REST API does not answer yet.
SLOW_HEAD_SECONDS = 60.0

_Aim = tuple[ServeDeployment, int]
_BROKEN = {AppStatus.DEPLOY_FAILED, AppStatus.UNHEALTHY}


@dataclass(frozen=True, slots=True)
class ApplicationDecision:
    """What to do about a revision's Serve application, and what was seen of it.

    Attributes:
        actions: at most one PUT, or new targets.
        reachable: whether Serve's REST API answers.
        ingress: the worker group that answers requests, "" before Serve has told.
        running: replicas that run, by worker group.
        problem: what Serve complains of, or None.
        failed: whether Serve has given up on it.
        waiting: what is still to come, for people, or "".
        silent: whether its head has given no usable answer for long.
        wakes: when what takes long is worth a word.
    """

    actions: tuple[Action, ...] = ()
    reachable: bool = False
    ingress: str = ""
    running: Counts = field(default_factory=dict)
    problem: Problem | None = None
    failed: bool = False
    waiting: str = ""
    silent: bool = False
    wakes: tuple[Wake, ...] = ()


@dataclass(frozen=True, slots=True)
class ServeAnswer:
    """What the head of the present incarnation was heard to say.

    Attributes:
        state: what its REST API says, or None while it does not answer.
        trouble: why it does not, or why the last request was refused; None where all is well.
        unprotected: that its Ray takes requests without a token, in a sentence; "" where it does not.
    """

    state: ServeState | None = None
    trouble: PeerTrouble | None = None
    unprotected: str = ""


def decide_application(
    revision: Revision, counts: Counts, cluster: RayCluster, answer: ServeAnswer, now: datetime
) -> ApplicationDecision:
    """Decide about the application of the current incarnation.

    A revision never changes, so an application that is there is the right one: it is deployed once for each
    incarnation, and from then on only its numbers of replicas are set.

    Args:
        revision: the revision.
        counts: how many replicas each worker group is to have.
        cluster: its Pods.
        answer: what its head was heard to say.
        now: the time of the decision.
    """
    if cluster.head is None:
        return ApplicationDecision(waiting="the Ray head is to be created")
    if answer.state is None:
        return _silent(cluster.head, answer, now)
    application = answer.state.application(revision.model)
    if application is not None:
        decision = _of(application, revision, counts, cluster, now)
        return replace(decision, problem=_unprotected(answer) or decision.problem)
    if answer.unprotected:
        return ApplicationDecision(reachable=True, problem=_unprotected(answer), waiting="Ray is to be protected")
    return _to_deploy(PutApplication(revision.name, cluster.head.name, counts), answer.trouble)


def _silent(head: Pod, answer: ServeAnswer, now: datetime) -> ApplicationDecision:
    slow = head.created_at + timedelta(seconds=SLOW_HEAD_SECONDS)
    silent = answer.trouble is not None and now > slow
    why = f" ({answer.trouble.message})" if answer.trouble and silent else ""
    return ApplicationDecision(
        problem=_unprotected(answer),
        waiting=f"Ray starts on head Pod {head.name}{why}",
        silent=silent,
        wakes=(Wake(slow, f"head Pod {head.name} is slow to answer"),) if now <= slow else (),
    )


def _to_deploy(put: PutApplication, trouble: PeerTrouble | None) -> ApplicationDecision:
    """Only a refusal says anything about the application: a head that does not answer in time is asked again."""
    problem = None
    if trouble is not None and trouble.kind == "refused":
        problem = Problem(Reason.DEPLOY_FAILED, f"Serve has not taken the application: {trouble.message}")
    why = f" ({trouble.message})" if trouble is not None else ""
    return ApplicationDecision((put,), reachable=True, problem=problem, waiting=f"Serve is asked to deploy{why}")


def _unprotected(answer: ServeAnswer) -> Problem | None:
    return Problem(Reason.RAY_UNPROTECTED, answer.unprotected) if answer.unprotected else None


def _of(
    application: Application, revision: Revision, counts: Counts, cluster: RayCluster, now: datetime
) -> ApplicationDecision:
    failed = application.status is AppStatus.DEPLOY_FAILED
    problem = _complaint(application)
    ingress = application.ingress()
    if ingress is None:
        return ApplicationDecision(
            reachable=True, problem=problem, failed=failed, waiting="Serve builds the application"
        )
    named = bool(named_deployments(revision.template))
    aims = _aims(application, ingress, counts, named=named)
    actions: tuple[Action, ...] = ()
    head = cluster.head.name if cluster.head else ""
    if application.status is not AppStatus.DELETING:
        asked = aims if named else _spread(aims, revision.groups[0], cluster)
        actions = tuple(SetReplicas(revision.name, head, d.name, n) for d, n in asked if d.target_num_replicas != n)
    lacking = next(((d, n) for d, n in [*aims, *_least(application)] if d.running < n), None)
    unnamed = _unnamed(application, counts) if named else None
    slow = slow_start(application.deployments, revision, cluster, now)
    return ApplicationDecision(
        actions,
        reachable=True,
        ingress=ingress.name if named else revision.groups[0].name,
        running=_running(application, revision, aims, named=named),
        problem=problem or unnamed or slow,
        failed=failed,
        waiting=f"{lacking[0].running} of {lacking[1]} replicas of {lacking[0].name} run" if lacking else "",
        wakes=tuple(slow_wakes(application.deployments, now)),
    )


def _running(application: Application, revision: Revision, aims: list[_Aim], *, named: bool) -> dict[str, int]:
    """Replicas that run, by worker group; of an application that lacks one of its parts, none can answer."""
    if named:
        return {d.name: d.running for d, _ in aims}
    whole = all(d.running >= n for d, n in _least(application))
    ((ingress, _),) = aims
    return {revision.groups[0].name: ingress.running if whole else 0}


def _least(application: Application) -> list[_Aim]:
    """What each deployment needs at least, so that the application can answer."""
    return [(d, min(1, d.target_num_replicas)) for d in application.deployments]


def _aims(application: Application, ingress: ServeDeployment, counts: Counts, *, named: bool) -> list[_Aim]:
    """The deployments that are scaled, each with its number; of a group that all share, the one that answers."""
    if not named:
        return [(ingress, next(iter(counts.values())))]
    return [(d, counts[d.name]) for d in application.deployments if d.name in counts]


def _spread(aims: list[_Aim], group: WorkerGroup, cluster: RayCluster) -> list[_Aim]:
    return [(d, within_joined(d, n, group, cluster.group(group.name))) for d, n in aims]


def _unnamed(application: Application, counts: Counts) -> Problem | None:
    """A deployment without Pods of its own takes up room that was measured for others."""
    found = next((d.name for d in application.deployments if d.name not in counts), None)
    if found is None:
        return None
    return Problem(
        Reason.DEPLOYMENT_NOT_NAMED,
        f"the application also has the deployment {found}: name it in app.deployments, which has all of them or none",
    )


def _complaint(application: Application) -> Problem | None:
    if application.status not in _BROKEN:
        failing = next((d for d in application.deployments if d.message and d.failing), None)
        return _failure(failing.name, failing.message) if failing else None
    for deployment in application.deployments:
        if deployment.message:
            return _failure(deployment.name, deployment.message)
    return Problem(classify_deploy_failure(application.message), failure_line(application.message))


def _failure(deployment: str, message: str) -> Problem:
    return Problem(classify_deploy_failure(message), f"Serve deployment {deployment}: {failure_line(message)}")

"""The Serve application of a revision: when it is deployed, how many replicas it is told to run, what ails it."""

from dataclasses import dataclass
from datetime import datetime

from eagleray.api.conditions import Reason
from eagleray.api.status import Failure
from eagleray.domain.actions import Action, PutApplication, SetReplicas
from eagleray.domain.cluster import Cluster
from eagleray.domain.problem import Problem
from eagleray.domain.revisions import Revision
from eagleray.domain.serve import Application, AppStatus, Deployment, ReplicaState, ServeState
from eagleray.domain.serve_failures import classify_deploy_failure, failure_line

# A constructor that takes longer than this is worth a word; it may still be loading a large model.
SLOW_START_SECONDS = 20.0
# Until then it is no news that a head's REST API does not answer yet.
SLOW_HEAD_SECONDS = 60.0
# Serve gave up on an application: the whole incarnation is tried again after this long, doubling as Pods do.
MIN_RETRY_SECONDS = 60.0

_BROKEN = {AppStatus.DEPLOY_FAILED, AppStatus.UNHEALTHY}


@dataclass(frozen=True, slots=True)
class ApplicationDecision:
    """What to do about a revision's Serve application, and what was seen of it.

    Attributes:
        actions: at most one PUT, or one new target.
        running: replicas of the ingress deployment that run.
        problem: what Serve complains of, or None.
        failed: whether Serve has given up on it.
        waiting: what is still to come, for people, or "".
    """

    actions: tuple[Action, ...] = ()
    running: int = 0
    problem: Problem | None = None
    failed: bool = False
    waiting: str = ""


def decide_application(
    revision: Revision, replicas: int, cluster: Cluster, serve: ServeState | None, error: str, now: datetime
) -> ApplicationDecision:
    """Decide about the application of the current incarnation.

    A revision never changes, so an application that is there is the right one: it is deployed once for each
    incarnation, and from then on only its number of replicas is set.

    Args:
        revision: the revision.
        replicas: how many replicas it is to have.
        cluster: its Pods.
        serve: what the head's REST API says, or None while it does not answer.
        error: why it does not, or why the last request was refused, or "".
        now: the time of the decision.
    """
    if cluster.head is None:
        return ApplicationDecision(waiting="the Ray head is to be created")
    if serve is None:
        late = (now - cluster.head.created_at).total_seconds() > SLOW_HEAD_SECONDS
        said = f" ({error})" if error and late else ""
        return ApplicationDecision(waiting=f"Ray starts on head Pod {cluster.head.name}{said}")
    application = serve.application(revision.deployment)
    if application is None:
        problem = Problem(Reason.DEPLOY_FAILED, f"Serve has not taken the application: {error}") if error else None
        return ApplicationDecision(
            (PutApplication(revision, cluster.head.name, replicas),),
            problem=problem,
            waiting="Serve is asked to deploy",
        )
    return _of(application, revision, replicas, cluster.head.name, now)


def _of(application: Application, revision: Revision, replicas: int, head: str, now: datetime) -> ApplicationDecision:
    failed = application.status is AppStatus.DEPLOY_FAILED
    problem = _complaint(application)
    ingress = application.ingress()
    if ingress is None:
        return ApplicationDecision(problem=problem, failed=failed, waiting="Serve builds the application")
    actions: tuple[Action, ...] = ()
    if ingress.target_num_replicas != replicas and application.status is not AppStatus.DELETING:
        actions = (SetReplicas(revision, head, ingress.name, replicas),)
    running = sum(r.state is ReplicaState.RUNNING for r in ingress.replicas)
    waiting = "" if running >= replicas else f"{running} of {replicas} replicas of {ingress.name} run"
    slow = None if problem else _slow_start(ingress, now)
    return ApplicationDecision(actions, running, problem or slow, failed, waiting)


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


def _slow_start(ingress: Deployment, now: datetime) -> Problem | None:
    slow = [
        r for r in ingress.replicas if r.state is ReplicaState.STARTING and r.started_before(now, SLOW_START_SECONDS)
    ]
    if not slow:
        return None
    first = min(slow, key=lambda r: r.replica_id)
    return Problem(
        Reason.REPLICA_STARTING,
        f"replica {first.replica_id} of {ingress.name} has been starting since {first.start_time:%H:%M:%S} UTC:"
        " its constructor has not returned, or no node has room for it",
    )


def retry_due(failure: Failure | None, now: datetime) -> bool:
    """Whether an application that Serve has given up on is to be tried again on a new incarnation."""
    if failure is None:
        return False
    wait = min(MIN_RETRY_SECONDS * float(2 ** (failure.count - 1)), 10 * MIN_RETRY_SECONDS)
    return (now - failure.at).total_seconds() >= wait

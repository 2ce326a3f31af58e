"""A new try with an application that Serve has given up on."""

from dataclasses import dataclass
from datetime import datetime

from eagleray.domain.actions.actions import Action, DeletePod, Wake
from eagleray.domain.revision.application import ApplicationDecision
from eagleray.domain.revision.backoff import application_retry, note
from eagleray.domain.revision.ray_cluster import RayCluster
from eagleray.domain.state.revision import FailureState


@dataclass(frozen=True, slots=True)
class Retry:
    """A whole new incarnation, after a while, when Serve has given up on the application."""

    failure: FailureState | None
    actions: tuple[Action, ...] = ()
    wakes: tuple[Wake, ...] = ()


def decide_retry(failure: FailureState | None, cluster: RayCluster, app: ApplicationDecision, now: datetime) -> Retry:
    """Decide when the head goes, and with it the incarnation.

    Args:
        failure: the last failure, or None.
        cluster: the Pods.
        app: what is known of the application.
        now: the time of the decision.
    """
    head = cluster.head
    if not app.failed or any(app.running.values()) or head is None or app.problem is None:
        return Retry(failure)
    if failure is None or failure.at < head.created_at:
        failure = note(failure, app.problem, now)
    due = application_retry(failure)
    if now < due:
        return Retry(failure, wakes=(Wake(due, f"the application of {head.revision} is tried again"),))
    return Retry(failure, (DeletePod(head.name, head.uid, "Serve gave up on the application; it is tried again"),))

"""How long each part of a revision's start takes: which part it is in at each look, added up in its record."""

from dataclasses import replace
from datetime import datetime

from eagleray.api.start_status import StartPhase
from eagleray.domain.revision.ray_cluster import RayCluster
from eagleray.domain.state.revision import StartState


def start_phase(cluster: RayCluster, *, reachable: bool, runs: bool) -> StartPhase:
    """What a revision that has not answered yet waits for.

    Args:
        cluster: its Pods.
        reachable: whether its Serve API answers.
        runs: whether every wanted replica runs.
    """
    head = cluster.head
    if head is None or not all(pod.scheduled for pod in (head, *cluster.workers)):
        return StartPhase.SCHEDULE
    if not all(pod.started for pod in (head, *cluster.workers)):
        return StartPhase.IMAGE
    if not reachable:
        return StartPhase.HEAD
    if not all(worker.ready for worker in cluster.workers):
        return StartPhase.WORKER
    return StartPhase.WARM_UP if runs else StartPhase.LOAD


def timed(known: StartState | None, incarnation: int, phase: StartPhase | None, now: datetime) -> StartState | None:
    """Note how a start goes on.

    Args:
        known: what was noted last.
        incarnation: the Ray cluster that starts.
        phase: what it waits for, or None where it has answered.
        now: the time; parts are whole seconds, whose sum is the whole time to within one.
    """
    now = now.replace(microsecond=0)
    if known is None or known.incarnation != incarnation:
        return known if phase is None else StartState(incarnation=incarnation, phase=phase, since=now)
    if known.phase is None or known.phase == phase:
        return known
    took = round((now - known.since).total_seconds())
    seconds = {**known.seconds, known.phase: known.seconds.get(known.phase, 0) + took}
    return replace(known, phase=phase, since=now, seconds=seconds)

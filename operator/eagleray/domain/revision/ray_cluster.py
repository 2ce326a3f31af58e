"""The Pods of one revision: its head, its workers, and what happens when some of them fail.

A revision's Ray cluster lives as a series of *incarnations*. Without fault tolerance in Ray's GCS, a head that dies
takes the cluster's state with it; but the workers go on answering. So a lost head is replaced by a whole new
incarnation with workers of its own, and the old workers stay in the router until the new ones answer.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from eagleray.api.conditions import Reason
from eagleray.domain.actions.actions import Action, CreateHead, CreateWorker, DeletePod, Wake
from eagleray.domain.facts.pod_health import pod_problem
from eagleray.domain.facts.pods import Pod, Role
from eagleray.domain.facts.problem import Problem
from eagleray.domain.facts.progress import Progress
from eagleray.domain.facts.ray_nodes import NodeState
from eagleray.domain.facts.serve import ServeState
from eagleray.domain.goals.groups import Counts
from eagleray.domain.goals.revision import Revision
from eagleray.domain.revision.backoff import next_try, note
from eagleray.domain.revision.capacity import free_indexes, give_up, pods_by_group, surplus
from eagleray.domain.revision.images import replace_others
from eagleray.domain.revision.on_demand import move, new_pods, spare
from eagleray.domain.state.observed import Observed
from eagleray.domain.state.revision import FailureState

_GONE = "its containers have ended"


@dataclass(frozen=True, slots=True)
class RayCluster:
    """A revision's Pods, sorted out.

    Attributes:
        incarnation: number of the current incarnation, or of the next one while there is no live head.
        head: its live head.
        workers: its live workers, by index.
        previous: live workers of earlier incarnations.
        pods: every Pod of the revision, whatever its state, but those that are overdue.
        overdue: Pods that should have gone; they hold their names.
        progress: by live Pod, how far what takes long there is, as far as one tells.
    """

    incarnation: int
    head: Pod | None
    workers: tuple[Pod, ...]
    previous: tuple[Pod, ...]
    pods: tuple[Pod, ...]
    overdue: tuple[Pod, ...] = ()
    progress: Mapping[str, Progress] = field(default_factory=dict)

    @property
    def preparing(self) -> tuple[Pod, ...]:
        """The live Pods of which an init container runs."""
        live = ((self.head,) if self.head else ()) + self.workers
        return tuple(p for p in live if p.prepares)

    @property
    def moves(self) -> bool:
        """Whether an init container runs, or a constructor says that it lives: progress, however long it takes."""
        return bool(self.preparing or self.progress) and not any(p.stalled for p in self.progress.values())

    @property
    def started_workers(self) -> int:
        """How many of the workers' Ray containers run."""
        return sum(w.started for w in self.workers)

    def group(self, name: str) -> tuple[Pod, ...]:
        """The live workers of one worker group, by index."""
        return tuple(w for w in self.workers if w.group == name)

    def short(self, wanted: Counts) -> dict[str, int]:
        """How many Pods each worker group lacks, of those that lack any.

        Args:
            wanted: Pods that each is to have.
        """
        missing = {name: number - len(self.group(name)) for name, number in wanted.items()}
        return {name: number for name, number in missing.items() if number > 0}


def sort_out(revision: str, observed: Observed, last_incarnation: int) -> RayCluster:
    """Sort out the Pods of `revision`.

    Args:
        revision: the revision's name.
        observed: what was seen.
        last_incarnation: the highest number that the status remembers, or -1.
    """
    pods = (p for p in observed.pods if p.revision == revision)
    own = tuple(sorted(pods, key=lambda p: (p.incarnation, p.role, p.index)))
    overdue = tuple(p for p in observed.overdue if p.revision == revision)
    heads = [p for p in own if p.role is Role.HEAD and p.live]
    head = heads[-1] if heads else None
    newest = max((p.incarnation for p in (*own, *overdue)), default=-1)
    current = head.incarnation if head else max(newest, last_incarnation) + 1
    live = [p for p in own if p.role is Role.WORKER and p.live]
    state = observed.serve.get(head.name) if head else None
    constructing = state.starting_pods() if state else frozenset()
    busy = [p.name for p in live if p.prepares or p.name in constructing]
    return RayCluster(
        incarnation=current,
        head=head,
        workers=tuple(p for p in live if p.incarnation == current),
        previous=tuple(p for p in live if p.incarnation < current),
        pods=own,
        overdue=overdue,
        progress={name: observed.progress[name] for name in busy if name in observed.progress},
    )


@dataclass(frozen=True, slots=True)
class PodsDecision:
    """What to do about a revision's Pods.

    Attributes:
        actions: creations and deletions.
        failure: the record of failures after this look.
        problem: what is wrong with the Pods now, the most telling first, or None.
        wakes: when creations that wait for their back-off are due.
    """

    actions: tuple[Action, ...]
    failure: FailureState | None
    problem: Problem | None
    wakes: tuple[Wake, ...] = ()


def decide_pods(
    revision: Revision, counts: Counts, cluster: RayCluster, failure: FailureState | None, now: datetime
) -> PodsDecision:
    """Make the Pods that each worker group of `revision` lacks for its replicas, and delete those that have ended."""
    wanted = pods_by_group(revision.groups, counts)
    actions: list[Action] = [DeletePod(p.name, p.uid, why) for p in cluster.pods if (why := _to_go(p))]
    if broken := _failures(cluster, wanted):
        failure = note(failure, broken[0], now)
    problem = next(iter(broken), None) or _first_problem(cluster)
    due = next_try(failure)
    if due is not None and now < due:
        waits = (Wake(due, f"Pods of {revision.name} are made again"),) if _incomplete(cluster, wanted) else ()
        return PodsDecision(tuple(actions), failure, problem, waits)
    actions += [*replace_others(revision.image, cluster.workers), *_create(revision, cluster, wanted)]
    return PodsDecision(tuple(actions), failure, problem)


def let_go(
    revision: Revision, counts: Counts, cluster: RayCluster, serve: ServeState | None, nodes: Mapping[str, NodeState]
) -> tuple[Action, ...]:
    """Rid each worker group of `revision` of the Pods that its replicas need no more, and have left.

    Args:
        revision: the revision.
        counts: replicas of each worker group.
        cluster: its Pods.
        serve: what Serve says of them, or None while it says nothing.
        nodes: Ray's nodes, by Pod.
    """
    wanted, head = pods_by_group(revision.groups, counts), cluster.head
    if head is None:
        return ()
    actions: list[Action] = []
    for group in revision.groups:
        live, number = cluster.group(group.name), wanted[group.name]
        going = surplus(live, number, serve, spare=spare(group, live, number))
        actions += [give_up(pod, head, nodes.get(pod.name)) for pod in going] or move(group, live, number, serve)
    return tuple(actions)


def _to_go(pod: Pod) -> str:
    """Why a Pod is deleted whatever is wanted; "" where it is not.

    One whose node is about to go ends as it does when it is evicted: its replicas are replaced first.
    """
    if pod.deleting:
        return ""
    if pod.terminated:
        return _GONE
    if pod.unschedulable and pod.kept_off:
        return f"it was made to keep off the node {pod.kept_off}, which stays after all"
    return f"its node is about to go ({pod.notice})" if pod.notice else ""


def _incomplete(cluster: RayCluster, wanted: Counts) -> bool:
    return cluster.head is None or bool(cluster.short(wanted))


def _create(revision: Revision, cluster: RayCluster, wanted: Counts) -> list[Action]:
    actions: list[Action] = []
    if cluster.head is None:
        actions.append(CreateHead(revision.name, revision.image, cluster.incarnation))
    every = (*cluster.pods, *cluster.overdue)
    taken = {p.index for p in every if p.role is Role.WORKER and p.incarnation == cluster.incarnation}
    missing = [
        (group.name, on_demand)
        for group in revision.groups
        for on_demand in new_pods(group, cluster.group(group.name), wanted[group.name])
    ]
    for index, (group, on_demand) in zip(free_indexes(taken, len(missing)), missing, strict=True):
        actions.append(
            CreateWorker(revision.name, revision.image, group, cluster.incarnation, index, on_demand=on_demand)
        )
    return actions


def _failures(cluster: RayCluster, wanted: Counts) -> list[Problem]:
    """The problems of Pods that ended although they were needed, heads first; a drained surplus Pod is none."""
    ended = [p for p in cluster.pods if p.terminated and not p.deleting]
    heads = [p for p in ended if p.role is Role.HEAD]
    short = cluster.short(wanted)
    workers = [p for p in ended if p.group in short and p.incarnation == cluster.incarnation]
    return [pod_problem(p) or _ended(p) for p in heads + workers]


def _ended(pod: Pod) -> Problem:
    return Problem(Reason.CONTAINER_CRASHED, f"Pod {pod.name}: its main container ended by itself and left no reason")


def _first_problem(cluster: RayCluster) -> Problem | None:
    live = ([cluster.head] if cluster.head else []) + list(cluster.workers)
    return next((problem for p in live if (problem := pod_problem(p))), None)


def overdue_wakes(pods: Iterable[Pod]) -> tuple[Wake, ...]:
    """When Pods that go are waited for no more."""
    return tuple(Wake(p.overdue_from, f"Pod {p.name} should have gone") for p in pods if p.overdue_from is not None)

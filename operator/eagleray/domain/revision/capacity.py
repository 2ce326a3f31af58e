"""How many worker Pods a number of replicas needs, and which Pods may go when there are more."""

from collections.abc import Sequence

from eagleray.domain.actions.actions import Action, DeletePod, DrainNode
from eagleray.domain.facts.pods import Pod
from eagleray.domain.facts.ray_nodes import NodeState, NodeStatus
from eagleray.domain.facts.serve import ServeDeployment, ServeState
from eagleray.domain.goals.groups import Counts, WorkerGroup
from eagleray.domain.goals.sizes import replica_size

_GONE = {NodeStatus.DRAINING, NodeStatus.DEAD}


def pods_needed(replicas: int, replicas_per_pod: int) -> int:
    """Worker Pods for `replicas`: rounded up, never below zero."""
    return -(-replicas // replicas_per_pod)


def pods_by_group(groups: Sequence[WorkerGroup], counts: Counts) -> dict[str, int]:
    """Worker Pods that each group needs for its replicas."""
    return {group.name: pods_needed(counts[group.name], group.replicas_per_pod) for group in groups}


def with_room(
    groups: Sequence[WorkerGroup], counts: Counts, workers: Sequence[Pod], *, refused: bool = False
) -> dict[str, int]:
    """How many replicas of each group Serve is asked for: those of Pods that no node has room for come when one has.

    Serve would wait for them all, and take none away meanwhile.

    Args:
        groups: the worker groups.
        counts: replicas that each is to have.
        workers: live workers.
        refused: whether the API server takes no more Pods: those that are lacking give no room either.
    """
    room = {}
    for group in groups:
        wanted = counts[group.name]
        own = [w for w in workers if w.group == group.name]
        needed = pods_needed(wanted, group.replicas_per_pod)
        # One that is to take another's place adds no room.
        placed = needed - max(0, sum(bool(w.unschedulable) for w in own) - max(0, len(own) - needed))
        placed -= max(0, needed - len(own)) if refused else 0
        room[group.name] = max(min(1, wanted), min(wanted, placed * group.replicas_per_pod))
    return room


def within_joined(deployment: ServeDeployment, wanted: int, group: WorkerGroup, workers: Sequence[Pod]) -> int:
    """How many replicas a deployment may have that shares its Pods with others, with the Pods that Ray knows by now.

    Where more of them fit into a Pod than it is meant for, Ray would put those for a Pod that is about to join into the
    others, and it would stay empty. It spreads them over those that have joined.

    Args:
        deployment: the deployment; what it has already stays.
        wanted: replicas that it is to have.
        group: its worker group.
        workers: live workers of that group.
    """
    room = replica_size(group).amounts(group.replicas_per_pod)
    more = group.replicas_per_pod + 1
    if any(amount * more > room.get(name, 0) for name, amount in deployment.needs.items()):
        return wanted
    joined = sum(worker.ready for worker in workers) * group.replicas_per_pod
    return min(wanted, max(1, joined, deployment.target_num_replicas))


def free_indexes(taken: set[int], count: int) -> list[int]:
    """The `count` smallest non-negative numbers that are not in `taken`."""
    found: list[int] = []
    candidate = 0
    while len(found) < count:
        if candidate not in taken:
            found.append(candidate)
        candidate += 1
    return found


def surplus(workers: Sequence[Pod], wanted: int, serve: ServeState | None, *, spare: int = 0) -> tuple[Pod, ...]:
    """The workers beyond `wanted` that may go: of those alone that Serve has emptied, the youngest first.

    A Pod with a replica on it, whatever its state, is left alone. Of those that run on no spot node at most `spare` go,
    and after the others.
    """
    excess = len(workers) - wanted
    if excess <= 0:
        return ()
    if serve is None:
        idle = [w for w in workers if not w.started]
    else:
        occupied = serve.occupied_pods()
        idle = [w for w in workers if w.name not in occupied]
    idle.sort(key=lambda w: (w.on_demand, w.started, -w.index))
    may_go = [w for w in idle if not w.on_demand] + [w for w in idle if w.on_demand][:spare]
    return tuple(may_go[:excess])


def give_up(worker: Pod, head: Pod, node: NodeState | None) -> Action:
    """Take the next step to be rid of a worker.

    One that never started goes at once; one that joined is drained first, so that Ray places nothing on it, and deleted
    when Ray has let go of it.
    """
    if not worker.started:
        return DeletePod(worker.name, worker.uid, "not needed any more, and never started")
    if node is not None and node.status in _GONE:
        return DeletePod(worker.name, worker.uid, "not needed any more, and drained")
    return DrainNode(worker.revision, head.name, worker.name)

"""Replicas that take long to start: their constructor has not returned, or no Pod has room for them."""

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from eagleray.api.conditions import Reason
from eagleray.api.units import format_bytes
from eagleray.domain.actions.actions import Wake
from eagleray.domain.facts.problem import Problem
from eagleray.domain.facts.progress import Progress
from eagleray.domain.facts.serve import Replica, ServeDeployment
from eagleray.domain.goals.revision import Revision
from eagleray.domain.goals.sizes import replica_size
from eagleray.domain.revision.ray_cluster import RayCluster

# A constructor that takes longer than this is worth a word; it may still be loading a large model.
SLOW_START_SECONDS = 20.0
_REMEDIES = {
    "CPU": "raise resources.requests.cpu",
    "GPU": "raise the GPUs of resources.limits",
    "memory": "raise resources.requests.memory",
}
Amounts = Mapping[str, float]


def slow_start(
    deployments: Sequence[ServeDeployment], revision: Revision, cluster: RayCluster, now: datetime
) -> Problem | None:
    """What holds up the first of the replicas that have been starting for long; None where none has.

    One whose constructor says that it lives is none of them.

    Args:
        deployments: those of its application.
        revision: the revision.
        cluster: its Pods.
        now: the time.
    """
    for deployment in deployments:
        starting = [r for r in deployment.replicas if r.starting and r.started_before(now, SLOW_START_SECONDS)]
        slow = [r for r in starting if (told := _told(r, cluster)) is None or told.stalled]
        if slow:
            first = min(slow, key=lambda r: (bool(r.pod), r.replica_id))
            since = f"replica {first.replica_id} of {deployment.name} has been starting since"
            why = _why(first, deployment, deployments, revision, cluster)
            return Problem(Reason.REPLICA_STARTING, f"{since} {first.start_time:%H:%M:%S} UTC: {why}")
    return None


def slow_wakes(deployments: Iterable[ServeDeployment], now: datetime) -> list[Wake]:
    """When replicas that start will have been starting for long."""
    starting = ((d.name, r.start_time) for d in deployments for r in d.replicas if r.starting)
    slow = ((name, start + timedelta(seconds=SLOW_START_SECONDS)) for name, start in starting)
    return [Wake(late, f"a replica of {name} is slow to start") for name, late in slow if late >= now]


def _why(
    replica: Replica,
    deployment: ServeDeployment,
    deployments: Sequence[ServeDeployment],
    revision: Revision,
    cluster: RayCluster,
) -> str:
    if replica.pod:
        told = _told(replica, cluster)
        return f"its constructor has not returned in Pod {replica.pod}" + (f": {told}" if told else "")
    group = next((g for g in revision.groups if g.name == deployment.name), revision.groups[0])
    shared = [deployment] if group.name == deployment.name else deployments
    pods = len(cluster.group(group.name))
    asked, there = _sum(shared), replica_size(group).amounts(group.replicas_per_pod * pods)
    lacking = {name: amount for name, amount in asked.items() if amount > there.get(name, 0)}
    if not lacking or not pods:
        return "its constructor has not returned, or no node has room for it"
    return _no_room(deployment, lacking, there, pods) + _remedy(lacking)


def _told(replica: Replica, cluster: RayCluster) -> Progress | None:
    """What a constructor says of itself; one Pod is asked, and tells for all."""
    return next(iter(cluster.progress.values()), None) if replica.pod else None


def _sum(deployments: Iterable[ServeDeployment]) -> dict[str, float]:
    """What all replicas of these deployments take together."""
    asked: dict[str, float] = {}
    for deployment in deployments:
        for name, amount in deployment.needs.items():
            asked[name] = asked.get(name, 0) + amount * deployment.target_num_replicas
    return asked


def _no_room(deployment: ServeDeployment, lacking: Amounts, there: Amounts, pods: int) -> str:
    each = _text({name: deployment.needs.get(name, 0) for name in lacking})
    room = _text({name: there.get(name, 0) for name in lacking})
    return (
        f"no Pod has room for it. Resources required for each replica: {each}; all replicas of what shares its Pods"
        f" ask for {_text(lacking)}, and Ray has {room} on {pods} Pod{'s' if pods > 1 else ''}: "
    )


def _remedy(lacking: Amounts) -> str:
    strange = [name for name in lacking if name not in _REMEDIES]
    if strange:
        return f"no Pod has {', '.join(strange)}; leave it out of ray_actor_options"
    ways = " and ".join(_REMEDIES[name] for name in sorted(lacking))
    return f"{ways}, ask for less in ray_actor_options, or give each deployment Pods of its own (app.deployments)"


def _text(amounts: Amounts) -> str:
    return ", ".join(
        f"{format_bytes(math.ceil(n)) if k == 'memory' else f'{n:g}'} {k}" for k, n in sorted(amounts.items())
    )

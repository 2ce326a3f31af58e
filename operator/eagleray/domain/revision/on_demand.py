"""Which of a worker group's Pods run on no spot node: at least as many as `placement.onDemandMin` says."""

from collections.abc import Sequence

from eagleray.api.units import parse_share
from eagleray.domain.actions.actions import Action, DeletePod
from eagleray.domain.facts.pods import Pod
from eagleray.domain.facts.serve import ServeState
from eagleray.domain.goals.groups import WorkerGroup


def on_demand_min(group: WorkerGroup, pods: int) -> int:
    """How many of `pods` worker Pods of a group are to run on no spot node."""
    text = group.placement.on_demand_min if group.placement else None
    return min(pods, parse_share(text, pods)) if text else 0


def new_pods(group: WorkerGroup, live: Sequence[Pod], wanted: int) -> list[bool]:
    """The Pods that a group lacks: for each, whether it is to run on no spot node.

    Where none is lacking but too few run on no spot node, as when others went at the last change of scale, one more is
    made; `move` then takes one from a spot node away.
    """
    lacking = max(0, on_demand_min(group, wanted) - _on_demand(live))
    number = max(0, wanted - len(live)) or (1 if lacking and len(live) == wanted else 0)
    return [place < lacking for place in range(number)]


def move(group: WorkerGroup, live: Sequence[Pod], wanted: int, serve: ServeState | None) -> tuple[Action, ...]:
    """Take one Pod from a spot node away, when one that is ready waits for its replicas, which move first."""
    least = on_demand_min(group, wanted)
    others = [pod for pod in live if not pod.on_demand]
    if serve is None or len(live) <= wanted or len(others) <= wanted - least:
        return ()
    occupied = serve.occupied_pods()
    if not any(pod.on_demand and pod.ready and pod.name not in occupied for pod in live):
        return ()
    pod = others[-1]
    return (DeletePod(pod.name, pod.uid, f"{least} of {wanted} Pods are to run on no spot node, and one came for it"),)


def spare(group: WorkerGroup, live: Sequence[Pod], wanted: int) -> int:
    """How many of those on no spot node may go."""
    return max(0, _on_demand(live) - on_demand_min(group, wanted))


def _on_demand(pods: Sequence[Pod]) -> int:
    return sum(pod.on_demand for pod in pods)

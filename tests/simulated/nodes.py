"""Nodes and the scheduler: which Pod finds room where, nodes that are tainted, lost, removed and come back."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from eagleray.kube.kinds import NODE, POD, Manifest, Ref
from simulated.api_server import ApiServer, Deletion
from simulated.defaults import amount
from simulated.objects import RefusedError, is_ending, ref_of
from simulated.storage import Change
from simulated.story import Story

WHO = "scheduler"
_SOON, _LATER = 0.3, 5.0
UNREACHABLE_SECONDS, EVICTION_SECONDS, REMOVED_SECONDS = 40.0, 300.0, 40.0
_UNREACHABLE = "node.kubernetes.io/unreachable"


@dataclass
class Machine:
    """One node.

    Attributes:
        room: by resource, how much of it there is.
        labels: its labels.
        lost: whether nobody reaches it any more; its Pods may still run.
    """

    room: Mapping[str, str] = field(
        default_factory=lambda: {"cpu": "64", "memory": "256Gi", "ephemeral-storage": "1Ti", "pods": "110"}
    )
    labels: Mapping[str, str] = field(default_factory=dict)
    lost: bool = False


class Nodes:
    """All nodes, and the scheduler.

    Args:
        server: the API server.
        story: is told what happens to nodes.
    """

    def __init__(self, server: ApiServer, story: Story) -> None:
        self.machines: dict[str, Machine] = {}
        self._server = server
        self._story = story
        self._pending: dict[Ref, None] = {}
        self._looking = False
        server.listeners.append(self._heard)

    def add(self, name: str, machine: Machine | None = None) -> None:
        """A node joins."""
        self.machines[name] = machine or Machine()
        labels = {"kubernetes.io/hostname": name, "kubernetes.io/arch": "amd64", "kubernetes.io/os": "linux"}
        meta = {"name": name, "labels": {**labels, **self.machines[name].labels}}
        manifest = {"apiVersion": "v1", "kind": "Node", "metadata": meta, "spec": {}}
        live = self._server.create(manifest, "kubelet")
        self._say(live, "True")

    def taint(self, name: str, key: str, effect: str = "NoSchedule") -> None:
        """Taint a node."""
        self._story.tell("nodes", name, "is tainted", key)
        self._taints(name, lambda taints: [*(t for t in taints if t["key"] != key), {"key": key, "effect": effect}])

    def untaint(self, name: str, key: str) -> None:
        """Take a taint away."""
        self._taints(name, lambda taints: [t for t in taints if t["key"] != key])

    def lose(self, name: str) -> None:
        """Cut a node off: nobody reaches it; what runs there is not known to run."""
        self._story.tell("nodes", name, "is lost")
        self.machines[name].lost = True
        loop = asyncio.get_running_loop()
        loop.call_later(UNREACHABLE_SECONDS, self._unreachable, name)
        loop.call_later(UNREACHABLE_SECONDS + EVICTION_SECONDS, self._evict, name)

    def recover(self, name: str) -> None:
        """A lost node is back; its kubelet tells so of itself."""
        if self.machines[name].lost:
            self._story.tell("nodes", name, "is back")
            self.machines[name].lost = False
            self.untaint(name, _UNREACHABLE)
            self._say(self._server.get(Ref(NODE, "", name)), "True")

    def remove(self, name: str) -> None:
        """Delete a node, as clouds do; what was on it is deleted by force a while later."""
        self._story.tell("nodes", name, "is removed")
        self.machines.pop(name)
        self._server.delete(Ref(NODE, "", name), Deletion(), "cloud")
        asyncio.get_running_loop().call_later(REMOVED_SECONDS, self._clear, name)

    def reachable(self, name: str) -> bool:
        return name in self.machines and not self.machines[name].lost

    def pods_on(self, name: str) -> list[Manifest]:
        return [p for p in self._server.list(POD) if p["spec"].get("nodeName") == name]

    def _unreachable(self, name: str) -> None:
        if name not in self.machines or not self.machines[name].lost:
            return
        self._say(self._server.get(Ref(NODE, "", name)), "Unknown")
        self.taint(name, _UNREACHABLE, "NoExecute")
        for pod in self.pods_on(name):
            status = pod.get("status", {})
            conditions = [c if c["type"] != "Ready" else {**c, "status": "False"} for c in status.get("conditions", [])]
            self._server.set_status(ref_of(pod), {**status, "conditions": conditions}, "node-controller")

    def _evict(self, name: str) -> None:
        if name in self.machines and self.machines[name].lost:
            for pod in self.pods_on(name):
                self._server.delete(ref_of(pod), Deletion(uid=pod["metadata"]["uid"]), "taint-eviction")

    def _clear(self, name: str) -> None:
        for pod in self.pods_on(name):
            self._server.delete(ref_of(pod), Deletion(uid=pod["metadata"]["uid"], grace=0), "pod-gc")

    def _taints(self, name: str, how: Callable[[list[Manifest]], list[Manifest]]) -> None:
        def change(live: Manifest) -> Manifest:
            return {**live, "spec": {**live["spec"], "taints": how(live["spec"].get("taints", []))}}

        self._server.change(Ref(NODE, "", name), change, "cloud")

    def _say(self, node: Manifest, ready: str) -> None:
        conditions = [{"type": "Ready", "status": ready}]
        self._server.set_status(ref_of(node), {"conditions": conditions}, "kubelet")

    def _heard(self, change: Change) -> None:
        if change.ref.kind == POD:
            if change.new is None or "nodeName" in change.new["spec"]:
                self._pending.pop(change.ref, None)
                freed = change.new is None or change.new.get("status", {}).get("phase") in {"Failed", "Succeeded"}
                if not freed:
                    return
            else:
                if change.old is not None:
                    return
                self._pending[change.ref] = None
        elif change.ref.kind != NODE:
            return
        self._look_in(_SOON)

    def _look_in(self, seconds: float) -> None:
        if self._pending and not self._looking:
            self._looking = True
            asyncio.get_running_loop().call_later(seconds, self._schedule)

    def _schedule(self) -> None:
        self._looking = False
        for ref in list(self._pending):
            pod = self._server.find(ref)
            if pod is None or is_ending(pod):
                self._pending.pop(ref)
                continue
            reasons = {name: self._against(pod, name) for name in self.machines}
            fit = [name for name, reason in reasons.items() if not reason]
            try:
                if fit:
                    self._bind(pod, min(fit, key=lambda name: (len(self.pods_on(name)), name)))
                else:
                    self._say_unschedulable(pod, reasons)
            except RefusedError as e:  # by a webhook that is broken
                self._story.tell(WHO, ref.name, e)
                self._look_in(_LATER)

    def _bind(self, pod: Manifest, name: str) -> None:
        scheduled = {"type": "PodScheduled", "status": "True"}
        ref = ref_of(pod)
        bound = self._server.change(ref, lambda live: {**live, "spec": {**live["spec"], "nodeName": name}}, WHO)
        status = bound.get("status", {})
        others = [c for c in status.get("conditions", []) if c["type"] != "PodScheduled"]
        self._server.set_status(ref, {"phase": "Pending", **status, "conditions": [*others, scheduled]}, WHO)

    def _say_unschedulable(self, pod: Manifest, reasons: Mapping[str, str]) -> None:
        words = ", ".join(f"1 {reason}" for reason in reasons.values())
        message = f"0/{len(reasons)} nodes are available: {words}."
        condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}
        self._server.set_status(ref_of(pod), {"phase": "Pending", "conditions": [condition]}, WHO)

    def _against(self, pod: Manifest, name: str) -> str:
        """Why a Pod may not run on a node; "" where it may."""
        node, spec = self._server.get(Ref(NODE, "", name)), pod["spec"]
        if self.machines[name].lost:
            return "node(s) were not ready"
        tolerated = {t.get("key") for t in spec.get("tolerations", [])}
        for taint in node["spec"].get("taints", []):
            if taint["effect"] in {"NoSchedule", "NoExecute"} and taint["key"] not in tolerated:
                return f"node(s) had untolerated taint {{{taint['key']}: }}"
        labels = node["metadata"]["labels"]
        if any(labels.get(k) != v for k, v in spec.get("nodeSelector", {}).items()) or not _matches(spec, name, labels):
            return "node(s) didn't match Pod's node affinity/selector"
        for resource, most in self.machines[name].room.items():
            used = sum(_asked(p, resource) for p in self.pods_on(name) if not _ended(p))
            if used + _asked(pod, resource) > amount(most):
                return "Too many pods" if resource == "pods" else f"Insufficient {resource}"
        missing = [r for r in _resources(pod) if r not in self.machines[name].room]
        return f"Insufficient {missing[0]}" if missing else ""


def _ended(pod: Manifest) -> bool:
    return pod.get("status", {}).get("phase") in {"Failed", "Succeeded"}


def _resources(pod: Manifest) -> set[str]:
    return {r for c in pod["spec"]["containers"] for r in c.get("resources", {}).get("requests", {})}


def _asked(pod: Manifest, resource: str) -> float:
    if resource == "pods":
        return 1.0
    requests = [c.get("resources", {}).get("requests", {}).get(resource, "0") for c in pod["spec"]["containers"]]
    return float(sum(amount(request) for request in requests))


def _matches(spec: Manifest, name: str, labels: Mapping[str, str]) -> bool:
    """Whether the node is one of those that required affinity names."""
    required = spec.get("affinity", {}).get("nodeAffinity", {}).get("requiredDuringSchedulingIgnoredDuringExecution")
    if required is None:
        return True
    return any(
        all(_fits(e, labels) for e in term.get("matchExpressions", []))
        and all(_fits(e, {"metadata.name": name}) for e in term.get("matchFields", []))
        for term in required["nodeSelectorTerms"]
    )


def _fits(expression: Manifest, labels: Mapping[str, str]) -> bool:
    value, values = labels.get(expression["key"]), expression.get("values", [])
    match expression["operator"]:
        case "In":
            return value in values
        case "NotIn":
            return value not in values
        case "Exists":
            return value is not None
        case _:
            return value is None

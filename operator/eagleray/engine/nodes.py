"""What the operator has seen of the cluster's nodes."""

from collections import Counter
from dataclasses import dataclass

from eagleray.domain.goals.fleet import Fleet
from eagleray.kube.kinds import Manifest
from eagleray.kube.trim import trim_node


@dataclass(frozen=True, slots=True)
class _Node:
    """What is remembered of a node.

    Attributes:
        notice: why it is about to go; "" while it is not.
        closed: whether it takes no more Pods of those that tolerate nothing.
        accelerators: those that it has.
    """

    notice: str = ""
    closed: bool = False
    accelerators: frozenset[str] = frozenset()


_UNSEEN = _Node()


class NodeBook:
    """Which nodes are about to go, and how many have which accelerator.

    Empty where the operator serves single namespaces alone: it may not look at nodes there.

    Args:
        fleet: what labels, taints and conditions mean.
    """

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._nodes: dict[str, _Node] = {}

    def see(self, manifest: Manifest) -> bool:
        """Note a node as it is now.

        Returns:
            Whether it begins or ceases to be about to go.
        """
        node = trim_node(manifest)
        meta, spec = node["metadata"], node.get("spec", {})
        if "name" not in meta:
            return False
        kept_off = any(taint.get("effect") in {"NoSchedule", "NoExecute"} for taint in spec.get("taints", []))
        now = _Node(
            notice=self._notice(node),
            closed=kept_off or bool(spec.get("unschedulable")),
            accelerators=self._fleet.accelerators_of(meta.get("labels", {})),
        )
        before = self._nodes.get(meta["name"], _UNSEEN)
        self._nodes[meta["name"]] = now
        return bool(now.notice) != bool(before.notice)

    def forget(self, name: str) -> None:
        """A node is gone."""
        self._nodes.pop(name, None)

    def closed(self, name: str) -> bool:
        """Whether a node takes no more Pods of those that tolerate nothing, such as routers."""
        return self._nodes.get(name, _UNSEEN).closed

    def notice(self, name: str) -> str:
        """Why a node is about to go; "" while it is not."""
        return self._nodes.get(name, _UNSEEN).notice

    def stays(self, name: str) -> bool:
        """Whether a node is there and not about to go."""
        return name in self._nodes and not self._nodes[name].notice

    def leaving(self) -> tuple[str, ...]:
        """The nodes that are about to go."""
        return tuple(sorted(name for name, node in self._nodes.items() if node.notice))

    def without(self, accelerator: str) -> str:
        """Say that no node has an accelerator, and what there is; "" where one has it, or no node was ever seen."""
        counts = Counter(name for node in self._nodes.values() for name in node.accelerators)
        if not self._nodes or counts[accelerator]:
            return ""
        there = ", ".join(f"{name} on {number}" for name, number in sorted(counts.items())) or "none of those it knows"
        return f"no node has the accelerator {accelerator}; there is: {there}"

    def _notice(self, node: Manifest) -> str:
        if "deletionTimestamp" in node["metadata"]:
            return "it is being deleted"
        for taint in node.get("spec", {}).get("taints", []):
            if taint["key"] in self._fleet.notices:
                return f"taint {taint['key']}"
        for condition in node.get("status", {}).get("conditions", []):
            if condition["type"] in self._fleet.notices and condition.get("status") == "True":
                return f"condition {condition['type']}"
        return ""

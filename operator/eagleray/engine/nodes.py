"""What the operator has seen of the cluster's nodes."""

from collections import Counter

from eagleray.domain.fleet import Fleet
from eagleray.kube.kinds import Manifest


class NodeBook:
    """Which nodes are about to go, and how many have which accelerator.

    Empty where the operator serves single namespaces alone: it may not look at nodes there.

    Args:
        fleet: what labels, taints and conditions mean.
    """

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet
        self._notices: dict[str, str] = {}
        self._closed: set[str] = set()
        self._accelerators: dict[str, frozenset[str]] = {}

    def see(self, manifest: Manifest) -> bool:
        """Note a node as it is now.

        Returns:
            Whether it begins or ceases to be about to go.
        """
        name = manifest["metadata"]["name"]
        self._accelerators[name] = self.fleet.accelerators_of(manifest["metadata"].get("labels", {}))
        spec = manifest["spec"]
        kept_off = any(taint["effect"] in {"NoSchedule", "NoExecute"} for taint in spec.get("taints", []))
        (self._closed.add if kept_off or spec.get("unschedulable") else self._closed.discard)(name)
        before, now = self._notices.get(name, ""), self._notice(manifest)
        if now:
            self._notices[name] = now
        else:
            self._notices.pop(name, None)
        return bool(now) != bool(before)

    def forget(self, name: str) -> None:
        """A node is gone."""
        self._notices.pop(name, None)
        self._accelerators.pop(name, None)
        self._closed.discard(name)

    def closed(self, name: str) -> bool:
        """Whether a node takes no more Pods of those that tolerate nothing, such as routers."""
        return name in self._closed

    def notice(self, name: str) -> str:
        """Why a node is about to go; "" while it is not."""
        return self._notices.get(name, "")

    def leaving(self) -> tuple[str, ...]:
        """The nodes that are about to go."""
        return tuple(sorted(self._notices))

    def without(self, accelerator: str) -> str:
        """Say that no node has an accelerator, and what there is; "" where one has it, or no node was ever seen."""
        counts = Counter(name for names in self._accelerators.values() for name in names)
        if not self._accelerators or counts[accelerator]:
            return ""
        there = ", ".join(f"{name} on {number}" for name, number in sorted(counts.items())) or "none of those it knows"
        return f"no node has the accelerator {accelerator}; there is: {there}"

    def _notice(self, manifest: Manifest) -> str:
        if "deletionTimestamp" in manifest["metadata"]:
            return "it is being deleted"
        for taint in manifest["spec"].get("taints", []):
            if taint["key"] in self.fleet.notices:
                return f"taint {taint['key']}"
        for condition in manifest.get("status", {}).get("conditions", []):
            if condition["type"] in self.fleet.notices and condition["status"] == "True":
                return f"condition {condition['type']}"
        return ""

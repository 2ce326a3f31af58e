"""The Pods of a ModelDeployment, as `kubectl get pods` reads them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from eagleray.domain.facts import labels


@dataclass(frozen=True, slots=True)
class ListedPod:
    """One Pod.

    Attributes:
        name: its name.
        version: version that it belongs to; "" for a router Pod.
        revision: revision that it belongs to; "" for a router Pod.
        role: `head`, `worker` or `router`.
        status: its phase, or what it waits for or ended with, in one word.
        ready: containers that are ready.
        containers: containers that it has.
        restarts: how often containers were restarted.
        created_at: when it was created.
        node: where it runs; "" before it is scheduled.
    """

    name: str
    version: str
    revision: str
    role: str
    status: str
    ready: int
    containers: int
    restarts: int
    created_at: datetime
    node: str


def read_pod(manifest: Mapping[str, Any]) -> ListedPod:
    """Read a Pod as the API server gives it."""
    meta, spec, status = manifest["metadata"], manifest["spec"], manifest.get("status") or {}
    carried = meta.get("labels") or {}
    containers = status.get("containerStatuses") or []
    return ListedPod(
        name=meta["name"],
        version=carried.get(labels.VERSION, ""),
        revision=carried.get(labels.REVISION, ""),
        role=carried.get(labels.ROLE, ""),
        status="Terminating" if meta.get("deletionTimestamp") else _word(status),
        ready=sum(c["ready"] for c in containers),
        containers=len(spec["containers"]),
        restarts=sum(c["restartCount"] for c in containers),
        created_at=datetime.fromisoformat(meta["creationTimestamp"]),
        node=spec.get("nodeName") or "",
    )


def _word(status: Mapping[str, Any]) -> str:
    if status.get("reason"):
        return str(status["reason"])
    for container in status.get("initContainerStatuses") or []:
        if word := _container_word(container["state"]):
            return f"Init:{word}"
    for container in status.get("containerStatuses") or []:
        if word := _container_word(container["state"]):
            return word
    scheduled = next((c for c in status.get("conditions") or [] if c["type"] == "PodScheduled"), None)
    if scheduled is not None and scheduled["status"] == "False":
        return str(scheduled.get("reason") or "Pending")
    return str(status.get("phase") or "Unknown")


def _container_word(state: Mapping[str, Any]) -> str:
    """What a container waits for or failed with; "" where it runs or has done its work."""
    if waiting := state.get("waiting"):
        word = waiting.get("reason") or ""
        return "" if word == "PodInitializing" else word
    terminated = state.get("terminated")
    if not terminated or not terminated.get("exitCode"):
        return ""
    return terminated.get("reason") or f"ExitCode:{terminated['exitCode']}"

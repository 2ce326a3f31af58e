"""Pods as the API server gives them, turned into what the domain knows of a Pod."""

import re
from dataclasses import dataclass
from datetime import datetime

from eagleray.domain.facts import labels
from eagleray.domain.facts.pods import Container, Pod, Role
from eagleray.engine.nodes import NodeBook
from eagleray.kube.kinds import Manifest

# As `resources/names.py` makes them.
_HEAD = re.compile(r"(.+)-head-(\d+)")
_WORKER = re.compile(r"(.+)-w(\d+)-(\d+)")


@dataclass(frozen=True, slots=True)
class Identity:
    """Which of an object's Pods it is.

    Attributes:
        revision: its revision; "" of a router Pod.
        role: what it does.
        incarnation: the number of its Ray cluster.
        index: a worker's number within it.
    """

    revision: str
    role: Role
    incarnation: int = 0
    index: int = 0


ROUTER_POD = Identity("", Role.ROUTER)


def ray_identity(name: str) -> Identity | None:
    """Tell a Ray Pod by its name, which nobody can change as they can its labels; None where no Ray Pod has such."""
    if head := _HEAD.fullmatch(name):
        return Identity(head[1], Role.HEAD, int(head[2]))
    if worker := _WORKER.fullmatch(name):
        return Identity(worker[1], Role.WORKER, int(worker[2]), int(worker[3]))
    return None


def read_pod(manifest: Manifest, told: Identity, nodes: NodeBook) -> Pod:
    """Read a Pod of ours.

    Args:
        manifest: the Pod.
        told: which Pod it is.
        nodes: what was seen of the cluster's nodes.
    """
    meta, spec, status = manifest["metadata"], manifest.get("spec") or {}, manifest.get("status") or {}
    node = spec.get("nodeName") or ""
    annotations = meta.get("annotations") or {}
    containers = _containers(spec, status)
    return Pod(
        name=meta["name"],
        uid=meta["uid"],
        revision=told.revision,
        role=told.role,
        incarnation=told.incarnation,
        index=told.index,
        phase=status.get("phase", "Pending"),
        group=(meta.get("labels") or {}).get(labels.GROUP, ""),
        created_at=datetime.fromisoformat(meta["creationTimestamp"]),
        reason=_own_reason(status),
        ip=status.get("podIP", ""),
        deleting="deletionTimestamp" in meta,
        leaves_by=datetime.fromisoformat(meta["deletionTimestamp"]) if "deletionTimestamp" in meta else None,
        unschedulable=_unschedulable(manifest, nodes),
        scheduled=bool(node),
        started=any(c.name == told.role.main_container and c.running for c in containers),
        ready=any(c["type"] == "Ready" and c["status"] == "True" for c in status.get("conditions", [])),
        digest=_digest(manifest, told.role.main_container),
        notice=nodes.notice(node),
        kept_off=_kept_off(annotations, nodes),
        on_demand=annotations.get(labels.CAPACITY_ANNOTATION) == labels.ON_DEMAND,
        containers=containers,
    )


def _kept_off(annotations: dict[str, str], nodes: NodeBook) -> str:
    names = annotations.get(labels.KEPT_OFF_ANNOTATION, "").split(",")
    return next((name for name in names if nodes.stays(name)), "")


def _digest(manifest: Manifest, main: str) -> str:
    """The digest of the main container's image; "" where the node knows the image by other names than the Pod does.

    Such an image was put onto the node by hand, or has several names there: its digest may be unknown to the registry.
    """
    asked = {c["name"]: _repository(c["image"]) for c in manifest["spec"]["containers"]}
    for status in manifest.get("status", {}).get("containerStatuses", []):
        repository, _, digest = status.get("imageID", "").partition("@")
        if status["name"] == main and repository.endswith(asked[status["name"]]):
            return str(digest)
    return ""


def _repository(image: str) -> str:
    return re.sub(r"(:[^:/@]+)?(@.*)?$", "", image)


def _own_reason(status: Manifest) -> str:
    """`Evicted: …` and the like: what the node says of the Pod as a whole."""
    return ": ".join(part for part in (status.get("reason", ""), status.get("message", "")) if part)


def _unschedulable(manifest: Manifest, nodes: NodeBook) -> str:
    for condition in manifest.get("status", {}).get("conditions", []):
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            words = str(condition.get("message") or condition.get("reason") or "")
            wanted = manifest["metadata"].get("annotations", {}).get(labels.ACCELERATOR_ANNOTATION)
            missing = nodes.without(wanted) if wanted else ""
            return f"{missing}; {words}" if missing else words
    return ""


def _containers(spec: Manifest, status: Manifest) -> tuple[Container, ...]:
    """Init containers first; one that is restarted stands beside the main container, as a sidecar."""
    sidecars = {c["name"] for c in spec.get("initContainers", []) if c.get("restartPolicy") == "Always"}
    first = (_container(c, init=c["name"] not in sidecars) for c in status.get("initContainerStatuses", []))
    return (*first, *(_container(c, init=False) for c in status.get("containerStatuses", [])))


def _container(status: Manifest, *, init: bool) -> Container:
    state = status.get("state", {})
    waiting = state.get("waiting")
    ended = state.get("terminated") or status.get("lastState", {}).get("terminated") or {}
    return Container(
        name=status["name"],
        waiting=(waiting.get("reason", ""), waiting.get("message", "")) if waiting else None,
        exit_code=ended.get("exitCode"),
        reason=ended.get("reason", ""),
        message=ended.get("message", ""),
        ended="terminated" in state,
        running="running" in state,
        init=init,
    )

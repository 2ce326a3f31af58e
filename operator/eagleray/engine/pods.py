"""Pods as the API server gives them, turned into what the domain knows of a Pod."""

import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from eagleray.domain import labels
from eagleray.domain.observed import MAIN_CONTAINERS, Container, Pod, Role
from eagleray.engine.nodes import NodeBook


def is_ray(manifest: dict[str, Any]) -> bool:
    """Whether a Pod of ours is a head or a worker."""
    return manifest["metadata"]["labels"].get(labels.ROLE) in {Role.HEAD, Role.WORKER}


def left_behind(manifests: Iterable[dict[str, Any]], uid: str = "") -> tuple[dict[str, Any], ...]:
    """Ray Pods whose owner was deleted; those that were orphaned on purpose (`--cascade=orphan`) have none and stay.

    Args:
        manifests: Pods of objects of one name.
        uid: of the object that has the name now, if any.
    """
    owners = [(p, [owner["uid"] for owner in p["metadata"].get("ownerReferences", [])]) for p in manifests if is_ray(p)]
    return tuple(p for p, uids in owners if uids and uid not in uids)


def read_pod(manifest: dict[str, Any], nodes: NodeBook) -> Pod:
    """Read a Pod of ours.

    Args:
        manifest: the Pod.
        nodes: what was seen of the cluster's nodes.
    """
    meta, status = manifest["metadata"], manifest.get("status", {})
    marks = meta["labels"]
    containers = [*status.get("initContainerStatuses", []), *status.get("containerStatuses", [])]
    prepare = {c["name"] for c in manifest["spec"].get("initContainers", []) if c.get("restartPolicy") != "Always"}
    ends = meta.get("deletionTimestamp")
    return Pod(
        name=meta["name"],
        uid=meta["uid"],
        revision=marks.get(labels.REVISION, ""),
        role=Role(marks[labels.ROLE]),
        incarnation=int(marks.get(labels.INCARNATION, 0)),
        index=int(meta["name"].rsplit("-", 1)[-1]) if marks[labels.ROLE] == Role.WORKER else 0,
        phase=status.get("phase", "Pending"),
        group=marks.get(labels.GROUP, ""),
        created_at=datetime.fromisoformat(meta["creationTimestamp"]),
        reason=_own_reason(status),
        ip=status.get("podIP", ""),
        deleting=ends is not None,
        leaves_by=datetime.fromisoformat(ends) if ends else None,
        unschedulable=_unschedulable(manifest, nodes),
        scheduled="nodeName" in manifest["spec"],
        started=any(c["name"] in MAIN_CONTAINERS and "running" in c.get("state", {}) for c in containers),
        ready=any(c["type"] == "Ready" and c["status"] == "True" for c in status.get("conditions", [])),
        digest=_digest(manifest),
        notice=nodes.notice(manifest["spec"].get("nodeName", "")),
        kept_off=_kept_off(meta.get("annotations", {}), nodes),
        on_demand=meta.get("annotations", {}).get(labels.CAPACITY_ANNOTATION) == labels.ON_DEMAND,
        containers=tuple(_container(c, init=c["name"] in prepare) for c in containers),
    )


def _kept_off(annotations: dict[str, str], nodes: NodeBook) -> str:
    names = annotations.get(labels.KEPT_OFF_ANNOTATION, "").split(",")
    return next((name for name in names if nodes.stays(name)), "")


def _digest(manifest: dict[str, Any]) -> str:
    """The digest of the main container's image; "" where the node knows the image by other names than the Pod does.

    Such an image was put onto the node by hand, or has several names there: its digest may be unknown to the registry.
    """
    asked = {c["name"]: _repository(c["image"]) for c in manifest["spec"]["containers"]}
    for status in manifest.get("status", {}).get("containerStatuses", []):
        repository, _, digest = status.get("imageID", "").partition("@")
        if status["name"] in MAIN_CONTAINERS and repository.endswith(asked[status["name"]]):
            return str(digest)
    return ""


def _repository(image: str) -> str:
    return re.sub(r"(:[^:/@]+)?(@.*)?$", "", image)


def _own_reason(status: dict[str, Any]) -> str:
    """`Evicted: …` and the like: what the node says of the Pod as a whole."""
    return ": ".join(part for part in (status.get("reason", ""), status.get("message", "")) if part)


def _unschedulable(manifest: dict[str, Any], nodes: NodeBook) -> str:
    for condition in manifest.get("status", {}).get("conditions", []):
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            words = str(condition.get("message") or condition.get("reason") or "")
            wanted = manifest["metadata"].get("annotations", {}).get(labels.ACCELERATOR_ANNOTATION)
            missing = nodes.without(wanted) if wanted else ""
            return f"{missing}; {words}" if missing else words
    return ""


def _container(status: dict[str, Any], *, init: bool) -> Container:
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

"""What is kept of an object: what somebody reads, in a shape that a reader can rely on.

The API server gives a Pod in 10 to 20 KB, of which a look reads one. What does not have the type that it should have is
left out, so that one broken object stops nobody who reads many.
"""

import hashlib
from collections.abc import Mapping
from typing import Any, Final

from eagleray.kube.kinds import (
    CONFIG_MAP,
    HTTP_ROUTE,
    INGRESS,
    MODEL_DEPLOYMENT,
    POD,
    REPLICA_SET,
    SERVICE,
    Manifest,
)

TEXT_LIMIT = 4096
"""Characters that are kept of any one text of a Pod; every reader cuts shorter."""

_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"

# A shape is a type, a list of one shape, or fields with their shapes; items with fields have at least the first.
Shape = type | list[Any] | dict[str, Any]


class _Texts:
    """A mapping of texts to texts."""


_OWNER: Final[Shape] = {
    "uid": str,
    "apiVersion": str,
    "kind": str,
    "name": str,
    "controller": bool,
    "blockOwnerDeletion": bool,
}
_METADATA: Final[dict[str, Any]] = {
    "name": str,
    "namespace": str,
    "uid": str,
    "generation": int,
    "labels": _Texts,
    "annotations": _Texts,
    "ownerReferences": [_OWNER],
    "creationTimestamp": str,
    "deletionTimestamp": str,
    "deletionGracePeriodSeconds": int,
    "finalizers": [str],
}
_STATE: Final[Shape] = {
    "waiting": {"reason": str, "message": str},
    "running": {"startedAt": str},
    "terminated": {
        "exitCode": int,
        "signal": int,
        "reason": str,
        "message": str,
        "startedAt": str,
        "finishedAt": str,
    },
}
_CONTAINER_STATUS: Final[Shape] = {"name": str, "state": _STATE, "lastState": _STATE, "imageID": str}
_POD: Final[dict[str, Any]] = {
    "spec": {
        "nodeName": str,
        "containers": [{"name": str, "image": str}],
        "initContainers": [{"name": str, "restartPolicy": str}],
    },
    "status": {
        "phase": str,
        "reason": str,
        "message": str,
        "podIP": str,
        "podIPs": [{"ip": str}],
        "startTime": str,
        "conditions": [{"type": str, "status": str, "reason": str, "message": str}],
        "initContainerStatuses": [_CONTAINER_STATUS],
        "containerStatuses": [_CONTAINER_STATUS],
    },
}
_NODE: Final[dict[str, Any]] = {
    "spec": {"unschedulable": bool, "taints": [{"key": str, "effect": str}]},
    "status": {"conditions": [{"type": str, "status": str}]},
}
_BALANCED: Final[dict[str, Any]] = {"status": {"loadBalancer": {"ingress": [_Texts]}}}
_CONDITION: Final[Shape] = {"type": str, "status": str, "observedGeneration": int, "reason": str, "message": str}
_PARENT: Final[Shape] = {"parentRef": {"name": str, "namespace": str, "sectionName": str}, "conditions": [_CONDITION]}
# What controllers say of children that lead to routers; no other status is read.
_STATUSES: Final[Mapping[object, dict[str, Any]]] = {
    SERVICE.kind: _BALANCED,
    INGRESS.kind: _BALANCED,
    HTTP_ROUTE.kind: {"status": {"parents": [_PARENT]}},
}
_OF_NOBODY = object()


def trim(manifest: Mapping[str, Any]) -> Manifest:
    """Keep of an object what is read, without its `metadata.resourceVersion`.

    A Pod keeps the fields that a look reads, with its texts cut; a ReplicaSet, which only stands between a Deployment
    and its Pods, its metadata. Every other kind keeps all but what is noted about the writing of it; of its status what
    is read: a ModelDeployment's whole, and parts of that of what leads to routers. A ConfigMap keeps digests of its
    values.

    Args:
        manifest: the object, as the API server gave it or as it is wanted there.
    """
    kind = manifest.get("kind")
    named = {name: value for name in ("apiVersion", "kind") if isinstance(value := manifest.get(name), str)}
    if kind == POD.kind:
        return {**named, **_shaped(manifest, _POD)}
    if kind == REPLICA_SET.kind:
        return {**named, "metadata": _metadata(manifest)}
    left_out = {"apiVersion", "kind", "metadata"} | ({"status"} if kind != MODEL_DEPLOYMENT.kind else set())
    rest = {name: value for name, value in manifest.items() if name not in left_out}
    if kind == CONFIG_MAP.kind:
        rest = {name: _digests(value) for name, value in rest.items()}
    return {**named, "metadata": _metadata(manifest), **rest, **_cut(_pick_fields(manifest, _STATUSES.get(kind, {})))}


def trim_node(manifest: Mapping[str, Any]) -> Manifest:
    """Keep of a node its labels, taints and conditions, and whether it takes Pods or is being deleted."""
    return _shaped(manifest, _NODE)


def _shaped(manifest: Mapping[str, Any], shape: Mapping[str, Any]) -> Manifest:
    shaped: Manifest = _cut({"metadata": _metadata(manifest), **_pick_fields(manifest, shape)})
    return shaped


def _metadata(manifest: Mapping[str, Any]) -> Manifest:
    metadata = manifest.get("metadata")
    picked = _pick_fields(metadata, _METADATA) if isinstance(metadata, dict) else {}
    picked.get("annotations", {}).pop(_LAST_APPLIED, None)
    return {name: value for name, value in picked.items() if value not in ({}, [])}


def _pick(value: object, shape: Shape) -> Any:  # noqa: ANN401 - JSON
    """What `value` has of `shape`; `_OF_NOBODY` where it is of another type altogether."""
    if shape is _Texts:
        texts = value.items() if isinstance(value, dict) else None
        return _OF_NOBODY if texts is None else {k: v for k, v in texts if isinstance(v, str)}
    if isinstance(shape, dict):
        return _pick_fields(value, shape) if isinstance(value, dict) else _OF_NOBODY
    if isinstance(shape, list):
        return _pick_items(value, shape[0]) if isinstance(value, list) else _OF_NOBODY
    return value if type(value) is shape else _OF_NOBODY


def _pick_fields(value: Mapping[str, Any], shape: Mapping[str, Any]) -> Manifest:
    picked = {name: _pick(value[name], part) for name, part in shape.items() if name in value}
    return {name: part for name, part in picked.items() if part is not _OF_NOBODY}


def _pick_items(values: list[Any], shape: Shape) -> list[Any]:
    items = [item for value in values if (item := _pick(value, shape)) is not _OF_NOBODY]
    if isinstance(shape, dict):
        first = next(iter(shape))
        items = [item for item in items if first in item]
    return items


def _cut(value: Any) -> Any:  # noqa: ANN401 - JSON
    if isinstance(value, str):
        return value[:TEXT_LIMIT]
    if isinstance(value, list):
        return [_cut(item) for item in value]
    if isinstance(value, dict):
        return {name: _cut(item) for name, item in value.items()}
    return value


def _digests(values: object) -> object:
    """Digests instead of the texts of `data` and `binaryData`; anything else as it is."""
    if not isinstance(values, dict):
        return values
    return {name: _digest(value) if isinstance(value, str) else value for name, value in values.items()}


def _digest(text: str) -> str:
    return f"sha256:{hashlib.sha256(text.encode(errors='surrogatepass')).hexdigest()}"

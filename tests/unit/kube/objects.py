"""Objects as an API server would give them."""

from typing import Any

from eagleray.kube.kinds import MODEL_DEPLOYMENT, POD, Kind, Manifest

MANAGED = {"app.kubernetes.io/managed-by": "eagleray"}


def owner(kind: Kind, name: str, uid: str, *, controller: bool = True) -> dict[str, Any]:
    return {
        "apiVersion": kind.api_version,
        "kind": kind.kind,
        "name": name,
        "uid": uid,
        "controller": controller,
        "blockOwnerDeletion": True,
    }


def made(kind: Kind, name: str, version: int | str = 1, uid: str = "", **meta: Any) -> Manifest:
    """An object in namespace `ns`, unless `namespace` says another; `rest` are its fields beside the metadata."""
    rest = meta.pop("rest", {})
    return {
        "apiVersion": kind.api_version,
        "kind": kind.kind,
        "metadata": {
            "name": name,
            "namespace": "ns",
            "uid": uid or f"{kind.plural}-{name}",
            "resourceVersion": str(version),
            **meta,
        },
        **rest,
    }


def model(name: str = "churn", version: int = 1, uid: str = "", **meta: Any) -> Manifest:
    return made(MODEL_DEPLOYMENT, name, version, uid, **{"generation": 1, "rest": {"spec": {"replicas": 1}}, **meta})


def child(kind: Kind, name: str, owned_by: Manifest, version: int = 1, **meta: Any) -> Manifest:
    """A child that carries our labels for `churn` and belongs to `owned_by`."""
    above = owned_by["metadata"]
    reference = {
        "apiVersion": owned_by["apiVersion"],
        "kind": owned_by["kind"],
        "name": above["name"],
        "uid": above["uid"],
        "controller": True,
    }
    labels = {**MANAGED, "eagleray.dev/name": "churn"}
    return made(kind, name, version, **{"labels": labels, "ownerReferences": [reference], **meta})


def pod(name: str, owned_by: Manifest, version: int = 1, *, node: str = "", **meta: Any) -> Manifest:
    rest = {"spec": {"containers": [{"name": "ray", "image": "i"}], **({"nodeName": node} if node else {})}}
    return child(POD, name, owned_by, version, **{"rest": rest, **meta})

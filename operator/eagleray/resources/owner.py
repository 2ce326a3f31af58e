"""Owner references: what a child is deleted with."""

from collections.abc import Mapping
from typing import Any

from eagleray.api.spec import API_VERSION, KIND


def owner_reference(md_name: str, md_uid: str) -> dict[str, Any]:
    """Build the reference of a child to the ModelDeployment that controls it."""
    return _reference(API_VERSION, KIND, md_name, md_uid)


def reference_to(live: Mapping[str, Any]) -> dict[str, Any]:
    """Build the reference of a child to another child of ours, as the API server returned it."""
    meta = live["metadata"]
    return _reference(live["apiVersion"], live["kind"], meta["name"], meta["uid"])


def dependent_on(live: Mapping[str, Any]) -> dict[str, Any]:
    """Build the reference of what only goes when its owner goes: any user may write it, and nothing looks after it."""
    meta = live["metadata"]
    return {"apiVersion": live["apiVersion"], "kind": live["kind"], "name": meta["name"], "uid": meta["uid"]}


def _reference(api_version: str, kind: str, name: str, uid: str) -> dict[str, Any]:
    return {
        "apiVersion": api_version,
        "kind": kind,
        "name": name,
        "uid": uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }

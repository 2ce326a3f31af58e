"""Merge `podTemplate` into what the operator builds: a strategic merge by the keys of Kubernetes' lists.

Two things are other than in the API server: a container of ours that this Pod does not have is not made of a few fields
of it, and init containers of others come before ours, which may need what they prepare.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from eagleray.api.pod_spec import MERGE_KEYS, OF_RAY, OF_ROUTER, Ours
from eagleray.api.pod_template import PodTemplate

Manifest = dict[str, Any]
_CONTAINERS = ("initContainers", "containers")


def with_templates(pod: Manifest, ours: Ours, *templates: PodTemplate | None) -> Manifest:
    """Merge templates into a Pod, or into the template of one; the last wins.

    Args:
        pod: `metadata` and `spec`.
        ours: what the operator puts into such Pods.
        templates: what is merged; None for nothing.
    """
    for template in templates:
        if template is not None:
            told = template.metadata.model_dump(exclude_none=True) if template.metadata else {}
            merged = merge(pod["spec"], _of_there(pod["spec"], template.spec or {}, ours))
            pod = {**pod, "metadata": merge(pod["metadata"], told), "spec": _theirs_first(merged, ours)}
    return pod


def with_ray_templates(pod: Manifest, *templates: PodTemplate | None) -> Manifest:
    """Merge templates into a Pod of a revision's image."""
    return with_templates(pod, OF_RAY, *templates)


def with_router_templates(deployment: Manifest, *templates: PodTemplate | None) -> Manifest:
    """Merge templates into the Pods of a router's Deployment."""
    spec = deployment["spec"]
    return {**deployment, "spec": {**spec, "template": with_templates(spec["template"], OF_ROUTER, *templates)}}


def merge(base: Mapping[str, Any], patch: Mapping[str, Any], path: str = "") -> Manifest:
    """Merge `patch` over `base`: objects field by field, lists that have a key item by item, all else as a whole.

    Args:
        base: a PodSpec, or an object within one.
        patch: what is merged.
        path: where the two stand within a PodSpec.
    """
    merged = dict(base)
    for name, value in patch.items():
        where, below = f"{path}.{name}" if path else name, base.get(name)
        if isinstance(value, Mapping) and isinstance(below, Mapping):
            merged[name] = merge(below, value, where)
        elif isinstance(value, list) and isinstance(below, list) and where in MERGE_KEYS:
            merged[name] = _by_key(below, value, where)
        else:
            merged[name] = value
    return merged


def _by_key(base: Sequence[Manifest], patch: Sequence[Manifest], path: str) -> list[Manifest]:
    key = MERGE_KEYS[path]
    new = {item[key]: item for item in patch}
    kept = [merge(item, new.pop(item[key]), f"{path}[]") if item.get(key) in new else item for item in base]
    return [*kept, *new.values()]


def _of_there(spec: Mapping[str, Any], patch: Mapping[str, Any], ours: Ours) -> Manifest:
    found = dict(patch)
    for kind in _CONTAINERS:
        if kind in patch:
            there = {container["name"] for container in spec.get(kind, ())}
            found[kind] = [c for c in patch[kind] if c["name"] not in ours.containers or c["name"] in there]
    return found


def _theirs_first(spec: Manifest, ours: Ours) -> Manifest:
    first = spec.get("initContainers", [])
    return {**spec, "initContainers": sorted(first, key=lambda c: c["name"] in ours.containers)} if first else spec

"""Whether the API server would take a status: the CRD's own schema, checked as JSON Schema, and what map-lists ask."""

from collections.abc import Iterator
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from eagleray.api.crd.manifest import crd


@cache
def _schema() -> dict[str, Any]:
    version = crd()["spec"]["versions"][0]
    found: dict[str, Any] = version["schema"]["openAPIV3Schema"]["properties"]["status"]
    return found


def refusals(status: Any) -> list[str]:
    """Why the API server would refuse it; none where it takes it."""
    errors = Draft202012Validator(_schema()).iter_errors(status)
    return [*(f"{e.json_path}: {e.message[:200]}" for e in errors), *_doubles(status, _schema(), "$")]


def _doubles(value: Any, schema: dict[str, Any], path: str) -> Iterator[str]:
    if isinstance(value, dict):
        for key, part in value.items():
            yield from _doubles(part, schema.get("properties", {}).get(key, {}), f"{path}.{key}")
    if isinstance(value, list):
        names = schema.get("x-kubernetes-list-map-keys")
        keys = [tuple(item.get(n) for n in names) for item in value] if names else []
        if len(set(keys)) < len(keys):
            yield f"{path}: two items of one name"
        for item in value:
            yield from _doubles(item, schema.get("items", {}), path)

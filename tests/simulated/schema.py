"""The CRD's structural schema, as far as the API server checks it without CEL: types, bounds, what is required."""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from eagleray.api.crd.manifest import root_schema
from eagleray.kube.kinds import Manifest

_TYPES: Mapping[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
}


@cache
def _schema() -> Mapping[str, Any]:
    found: Mapping[str, Any] = root_schema()["properties"]
    return found


def faults_of(manifest: Manifest) -> list[str]:
    """What the CRD says against `spec` and `status`, each with its path."""
    return [
        fault
        for part in ("spec", "status")
        if part in manifest
        for fault in _faults(manifest[part], _schema()[part], part)
    ]


def _faults(value: Any, schema: Mapping[str, Any], path: str) -> Iterator[str]:
    if schema.get("x-kubernetes-int-or-string"):
        return
    wanted = _TYPES.get(schema.get("type", ""))
    if wanted and (not isinstance(value, wanted) or (isinstance(value, bool) and bool not in wanted)):
        yield f"{path}: Invalid value: must be of type {schema['type']}: {value!r}"
        return
    if "enum" in schema and value not in schema["enum"]:
        yield f"{path}: Unsupported value: {value!r}"
    if isinstance(value, str):
        yield from _text(value, schema, path)
    elif isinstance(value, dict):
        yield from _object(value, schema, path)
    elif isinstance(value, list):
        yield from _array(value, schema, path)
    elif isinstance(value, int | float) and not schema.get("minimum", value) <= value <= schema.get("maximum", value):
        yield f"{path}: Invalid value: {value}: out of range"


def _text(value: str, schema: Mapping[str, Any], path: str) -> Iterator[str]:
    if len(value) > schema.get("maxLength", len(value)):
        yield f"{path}: Too long: may not be more than {schema['maxLength']} bytes"
    if len(value) < schema.get("minLength", 0):
        yield f"{path}: Invalid value: should be at least {schema['minLength']} chars long"
    if "pattern" in schema and not re.search(schema["pattern"], value):
        yield f"{path}: Invalid value: {value!r}: should match {schema['pattern']!r}"


def _object(value: Mapping[str, Any], schema: Mapping[str, Any], path: str) -> Iterator[str]:
    for name in schema.get("required", ()):
        if name not in value:
            yield f"{path}.{name}: Required value"
    known = schema.get("properties", {})
    others = schema.get("additionalProperties")
    for name, inner in value.items():
        if name in known:
            yield from _faults(inner, known[name], f"{path}.{name}")
        elif isinstance(others, Mapping):
            yield from _faults(inner, others, f"{path}.{name}")
        elif known and not others and not schema.get("x-kubernetes-preserve-unknown-fields"):
            yield f"{path}.{name}: unknown field"
    if len(value) > schema.get("maxProperties", len(value)):
        yield f"{path}: Too many: must have at most {schema['maxProperties']} items"


def _array(value: list[Any], schema: Mapping[str, Any], path: str) -> Iterator[str]:
    if len(value) > schema.get("maxItems", len(value)):
        yield f"{path}: Too many: {len(value)}: must have at most {schema['maxItems']} items"
    for i, item in enumerate(value):
        yield from _faults(item, schema.get("items", {}), f"{path}[{i}]")
    keys = schema.get("x-kubernetes-list-map-keys", ())
    seen = [tuple(item.get(key) for key in keys) for item in value] if keys else []
    if len(seen) != len(set(seen)):
        yield f"{path}: Duplicate value"

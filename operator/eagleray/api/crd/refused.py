"""Which fields of a manifest the CRD refuses, found without an API server."""

from collections.abc import Iterator

from eagleray.api.crd.manifest import root_schema
from eagleray.api.crd.schema import PRESERVE, Schema


def refused_fields(manifest: dict[str, object]) -> list[str]:
    """Name the fields of `manifest` that `kubectl apply` refuses as unknown, such as `spec.autoscaling`."""
    return [*_unknown(manifest, root_schema(), "")]


def _unknown(value: object, schema: Schema, path: str) -> Iterator[str]:
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _unknown(item, schema.get("items", {PRESERVE: True}), f"{path}[{index}]")
    if not isinstance(value, dict) or path == "metadata" or schema.get(PRESERVE):
        return
    for name, item in value.items():
        below = schema.get("properties", {}).get(name) or schema.get("additionalProperties")
        where = f"{path}.{name}".lstrip(".")
        if below is None:
            yield where
        else:
            yield from _unknown(item, below, where)

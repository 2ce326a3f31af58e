"""Compiles a pydantic model into a structural schema, the dialect of OpenAPI that Kubernetes takes in CRDs.

What Kubernetes refuses or mangles is rewritten (`$ref`, `anyOf` with null, `const`, exclusive bounds) or is
an error here (unbounded strings, lists and maps, unions, tuples, keys with a pattern), so that a mistake is
seen at generation and not at `kubectl apply`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from eagleray.api.base import LATER_KEY, VALIDATIONS

Schema = dict[str, Any]

PRESERVE = "x-kubernetes-preserve-unknown-fields"
INT_OR_STRING = "x-kubernetes-int-or-string"
_HANDED_ON = (
    "description", "enum", "format", "maxItems", "maxLength", "maxProperties", "maximum", "minItems",
    "minLength", "minProperties", "minimum", "multipleOf", "pattern", "type", "x-kubernetes-list-map-keys",
    "x-kubernetes-list-type", VALIDATIONS,
)  # fmt: skip
_DROPPED = {
    "title", "examples", "default", "required", "properties", "items", "additionalProperties", "anyOf",
    "const", "exclusiveMinimum", "exclusiveMaximum", LATER_KEY, PRESERVE, INT_OR_STRING,
}  # fmt: skip
_INT32 = 2**31 - 1


class CompileError(ValueError):
    """A model that has no structural schema; the message names the path and what to change."""


@dataclass(frozen=True, slots=True)
class Compiler:
    """Rewrites the JSON schema of one model.

    Attributes:
        definitions: the `$defs` that references point to.
        defaults: whether defaults are kept; those inside list items never are.
        later: whether fields that are marked as coming later are kept (the reference page lists them).
    """

    definitions: Schema
    defaults: bool = True
    later: bool = False

    def structural(self, node: Schema, path: str, *, in_list: bool = False) -> Schema:
        """Rewrite `node`, found at `path`, below a list or not."""
        node = self._inlined(node, path)
        unknown = node.keys() - set(_HANDED_ON) - _DROPPED
        if unknown:
            raise CompileError(f"{path}: Kubernetes has no {', '.join(sorted(unknown))} in a structural schema")
        result = {key: node[key] for key in _HANDED_ON if key in node}
        result |= _bounds(node)
        if "const" in node:
            result |= {"type": "string", "enum": [node["const"]]}
        if "description" in result:
            result["description"] = " ".join(result["description"].split())
        if self.defaults and not in_list and node.get("default") is not None:
            result["default"] = node["default"]
        if node.get(INT_OR_STRING):
            return result | {INT_OR_STRING: True, "anyOf": [{"type": "integer"}, {"type": "string"}]}
        result |= self._shape(node, path, in_list=in_list)
        _require_bounds(result, path)
        return result

    def _inlined(self, node: Schema, path: str) -> Schema:
        if "$ref" in node:
            siblings = {key: value for key, value in node.items() if key != "$ref"}
            target = self.definitions[node["$ref"].removeprefix("#/$defs/")]
            return self._inlined(_merged(target, siblings), path)
        branches = [branch for branch in node.get("anyOf", []) if branch.get("type") != "null"]
        if not branches or node.get(INT_OR_STRING):
            return node
        siblings = {key: value for key, value in node.items() if key != "anyOf"}
        if sorted(branch.get("type", "") for branch in branches) == ["integer", "string"]:
            return siblings | {INT_OR_STRING: True}
        if len(branches) > 1:
            raise CompileError(f"{path}: a structural schema has no unions; write one type and a `type` field")
        return self._inlined(_merged(branches[0], siblings), path)

    def _shape(self, node: Schema, path: str, *, in_list: bool) -> Schema:
        kind = node.get("type")
        if kind is None and "const" not in node:
            return {PRESERVE: True}
        if kind == "array":
            return {"items": self.structural(node["items"], f"{path}[]", in_list=True)}
        if kind == "integer":
            wide = node.get("maximum", 0) > _INT32
            return {"format": "int64" if wide else "int32"}
        return self._object(node, path, in_list=in_list) if kind == "object" else {}

    def _object(self, node: Schema, path: str, *, in_list: bool) -> Schema:
        if "properties" in node:
            kept = {PRESERVE: True} if node.get(PRESERVE) else {}
            return self._properties(node, path, in_list=in_list) | kept
        values = node.get("additionalProperties", True)
        if values is True:
            return {PRESERVE: True}
        return {"additionalProperties": self.structural(values, f"{path}{{}}", in_list=True)}

    def _properties(self, node: Schema, path: str, *, in_list: bool) -> Schema:
        fields = dict(self._kept(node["properties"]))
        result: Schema = {
            "properties": {
                name: self.structural(field, f"{path}.{name}".lstrip("."), in_list=in_list)
                for name, field in fields.items()
            }
        }
        required = [name for name in node.get("required", []) if name in fields]
        return result | ({"required": required} if required else {})

    def _kept(self, fields: Schema) -> Iterator[tuple[str, Schema]]:
        return ((name, field) for name, field in fields.items() if self.later or not field.get(LATER_KEY))


def compile_model(model: type[BaseModel], *, defaults: bool = True, later: bool = False) -> Schema:
    """Compile `model` into a structural schema.

    Args:
        model: the pydantic model.
        defaults: keep the fields' constant defaults (never inside list items).
        later: keep the fields that are marked as coming later.

    Raises:
        CompileError: if Kubernetes has no such schema, or a field has no bound.
    """
    schema = model.model_json_schema(by_alias=True, mode="validation")
    definitions = schema.pop("$defs", {})
    return Compiler(definitions, defaults=defaults, later=later).structural(schema, "")


def _merged(target: Schema, siblings: Schema) -> Schema:
    merged = target | siblings
    rules = [*target.get(VALIDATIONS, []), *siblings.get(VALIDATIONS, [])]
    return merged | ({VALIDATIONS: rules} if rules else {})


def _bounds(node: Schema) -> Schema:
    result: Schema = {}
    for side in ("Minimum", "Maximum"):
        if f"exclusive{side}" in node:
            result |= {side.lower(): node[f"exclusive{side}"], f"exclusive{side}": True}
    return result


def _require_bounds(schema: Schema, path: str) -> None:
    kind = schema.get("type")
    bounded = {
        "string": "maxLength" in schema or "enum" in schema or schema.get("format") == "date-time",
        "array": "maxItems" in schema,
        "object": "additionalProperties" not in schema or "maxProperties" in schema,
    }
    if kind in bounded and not bounded[kind]:
        raise CompileError(f"{path or 'the root'}: {kind} without a bound; CEL and etcd pay for its largest size")

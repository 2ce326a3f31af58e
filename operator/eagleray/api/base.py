"""What every API model is built from: the base class, marks for the CRD compiler, and shared field types."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar, TypeVar

from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    PlainSerializer,
    WithJsonSchema,
)
from pydantic.alias_generators import to_camel
from pydantic.fields import FieldInfo
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from eagleray.api.units import DURATION_PATTERN, QUANTITY_PATTERN

T = TypeVar("T")

OBJECT_NAME = r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"
"""The name of an object of Kubernetes."""
IMPORT_PATH = r"^[A-Za-z_][A-Za-z0-9_]*([.][A-Za-z_][A-Za-z0-9_]*)*:[A-Za-z_][A-Za-z0-9_.]*$"
"""A name in a module, as `module:name`."""
VALIDATIONS = "x-kubernetes-validations"
LATER_KEY = "x-eagleray-later"


@dataclass(frozen=True, slots=True)
class Rule:
    """A CEL rule of the CRD.

    Attributes:
        cel: the expression; `self` is the value it is attached to.
        message: the sentence `kubectl` prints; it says what to write instead.
        field_path: path below the value that the error names, such as `.app`; empty for the value itself.
        python: the same predicate on the parsed model, for objects that were stored past the CRD; optional.
    """

    cel: str
    message: str
    field_path: str = ""
    python: Callable[[Any], bool] | None = None

    def as_validation(self) -> dict[str, str]:
        """Give the entry of `x-kubernetes-validations`."""
        entry = {"rule": self.cel, "message": self.message}
        return entry | ({"fieldPath": self.field_path} if self.field_path else {})

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Check the Python predicate of a rule that annotates a field."""
        inner = handler(source)
        return inner if self.python is None else core_schema.no_info_after_validator_function(self.check, inner)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Attach the rule to the schema of the field that it annotates."""
        json_schema = handler(schema)
        json_schema.setdefault(VALIDATIONS, []).append(self.as_validation())
        return json_schema

    def check(self, value: T) -> T:
        """Return `value` if the rule holds.

        Raises:
            ValueError: with the rule's sentence.
        """
        if self.python is not None and not self.python(value):
            raise ValueError(self.message)
        return value


def matches(pattern: str, message: str) -> Rule:
    """Make the rule that a string matches `pattern`, a regular expression that RE2 and Python read alike."""
    quoted = pattern.replace("\\", "\\\\").replace("'", "\\'")
    compiled = re.compile(pattern)
    return Rule(f"self.matches('{quoted}')", message, python=lambda value: compiled.search(value) is not None)


def count_or_share(what: str) -> Rule:
    """Make the rule that a value is a number, or a share in percent; `what` says of what, and names the field."""
    compiled = re.compile(COUNT_OR_SHARE)
    message = f"write {what} such as 2, or a share of them such as 25%"
    return Rule(f"string(self).matches('{COUNT_OR_SHARE}')", message, python=lambda t: compiled.search(t) is not None)


class ApiModel(BaseModel):
    """Base of every API model: frozen, camelCase on the wire, tolerant of fields of a newer operator."""

    model_config = ConfigDict(
        frozen=True,
        alias_generator=to_camel,
        populate_by_name=True,
        extra="ignore",
        use_attribute_docstrings=True,
        protected_namespaces=(),
    )

    cel_rules: ClassVar[tuple[Rule, ...]] = ()
    """Rules across the fields of the model."""

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Check the Python predicates of the model's rules after its fields."""
        return core_schema.no_info_after_validator_function(cls._check_rules, handler(source))

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Attach the model's rules to its schema."""
        json_schema = handler(schema)
        if cls.cel_rules:
            target = handler.resolve_ref_schema(json_schema)
            target[VALIDATIONS] = [rule.as_validation() for rule in cls.cel_rules]
        return json_schema

    @classmethod
    def _check_rules(cls, value: T) -> T:
        for rule in cls.cel_rules:
            rule.check(value)
        return value


Later: FieldInfo = Field(json_schema_extra={LATER_KEY: True})
"""Marks a field whose behaviour is still to come: typed and documented here, left out of the CRD, so that
`kubectl` refuses it by name."""


@dataclass(frozen=True, slots=True)
class MapList:
    """Marks a list as a map-list: server-side apply merges its items by their keys, which differ.

    Attributes:
        keys: attributes that tell the items apart.
    """

    keys: tuple[str, ...]

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Check that no two items have the same keys."""
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Name the keys in the list's schema."""
        marks = {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": [to_camel(key) for key in self.keys]}
        return handler(schema) | marks

    def _check(self, items: list[object] | None) -> list[object] | None:
        seen: set[tuple[object, ...]] = set()
        for item in items or []:
            key = tuple(item.get(to_camel(k)) if isinstance(item, dict) else getattr(item, k) for k in self.keys)
            if key in seen:
                raise ValueError(f"two items are called {', '.join(map(str, key))}; write each name once")
            seen.add(key)
        return items


def map_list(*keys: str) -> MapList:
    """Mark a list as a map-list by `keys`."""
    return MapList(keys)


def in_seconds(value: datetime) -> str:
    """Write a moment as Kubernetes does, with whole seconds in UTC; one without a time zone is taken for local time."""
    return value.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


Timestamp = Annotated[AwareDatetime, PlainSerializer(in_seconds, when_used="json")]
"""A moment, written with whole seconds in UTC as Kubernetes does."""

Duration = Annotated[
    str,
    Field(max_length=24),
    matches(DURATION_PATTERN, "write a duration as a number and a unit, such as 50ms, 10s, 5m or 1h30m"),
]
"""A duration such as `50ms`, `10s`, `5m` or `1h30m`."""

PositiveDuration = Annotated[
    Duration,
    matches("[1-9]", "write a duration above zero, such as 50ms, 10s, 5m or 1h"),
]
"""A duration above zero."""

COUNT_OR_SHARE = r"^[0-9]{1,4}%?$"
# Without a length the API server counts on texts of megabytes, and rules inside versions cost more than it allows.
INT_OR_STRING = {
    "anyOf": [{"type": "integer"}, {"type": "string"}],
    "x-kubernetes-int-or-string": True,
    "maxLength": 32,
}


def quantity_text(value: object) -> object:
    """Turn a number of an int-or-string field into its text."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return f"{value:g}" if isinstance(value, float) else str(value) if is_number else value


Quantity = Annotated[
    str,
    WithJsonSchema(INT_OR_STRING),
    Rule(
        "isQuantity(string(self)) && !string(self).startsWith('-')",
        "write a quantity as Kubernetes does, such as 500m, 2 or 1Gi",
        python=lambda text: re.fullmatch(QUANTITY_PATTERN, text) is not None,
    ),
    BeforeValidator(quantity_text),
]
"""A quantity as Kubernetes writes it: `500m`, `2`, `1Gi`; whole numbers need no quotes."""

Preserved = Annotated[dict[str, Any], Field(json_schema_extra={"x-kubernetes-preserve-unknown-fields": True})]
"""An object of a Kubernetes type that is handed through as it is."""

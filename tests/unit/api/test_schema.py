from enum import StrEnum
from typing import Annotated, Any, Literal

import pytest
from pydantic import Field, JsonValue

from eagleray.api.base import ApiModel, Duration, Later, Preserved, Quantity, Rule, Timestamp, map_list, matches
from eagleray.api.crd.schema import CompileError, compile_model


class Colour(StrEnum):
    RED = "Red"
    BLUE = "Blue"


class Inner(ApiModel):
    """An inner   object,
    told in two lines.
    """  # noqa: D205  (the compiler joins the lines)

    cel_rules = (Rule("self.size > 0", "write a size", field_path=".size"),)

    size: int = Field(3, ge=0, le=2**40)
    """Its size."""
    name: str = Field(max_length=5)
    """Its name."""


def schema_of(annotation: object, default: object = ...) -> dict[str, Any]:
    fields: dict[str, Any] = {"__annotations__": {"field": annotation}, "__module__": __name__}
    if default is not ...:
        fields["field"] = default
    compiled = compile_model(type("Probe", (ApiModel,), fields))
    field: dict[str, Any] = compiled["properties"]["field"]
    return field


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        pytest.param(bool, {"type": "boolean"}, id="boolean"),
        pytest.param(int, {"type": "integer", "format": "int32"}, id="integer"),
        pytest.param(
            Annotated[int, Field(le=2**40)],
            {"type": "integer", "format": "int64", "maximum": 2**40},
            id="wide integer",
        ),
        pytest.param(
            Annotated[float, Field(gt=0, lt=1)],
            {"type": "number", "minimum": 0, "exclusiveMinimum": True, "maximum": 1, "exclusiveMaximum": True},
            id="exclusive bounds",
        ),
        pytest.param(
            Annotated[str, Field(max_length=9)] | None, {"type": "string", "maxLength": 9}, id="null is dropped"
        ),
        pytest.param(Literal["a"], {"type": "string", "enum": ["a"]}, id="const"),
        pytest.param(Literal["a", "b"], {"type": "string", "enum": ["a", "b"]}, id="literals"),
        pytest.param(Timestamp, {"type": "string", "format": "date-time"}, id="time"),
        pytest.param(JsonValue, {"x-kubernetes-preserve-unknown-fields": True}, id="anything"),
        pytest.param(
            Preserved, {"type": "object", "x-kubernetes-preserve-unknown-fields": True}, id="preserved object"
        ),
        pytest.param(
            Annotated[dict[str, bool], Field(max_length=4)],
            {"type": "object", "additionalProperties": {"type": "boolean"}, "maxProperties": 4},
            id="map",
        ),
        pytest.param(
            int | str,
            {"anyOf": [{"type": "integer"}, {"type": "string"}], "x-kubernetes-int-or-string": True},
            id="int or string",
        ),
        pytest.param(
            Annotated[str, Field(max_length=9), matches(r"^\d'$", "write it so")],
            {
                "type": "string",
                "maxLength": 9,
                "x-kubernetes-validations": [{"rule": r"self.matches('^\\d\'$')", "message": "write it so"}],
            },
            id="rule of a field",
        ),
        pytest.param(
            Inner | None,
            {
                "type": "object",
                "description": "An inner object, told in two lines.",
                "properties": {
                    "size": {
                        "type": "integer",
                        "format": "int64",
                        "minimum": 0,
                        "maximum": 2**40,
                        "default": 3,
                        "description": "Its size.",
                    },
                    "name": {"type": "string", "maxLength": 5, "description": "Its name."},
                },
                "required": ["name"],
                "x-kubernetes-validations": [
                    {"rule": "self.size > 0", "message": "write a size", "fieldPath": ".size"}
                ],
            },
            id="inner object is inlined with its rules",
        ),
    ],
)
def test_compiled(annotation: object, expected: dict[str, Any]) -> None:
    assert schema_of(annotation) == expected


def test_an_enum_is_a_string() -> None:
    compiled = schema_of(Colour)
    assert (compiled["type"], compiled["enum"]) == ("string", ["Red", "Blue"])


def test_a_quantity_is_an_integer_or_a_string_with_a_rule() -> None:
    compiled = schema_of(Quantity)
    assert compiled["x-kubernetes-int-or-string"] is True
    assert compiled["anyOf"] == [{"type": "integer"}, {"type": "string"}]
    assert "isQuantity" in compiled["x-kubernetes-validations"][0]["rule"]


def test_map_lists_name_their_keys_and_items_have_no_defaults() -> None:
    compiled = schema_of(Annotated[list[Inner], Field(max_length=3), map_list("name")])
    assert compiled["x-kubernetes-list-type"] == "map"
    assert compiled["x-kubernetes-list-map-keys"] == ["name"]
    assert "default" not in compiled["items"]["properties"]["size"]


@pytest.mark.parametrize("default", [None, ...])
def test_no_default_is_written_for_null(default: object) -> None:
    assert "default" not in schema_of(bool | None, default)


def test_constant_defaults_are_kept() -> None:
    assert schema_of(int, 7)["default"] == 7


@pytest.mark.parametrize(
    ("annotation", "told"),
    [
        (str, "field: string without a bound"),
        (list[int], "field: array without a bound"),
        (dict[str, int], "field: object without a bound"),
        (int | bool, "no unions"),
        (Annotated[tuple[int, int], Field(max_length=2)], "Kubernetes has no prefixItems"),
        (Annotated[set[int], Field(max_length=2)], "Kubernetes has no uniqueItems"),
        (dict[Annotated[str, Field(pattern="a")], int], "Kubernetes has no p"),
    ],
)
def test_what_kubernetes_has_not_is_refused_with_its_path(annotation: object, told: str) -> None:
    with pytest.raises(CompileError, match=told):
        schema_of(annotation)


class Half(ApiModel):
    """Working and coming fields."""

    now: bool
    """Works."""
    then: Annotated[Inner | None, Later] = None
    """Comes later."""
    soon: Annotated[Duration | None, Later] = None
    """Comes later."""


def test_fields_that_come_later_are_left_out_unless_asked_for() -> None:
    assert [*compile_model(Half)["properties"]] == ["now"]
    assert [*compile_model(Half, later=True)["properties"]] == ["now", "then", "soon"]

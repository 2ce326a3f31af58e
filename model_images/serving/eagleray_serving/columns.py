"""Columns of a table: the type that a model declares for each, and how what was sent is checked and held in it.

A column's type is decided once, when the model is loaded. What a batch holds never decides it: so the answer to a row
does not depend on the rows beside it.
"""

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import numpy as np

from eagleray_serving.errors import InvalidInputError
from eagleray_serving.tensors import Array, fit, of_objects, whole_numbers


class Kind(StrEnum):
    """What a column holds."""

    NUMBER = "number"
    INTEGER = "whole number"
    BOOLEAN = "boolean"
    STRING = "string"
    DATETIME = "date or time in ISO 8601"
    ANY = "value"


class Missing(StrEnum):
    """What stands for a missing value where the model is given a column, and whether it takes one at all."""

    NAN = "NaN"
    NONE = "None"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Column:
    """A column that the model was trained on.

    Args:
        name: The column's name, or its position as text when the model was trained without names.
        kind: What values it takes.
        values: The only values that the model knows, where it refuses others.
        required: False when the model drops the column, so that rows may leave it out.
        missing: What a null becomes.
        width: The type of its numbers, where it is not its kind's own.
        categories: The categories of pandas that it held when the model was trained, in the order of their codes.
    """

    name: str
    kind: Kind = Kind.ANY
    values: frozenset[Any] | None = None
    required: bool = True
    missing: Missing = Missing.NAN
    width: np.dtype[Any] | None = None
    categories: tuple[Any, ...] = ()

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the array that holds it."""
        return _DTYPES[self.kind] if self.width is None else self.width


_DTYPES: dict[Kind, np.dtype[Any]] = {
    Kind.NUMBER: np.dtype(np.float64),
    Kind.INTEGER: np.dtype(np.int64),
    Kind.BOOLEAN: np.dtype(np.bool_),
    Kind.STRING: np.dtype(object),
    Kind.DATETIME: np.dtype("datetime64[us]"),
    Kind.ANY: np.dtype(object),
}
_KINDS = {
    "f": Kind.NUMBER,
    "i": Kind.INTEGER,
    "u": Kind.INTEGER,
    "b": Kind.BOOLEAN,
    "M": Kind.DATETIME,
    "U": Kind.STRING,
    "S": Kind.STRING,
    "T": Kind.STRING,
}


def column_of(name: str, dtype: Any, **more: Any) -> Column:  # noqa: ANN401 - what numpy takes for a type
    """The column of a type of numpy; a type of text is text, and any that is not known is any.

    Args:
        name: Its name.
        dtype: Its type.
        more: Further members of the column.
    """
    dtype = np.dtype(dtype)
    kind = _KINDS.get(dtype.kind, Kind.ANY)
    numbers = dtype.kind in "fiu" and dtype != _DTYPES[kind]
    return Column(name, kind, width=dtype if numbers else None, **more)


def kind_of_values(values: Sequence[Any]) -> Kind:
    """The kind that holds each of some values of Python, of which none is missing."""
    kinds = {_kind_of(value) for value in values}
    if kinds == {Kind.NUMBER, Kind.INTEGER}:
        return Kind.NUMBER
    return kinds.pop() if len(kinds) == 1 else Kind.ANY


def _kind_of(value: object) -> Kind:
    return Kind.STRING if isinstance(value, str) else _KINDS.get(np.asarray(value).dtype.kind, Kind.ANY)


def told_both(first: Column, second: Column) -> Column:
    """One column of what two that read it say: what is known of it where one does not know, and both of its demands."""
    kinds = {first.kind, second.kind} - {Kind.ANY}
    if kinds in ({Kind.NUMBER, Kind.INTEGER}, {Kind.NUMBER, Kind.BOOLEAN}):  # a number is read from these as well
        kinds -= {Kind.NUMBER}
    kind = kinds.pop() if len(kinds) == 1 else Kind.ANY
    values = first.values if second.values is None else second.values & (first.values or second.values)
    refused_first = (Missing.REFUSED, Missing.NONE, Missing.NAN)
    return replace(
        first,
        kind=kind,
        values=values,
        required=first.required or second.required,
        missing=min(first.missing, second.missing, key=refused_first.index),
        width=first.width or second.width,
        categories=first.categories or second.categories,
    )


def hold(values: Sequence[Any] | Array, column: Column) -> Array:
    """One column of a request, in the type that the model declares.

    Args:
        values: What was sent, one value a row: as JSON has them, or one array of numbers.
        column: What the model takes.

    Returns:
        One axis of ``column.dtype``. Whole numbers and booleans of which some are missing are objects.

    Raises:
        InvalidInputError: Naming the row and the column.
    """
    if isinstance(values, np.ndarray) and values.dtype.kind in "biuf":
        if column.kind in _NUMBERS and not _some_missing(values, column):
            found = fit(values, column.dtype, column.name)
            _check_known(values.tolist() if column.values is not None else (), column)
            return found
        values = [None if value != value else value for value in values.tolist()]  # noqa: PLR0124 - NaN is not itself
    listed = values if isinstance(values, list) else list(values)
    _check_types(listed, column)
    _check_known(listed, column)
    return _HOLD[column.kind](listed, column)


_NUMBERS = frozenset({Kind.NUMBER, Kind.INTEGER, Kind.BOOLEAN})


def _some_missing(values: Array, column: Column) -> bool:
    marked = values.dtype.kind == "f" and (column.kind is not Kind.NUMBER or column.missing is not Missing.NAN)
    return bool(marked and np.isnan(values).any())


def _check_types(values: list[Any], column: Column) -> None:
    found = set(map(type, values))
    allowed = _TYPES[column.kind]
    if found <= allowed and (column.missing is not Missing.REFUSED or type(None) not in found):
        return
    for row, value in enumerate(values):
        if value is None and column.missing is Missing.REFUSED:
            raise InvalidInputError(f"expected a {column.kind}; the model takes no null", field=column.name, row=row)
        if type(value) not in allowed:
            raise InvalidInputError(f"expected {_wanted(column)}, got {describe(value)}", field=column.name, row=row)


def _wanted(column: Column) -> str:
    return "one value" if column.kind is Kind.ANY else f"a {column.kind}"


def _check_known(values: Sequence[Any], column: Column) -> None:
    if column.values is None or column.values.issuperset(set(values) - {None}):
        return
    row, value = next((row, each) for row, each in enumerate(values) if each is not None and each not in column.values)
    known = ", ".join(sorted(map(str, column.values))[:20])
    raise InvalidInputError(f"the model knows only {known}; got {value!r}", field=column.name, row=row)


def _numbers(values: list[Any], column: Column) -> Array:
    try:
        found = np.array(values, dtype=np.float64)  # None becomes NaN
    except OverflowError:
        row = next(row for row, value in enumerate(values) if isinstance(value, int) and abs(value) > _LARGEST)
        raise InvalidInputError("a number is too large for float64", field=column.name, row=row) from None
    return fit(found, column.dtype, column.name)


_LARGEST = int(np.finfo(np.float64).max)


def _integers(values: list[Any], column: Column) -> Array:
    if set(map(type, values)) == {int}:
        with contextlib.suppress(OverflowError):  # whose row is looked for below
            return np.array(values, dtype=column.dtype)
    whole = [int(value) if isinstance(value, float) and value.is_integer() else value for value in values]
    bounds = np.iinfo(column.dtype)
    for row, value in enumerate(whole):
        if value is not None and (isinstance(value, float) or not bounds.min <= value <= bounds.max):
            raise InvalidInputError(whole_numbers(column.dtype), field=column.name, row=row)
    return _marked(whole, column)


def _marked(values: list[Any], column: Column) -> Array:
    """The values in the column's type, or as objects with the mark where one is missing."""
    if None in values:
        mark = None if column.missing is Missing.NONE else np.nan
        return of_objects([mark if value is None else value for value in values], (len(values),))
    return of_objects(values, (len(values),)) if column.dtype == object else np.array(values, dtype=column.dtype)


def _times(values: list[Any], column: Column) -> Array:
    found = []
    for row, value in enumerate(values):
        try:
            time = None if value is None else datetime.fromisoformat(value)
        except ValueError:
            told = f"expected a {Kind.DATETIME}, such as 2026-01-31T12:00:00Z, got {value!r}"
            raise InvalidInputError(told, field=column.name, row=row) from None
        found.append(time.astimezone(UTC).replace(tzinfo=None) if time is not None and time.tzinfo else time)
    return np.array(found, dtype=column.dtype)  # None becomes NaT


_TYPES: dict[Kind, frozenset[type]] = {
    kind: frozenset({type(None), *types})
    for kind, types in {
        Kind.NUMBER: (int, float, bool),
        Kind.INTEGER: (int, float, bool),
        Kind.BOOLEAN: (bool,),
        Kind.STRING: (str,),
        Kind.DATETIME: (str,),
        Kind.ANY: (int, float, bool, str),
    }.items()
}
_HOLD: dict[Kind, Callable[[list[Any], Column], Array]] = {
    Kind.NUMBER: _numbers,
    Kind.INTEGER: _integers,
    Kind.BOOLEAN: _marked,
    Kind.STRING: _marked,
    Kind.DATETIME: _times,
    Kind.ANY: _marked,
}


def describe(value: object) -> str:
    """The JSON type of a value, with an article."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    names = {dict: "an object", list: "a list", str: "a string", int: "a number", float: "a number"}
    return names.get(type(value), f"a {type(value).__name__}")

"""Rows of a request: checked against what the model was trained on, held as one array."""

from collections.abc import Collection, Hashable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self

import numpy as np

from eagleray_serving.errors import InvalidInputError
from eagleray_serving.tensors import Array, Tensor, parse_tensor


class Kind(StrEnum):
    """What a column holds."""

    NUMBER = "number"
    STRING = "string"
    ANY = "any"


@dataclass(frozen=True, slots=True)
class Column:
    """A column that the model was trained on.

    Args:
        name: The column's name, or its position as text when the model was trained without names.
        kind: What values it takes.
        values: The only values that the model knows, where it refuses others.
        required: False when the model drops the column, so that rows may leave it out.
    """

    name: str
    kind: Kind = Kind.ANY
    values: frozenset[Any] | None = None
    required: bool = True


@dataclass(frozen=True, slots=True)
class Signature:
    """What a model takes.

    Args:
        columns: The columns in training order; None when the model does not say.
        named: Whether rows may be objects, and the model is given a frame with column names.
        text: Whether a row is one string instead of a list of values.
        tensors: What a row is where it is no list of columns: one tensor, or one of each.
    """

    columns: tuple[Column, ...] | None
    named: bool = False
    text: bool = False
    tensors: tuple[Tensor, ...] = ()

    @property
    def vague(self) -> bool:
        """Whether the model does not say what it takes."""
        return self.columns is None and not self.text and all(tensor.shape is None for tensor in self.tensors)

    @property
    def numeric(self) -> bool:
        """Whether every column takes numbers only."""
        return self.columns is not None and all(column.kind is Kind.NUMBER for column in self.columns)


@dataclass(frozen=True, slots=True)
class Rows:
    """Checked rows.

    Args:
        values: float64 when all columns are numbers, else object; two dimensions. A missing value is NaN/None.
            Where rows are tensors: the first of them, in the model's own type.
        names: Column names, when the model is to be given a frame.
        more: The further tensors, where a row is several.
    """

    values: Array
    names: tuple[str, ...] | None = None
    more: tuple[Array, ...] = ()

    @property
    def tensors(self) -> tuple[Array, ...]:
        """The tensors in the signature's order, where rows are tensors."""
        return self.values, *self.more

    @property
    def layout(self) -> Hashable:
        """Rows of equal layout can be put into one batch."""
        return self.names, tuple((tensor.shape[1:], tensor.dtype.kind) for tensor in self.tensors)

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, rows: slice) -> Self:
        return type(self)(self.values[rows], self.names, tuple(tensor[rows] for tensor in self.more))

    @staticmethod
    def join(parts: "Sequence[Rows]") -> "Rows":
        """One batch of several requests with equal layout."""
        if len(parts) == 1:
            return parts[0]
        values, *more = (np.concatenate(each) for each in zip(*(part.tensors for part in parts), strict=True))
        return Rows(values, parts[0].names, tuple(more))


def parse_rows(instances: object, signature: Signature, *, field: str = "instances") -> Rows:
    """Check rows against the model's signature.

    Args:
        instances: What the request holds: a list of rows, each a list of values, an object, a tensor or an object of
            several, or, for a model that reads text, one string.
        signature: What the model takes.
        field: The JSON member that held the rows, for messages.

    Raises:
        InvalidInputError: Naming the row and the field.
    """
    if not isinstance(instances, list):
        raise InvalidInputError(f"expected a list of rows, got {describe(instances)}", field=field)
    if not instances:
        raise InvalidInputError("expected at least one row, got an empty list", field=field)
    if signature.text:
        return _text_rows(instances)
    if len(signature.tensors) > 1:
        return _tensor_rows(instances, signature.tensors)
    if signature.tensors:
        return Rows(parse_tensor(instances, signature.tensors[0]))
    if isinstance(instances[0], dict):
        return _named_rows(instances, signature)
    return _listed_rows(instances, signature)


def check_values(values: Array, signature: Signature) -> Rows:
    """Check the values of a rectangular array against the signature's columns and choose how to hold them.

    Raises:
        InvalidInputError: Naming the row and the field.
    """
    columns = signature.columns
    if columns is None:
        return Rows(_as_numbers(values) if values.dtype.kind in "biuf" else values)
    names = tuple(column.name for column in columns) if signature.named else None
    if values.dtype.kind in "biuf" and signature.numeric:
        return Rows(_as_numbers(values), names)
    values = values.astype(object)
    for position, column in enumerate(columns):
        _check_column(values[:, position], column)
    return Rows(_as_numbers(values) if signature.numeric else values, names)


def describe(value: object) -> str:
    """The JSON type of a value, with an article."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    names = {dict: "an object", list: "a list", str: "a string", int: "a number", float: "a number"}
    return names.get(type(value), f"a {type(value).__name__}")


def _text_rows(instances: list[Any]) -> Rows:
    for row, value in enumerate(instances):
        if not isinstance(value, str):
            raise InvalidInputError(f"expected a string (the model reads text), got {describe(value)}", row=row)
    values = np.empty((len(instances), 1), dtype=object)
    values[:, 0] = instances
    return Rows(values)


def _tensor_rows(instances: list[Any], tensors: tuple[Tensor, ...]) -> Rows:
    names = [tensor.name for tensor in tensors]
    for row, instance in enumerate(instances):
        if not isinstance(instance, dict):
            raise InvalidInputError(f"expected an object of {', '.join(names)}, got {describe(instance)}", row=row)
        check_names(instance, names, row)
    values, *more = (parse_tensor([row[each.name] for row in instances], each, each.name) for each in tensors)
    return Rows(values, more=tuple(more))


def check_names(found: Collection[str], names: Sequence[str], row: int | None = None) -> None:
    """Check that each tensor of a model is there, and nothing else.

    Raises:
        InvalidInputError: Naming the tensor.
    """
    for name in names:
        if name not in found:
            raise InvalidInputError(f"the tensor is missing; the model takes {', '.join(names)}", field=name, row=row)
    for name in found:
        if name not in names:
            raise InvalidInputError(f"no such tensor; the model takes {', '.join(names)}", field=name, row=row)


def _named_rows(instances: list[Any], signature: Signature) -> Rows:
    if signature.columns is not None and not signature.named:
        raise InvalidInputError("the model was trained without column names; send each row as a list of values", row=0)
    columns = signature.columns
    if columns is None:
        columns = tuple(Column(str(name)) for name in instances[0])
    names = tuple(column.name for column in columns)
    optional = {column.name for column in columns if not column.required}
    values = np.empty((len(instances), len(names)), dtype=object)
    for row, instance in enumerate(instances):
        if not isinstance(instance, dict):
            raise InvalidInputError(f"expected an object like row 0, got {describe(instance)}", row=row)
        if not set(names) >= instance.keys() >= set(names) - optional:
            _refuse_columns(instance, names, optional, row)
        values[row] = [instance.get(name) for name in names]
    if signature.columns is None:
        return Rows(values, names)
    return check_values(values, signature)


def _refuse_columns(instance: dict[str, Any], names: tuple[str, ...], optional: set[str], row: int) -> None:
    expected = "expected " + ", ".join(names[:20]) + (", …" if len(names) > 20 else "")
    for name in names:
        if name not in instance and name not in optional:
            raise InvalidInputError(f"the column is missing; {expected}", field=name, row=row)
    unknown = next(name for name in instance if name not in names)
    raise InvalidInputError(f"the model knows no such column; {expected}", field=unknown, row=row)


def _listed_rows(instances: list[Any], signature: Signature) -> Rows:
    width = len(signature.columns) if signature.columns is not None else None
    if signature.numeric and (numbers := _plain_numbers(instances, width)) is not None:
        return check_values(numbers, signature)
    for row, instance in enumerate(instances):
        if not isinstance(instance, list):
            hint = "send each row as a list of values" + (" or an object" if signature.named or width is None else "")
            raise InvalidInputError(f"{hint}, got {describe(instance)}", row=row)
        width = len(instance) if width is None else width
        if len(instance) != width:
            raise InvalidInputError(f"expected {width} values, got {len(instance)}", row=row)
    if not width:
        raise InvalidInputError("expected at least one value, got an empty list", row=0)
    values = np.empty((len(instances), width), dtype=object)
    for row, instance in enumerate(instances):
        values[row] = instance
    return check_values(values, signature)


def _plain_numbers(instances: list[Any], width: int | None) -> Array | None:
    """The rows as one array, or None when something in them needs a closer look."""
    try:
        values = np.array(instances)
    except ValueError:  # ragged
        return None
    return values if values.ndim == 2 and values.shape[1] == width and values.dtype.kind in "biuf" else None


def _check_column(values: Array, column: Column) -> None:
    allowed = _TYPES[column.kind]
    if not set(map(type, values)) <= allowed:
        row = next(row for row, value in enumerate(values) if type(value) not in allowed)
        expected = "one value" if column.kind is Kind.ANY else f"a {column.kind}"
        raise InvalidInputError(f"expected {expected}, got {describe(values[row])}", field=column.name, row=row)
    if column.values is None:
        return
    for row, value in enumerate(values):
        if value is not None and value not in column.values:
            known = ", ".join(sorted(map(str, column.values))[:20])
            raise InvalidInputError(f"the model knows only {known}; got {value!r}", field=column.name, row=row)


def _as_numbers(values: Array) -> Array:
    return np.ascontiguousarray(values, dtype=np.float64)


_NULL = type(None)
_TYPES: dict[Kind, frozenset[type]] = {
    Kind.NUMBER: frozenset({int, float, bool, _NULL}),
    Kind.STRING: frozenset({str, _NULL}),
    Kind.ANY: frozenset({int, float, bool, str, _NULL}),
}

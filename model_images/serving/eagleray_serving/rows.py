"""Rows of a request: checked against what the model was trained on, held as one array or as one for each column."""

from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np

from eagleray_serving.columns import Column, Kind, Missing, describe, hold
from eagleray_serving.errors import InvalidInputError
from eagleray_serving.tensors import EXACT, Array, Tensor, check_names, fit, of_objects, parse_tensor

_ANY = Column("value")
_TEXT = "a string (the model reads text)"


@dataclass(frozen=True, slots=True)
class Signature:
    """What a model takes.

    Args:
        columns: The columns in training order; None when the model does not say.
        named: Whether rows may be objects, and the model is given a frame with column names.
        text: Whether a row is one string instead of a list of values.
        objects: Whether a row is an object of whatever members it has.
        tensors: What a row is where it is no list of columns: one tensor, or one of each.
        every: What each column is, where the model does not say how many there are.
        spaceless: Whether names have ``_`` where those of the training frame may have had spaces, which are taken too.

    Attributes:
        numeric: The type of numbers that every column holds; None where they differ, or hold something else.
    """

    columns: tuple[Column, ...] | None
    named: bool = False
    text: bool = False
    objects: bool = False
    tensors: tuple[Tensor, ...] = ()
    every: Column = _ANY
    spaceless: bool = False
    numeric: np.dtype[Any] | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Decide once what every request asks."""
        dtypes = {column.dtype if column.kind is Kind.NUMBER else None for column in self.columns or ()}
        object.__setattr__(self, "numeric", dtypes.pop() if len(dtypes) == 1 else None)

    @property
    def vague(self) -> bool:
        """Whether the model does not say what it takes."""
        told = self.columns is not None or self.text or self.objects
        return not told and all(tensor.shape is None for tensor in self.tensors)


@dataclass(frozen=True, slots=True)
class Rows:
    """Checked rows.

    Args:
        arrays: Of each the first axis counts rows. One for each column, in its type; or one matrix ``[rows, columns]``
            where all of them are numbers of one type; or, where rows have no columns, the tensors in the signature's
            order, or one axis of text or objects.
        columns: The columns; none where rows have none.
        named: Whether the model is to be given a frame with their names.
    """

    arrays: tuple[Array, ...]
    columns: tuple[Column, ...] = ()
    named: bool = False

    @property
    def matrix(self) -> Array | None:
        """The one array of all columns, where there is one."""
        first, *others = self.arrays
        return first if first.ndim == 2 and not others else None

    @property
    def layout(self) -> Hashable:
        """Rows of equal layout can be put into one batch."""
        return self.named, self.columns, tuple((array.shape[1:], array.dtype) for array in self.arrays)

    def column(self, place: int) -> Array:
        """The values of a column."""
        matrix = self.matrix
        return self.arrays[place] if matrix is None else matrix[:, place]

    def missing(self, row: int) -> str | None:
        """The name of the first column that the model reads and that misses a value in this row."""
        for place, column in enumerate(self.columns):
            value = self.column(place)[row]
            if column.required and (value is None or value != value):  # noqa: PLR0124 - NaN and NaT are not themselves
                return column.name
        return None

    def __len__(self) -> int:
        return len(self.arrays[0])

    def __getitem__(self, rows: Any) -> Self:  # noqa: ANN401 - a slice, or places as numpy takes them
        return type(self)(tuple(array[rows] for array in self.arrays), self.columns, self.named)

    @staticmethod
    def join(parts: "Sequence[Rows]") -> "Rows":
        """One batch of several requests with equal layout."""
        first = parts[0]
        if len(parts) == 1:
            return first
        arrays = tuple(np.concatenate(each) for each in zip(*(part.arrays for part in parts), strict=True))
        return Rows(arrays, first.columns, first.named)


def parse_rows(instances: object, signature: Signature, *, field: str = "instances") -> Rows:
    """Check rows against the model's signature.

    Args:
        instances: What the request holds: a list of rows, each a list of values, an object, a tensor or an object of
            several, or, for a model that reads text or does not say what it reads, one value.
        signature: What the model takes.
        field: The JSON member that held the rows, for messages.

    Raises:
        InvalidInputError: Naming the row and the field.
    """
    if not isinstance(instances, list):
        raise InvalidInputError(f"expected a list of rows, got {describe(instances)}", field=field)
    if not instances:
        raise InvalidInputError("expected at least one row, got an empty list", field=field)
    if signature.text or signature.objects:
        each = _each(instances, dict, "an object") if signature.objects else _each(instances, str, _TEXT)
        return Rows((each,))
    if signature.tensors:
        return _tensor_rows(instances, signature.tensors)
    if isinstance(instances[0], dict):
        return _named_rows(instances, signature)
    if signature.columns is None and not isinstance(instances[0], list):
        return of_values(instances, signature)
    return _listed_rows(instances, signature)


def of_values(values: Sequence[Any], signature: Signature) -> Rows:
    """Rows that are one value each, for a model that does not say what it takes.

    Raises:
        InvalidInputError: One is a list or an object, or another than every column holds, naming its row.
    """
    every = signature.every
    if every.kind is not Kind.ANY:
        return _held([values], (every,), named=False)
    return Rows((hold(values, replace(every, missing=Missing.NONE)),))


def of_matrix(values: Array, signature: Signature) -> Rows:
    """Check the values of a rectangular array against the signature's columns and choose how to hold them.

    Args:
        values: ``[rows, columns]``, of numbers or objects.
        signature: What the model takes: as many columns, or any.

    Raises:
        InvalidInputError: Naming the row and the field.
    """
    known = signature if signature.columns else replace(signature, columns=_placed(values.shape[1], signature))
    columns = known.columns or ()
    if signature.vague and signature.every.kind is Kind.ANY and _exact(values):
        return Rows((np.ascontiguousarray(values, dtype=np.float64),), columns)
    if (fitting := _fitting(values, known)) is not None:
        return fitting
    return _held([values[:, place] for place in range(len(columns))], columns, named=known.named)


def of_columns(values: Mapping[str, Sequence[Any] | Array], signature: Signature) -> Rows:
    """Rows that were sent a column at a time.

    Args:
        values: What each column holds, equally many values in all of them.
        signature: What the model takes: these columns, or any.

    Raises:
        InvalidInputError: Naming the column, and the row where there is one.
    """
    if signature.columns is None:
        columns = tuple(replace(signature.every, name=name) for name in values)
        return _held(list(values.values()), columns, named=True)
    given = {_name(name, signature): each for name, each in values.items()}
    _check_columns(given, signature)
    nothing = [None] * len(next(iter(given.values())))
    return _held([given.get(each.name, nothing) for each in signature.columns], signature.columns, named=True)


def _placed(count: int, signature: Signature) -> tuple[Column, ...]:
    """Columns that are called by their places."""
    return tuple(replace(signature.every, name=str(place)) for place in range(count))


def _exact(values: Array) -> bool:
    """Whether all are numbers that float64 holds as they are."""
    kind = values.dtype.kind
    return kind == "f" or (kind in "iu" and bool(((values <= EXACT) & (values >= -EXACT)).all()))


def _fitting(values: Array, signature: Signature) -> Rows | None:
    """A matrix of the columns' one type; None where there is none, or a closer look tells which column does not fit."""
    if signature.columns is None or signature.numeric is None or values.dtype.kind not in "biuf":
        return None
    try:
        return Rows((fit(values, signature.numeric, ""),), signature.columns, signature.named)
    except InvalidInputError:
        return None


def _held(values: Sequence[Sequence[Any] | Array], columns: tuple[Column, ...], *, named: bool) -> Rows:
    if not columns:
        raise InvalidInputError("expected at least one value, got none", row=0)
    arrays = [hold(each, column) for each, column in zip(values, columns, strict=True)]
    alike = Signature(columns).numeric is not None
    return Rows((np.column_stack(arrays),) if alike else tuple(arrays), columns, named)


def _each(instances: list[Any], wanted: type, told: str) -> Array:
    for row, value in enumerate(instances):
        if not isinstance(value, wanted):
            raise InvalidInputError(f"expected {told}, got {describe(value)}", row=row)
    return of_objects(instances, (len(instances),))


def _tensor_rows(instances: list[Any], tensors: tuple[Tensor, ...]) -> Rows:
    if len(tensors) == 1:
        return Rows((parse_tensor(instances, tensors[0]),))
    names = [tensor.name for tensor in tensors]
    for row, instance in enumerate(instances):
        if not isinstance(instance, dict):
            raise InvalidInputError(f"expected an object of {', '.join(names)}, got {describe(instance)}", row=row)
        check_names(instance, names, row)
    return Rows(tuple(parse_tensor([row[each.name] for row in instances], each, each.name) for each in tensors))


def _name(name: str, signature: Signature) -> str:
    return name.replace(" ", "_") if signature.spaceless else name


def _named_rows(instances: list[Any], signature: Signature) -> Rows:
    if signature.columns is not None and not signature.named:
        raise InvalidInputError("the model was trained without column names; send each row as a list of values", row=0)
    for row, instance in enumerate(instances):
        if not isinstance(instance, dict):
            raise InvalidInputError(f"expected an object like row 0, got {describe(instance)}", row=row)
    if signature.spaceless:
        instances = [{_name(name, signature): value for name, value in row.items()} for row in instances]
    columns = signature.columns or tuple(map(Column, instances[0]))
    optional = {column.name for column in columns if not column.required}
    names = {column.name for column in columns}
    for row, instance in enumerate(instances):
        if instance.keys() != names and not names >= instance.keys() >= names - optional:
            _check_columns(instance, Signature(columns), row)
    values = [[instance.get(column.name) for instance in instances] for column in columns]
    return _held(values, columns, named=True)


def _check_columns(found: Collection[str], signature: Signature, row: int | None = None) -> None:
    """Refuse what lacks a column, or has one that the model does not know."""
    columns = signature.columns or ()
    names = [column.name for column in columns]
    expected = "expected " + ", ".join(names[:20]) + (", …" if len(names) > 20 else "")
    for column in columns:
        if column.required and column.name not in found:
            raise InvalidInputError(f"the column is missing; {expected}", field=column.name, row=row)
    for name in found:
        if name not in names:
            raise InvalidInputError(f"the model knows no such column; {expected}", field=name, row=row)


def _listed_rows(instances: list[Any], signature: Signature) -> Rows:
    width = len(signature.columns) if signature.columns is not None else None
    if signature.numeric is not None and (numbers := _plain_numbers(instances, width)) is not None:
        return of_matrix(numbers, signature)
    for row, instance in enumerate(instances):
        if not isinstance(instance, list):
            hint = "send each row as a list of values" + (" or an object" if signature.named or width is None else "")
            raise InvalidInputError(f"{hint}, got {describe(instance)}", row=row)
        width = len(instance) if width is None else width
        if len(instance) != width:
            raise InvalidInputError(f"expected {width} values, got {len(instance)}", row=row)
    if not width:
        raise InvalidInputError("expected at least one value, got an empty list", row=0)
    columns = signature.columns or _placed(width, signature)
    return _held(list(zip(*instances, strict=True)), columns, named=signature.named)


def _plain_numbers(instances: list[Any], width: int | None) -> Array | None:
    """The rows as one array, or None when something in them needs a closer look."""
    try:
        values = np.array(instances)
    except ValueError:  # ragged
        return None
    return values if values.ndim == 2 and values.shape[1] == width and values.dtype.kind in "biuf" else None

"""Some rows of a file, and how they become what the server makes of a request with these rows."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Protocol, Self, TypeVar

import numpy as np

from eagleray_serving.batch.errors import BatchError
from eagleray_serving.columns import Column, Kind
from eagleray_serving.rows import Rows, Signature, of_columns, of_matrix, parse_rows
from eagleray_serving.tensors import Array

Item = TypeVar("Item")
_NUMBER = Column("", Kind.NUMBER)
TEXT = Column("", Kind.STRING)
"""The column of a model whose rows are one text each: one that is empty is a text too."""


class Chunk(Protocol):
    """Rows that follow each other in a file."""

    def __len__(self) -> int: ...

    def cut(self, start: int, stop: int) -> Self:
        """Those from one place to before another."""

    def rows(self, signature: Signature) -> Rows:
        """What a model is given.

        Raises:
            InvalidInputError: As for a request with these rows.
        """


def in_groups(items: Iterable[Item], most: int) -> Iterator[list[Item]]:
    """Items in lists of at most so many, each full but for the last."""
    left = iter(items)
    while group := list(islice(left, most)):
        yield group


class TableChunk(ABC):
    """Rows of a table, some columns of which the model is given.

    Args:
        given: Names of these columns, of `columns_given`.
    """

    def __init__(self, given: Sequence[str]) -> None:
        self.given = tuple(given)

    @abstractmethod
    def values(self, name: str, column: Column) -> Array:
        """The values of a column, as a request has them, or as one array of numbers.

        Args:
            name: The column.
            column: What the model takes there.

        Raises:
            InvalidInputError: One is none of this kind, naming its row.
        """

    def rows(self, signature: Signature) -> Rows:
        """See `Chunk`."""
        arrays = {name: self.values(name, _column(name, place, signature)) for place, name in enumerate(self.given)}
        first, *others = arrays.values()
        if not others and (signature.text or _is_nested(first) or _is_tensor(signature)):
            return parse_rows(first.tolist(), signature)
        if signature.objects or len(signature.tensors) > 1:
            listed = zip(*(values.tolist() for values in arrays.values()), strict=True)
            return parse_rows([_present(dict(zip(arrays, row, strict=True))) for row in listed], signature)
        if not _by_place(signature):
            return of_columns(arrays, signature)
        matrix = _matrix(list(arrays.values()))
        return parse_rows(matrix.tolist(), signature) if signature.tensors else of_matrix(matrix, signature)


def columns_given(names: Sequence[str], signature: Signature, chosen: Sequence[str]) -> tuple[str, ...]:
    """The columns of a table that a model is given; all others are carried to the output.

    Args:
        names: The columns of the table.
        signature: What the model takes.
        chosen: Those that the user names, in the model's order; none leaves it to the model.

    Raises:
        BatchError: One is missing, or the model does not say which.
    """
    if missing := [name for name in chosen if name not in names]:
        raise BatchError(f"there is no column '{missing[0]}' of --columns; there are: {_listed(names)}")
    found = tuple(chosen) or _known(names, signature)
    wanted = {spaceless(each.name, signature) for each in signature.columns or () if signature.named and each.required}
    if lacking := wanted - {spaceless(name, signature) for name in found}:
        raise BatchError(f"the column '{min(lacking)}' is missing, which the model takes; there are: {_listed(names)}")
    counts = _counts(signature)
    if counts and len(found) not in counts:
        told = " or ".join(str(count) for count in counts)
        message = f"the model takes {told} of the columns, and the file has {_listed(names)}"
        raise BatchError(f"{message}; name them, in the model's order, in --columns")
    return found


def _known(names: Sequence[str], signature: Signature) -> tuple[str, ...]:
    if signature.named and signature.columns is not None:
        known = {spaceless(column.name, signature) for column in signature.columns}
        return tuple(name for name in names if spaceless(name, signature) in known)
    tensors = [tensor.name for tensor in signature.tensors]
    return tuple(tensors) if tensors and set(tensors) <= set(names) else tuple(names)


def _counts(signature: Signature) -> tuple[int, ...]:
    """How many columns will do, where that is known: one may hold lists of as many values as a row has."""
    if signature.text:
        return (1,)
    if len(signature.tensors) == 1:
        sizes = signature.tensors[0].shape
        if sizes is None or sizes == (None,):
            return ()
        return (1, sizes[0] or 1) if len(sizes) == 1 else (1,)
    return (1, len(signature.columns or ())) if _by_place(signature) else ()


def _by_place(signature: Signature) -> bool:
    """Whether a row is a list of values, of a model that knows no names."""
    if signature.tensors:
        return len(signature.tensors) == 1 and len(signature.tensors[0].shape or (None,)) == 1
    return signature.columns is not None and not signature.named


def _is_tensor(signature: Signature) -> bool:
    """Whether a row is one tensor that is no list of values."""
    return len(signature.tensors) == 1 and not _by_place(signature)


def _is_nested(values: Array) -> bool:
    """Whether each value is a list: a row that has all values in one column."""
    return values.dtype == object and any(isinstance(value, list) for value in values)


def _column(name: str, place: int, signature: Signature) -> Column:
    if signature.columns is None:
        return _NUMBER if signature.tensors else TEXT if signature.text else signature.every
    if not signature.named:
        return signature.columns[place] if place < len(signature.columns) else signature.every
    by_name = {column.name: column for column in signature.columns}
    return by_name.get(spaceless(name, signature)) or signature.every


def spaceless(name: str, signature: Signature) -> str:
    """A column's name as the model has it."""
    return name.replace(" ", "_") if signature.spaceless else name


def _present(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row without what it misses."""
    return {name: value for name, value in row.items() if value is not None and value == value}  # noqa: PLR0124 - NaN


def _matrix(arrays: list[Array]) -> Array:
    """One array of all columns; objects where they differ in type, so that no number is changed."""
    alike = len({array.dtype for array in arrays}) == 1
    return np.column_stack(arrays if alike else [array.astype(object) for array in arrays])


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:20]) + (", …" if len(names) > 20 else "")

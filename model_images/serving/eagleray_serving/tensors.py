"""Rows that are tensors, such as images: checked against the one shape that the model takes."""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from eagleray_serving.errors import InvalidInputError

Array = npt.NDArray[Any]
"""Values of any type and shape."""
EXACT = 2**53
"""Up to here float64 holds every whole number."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """The one tensor that a model takes.

    Args:
        name: Its name in the model.
        dtype: Its type.
        shape: Sizes of a row, which the first axis of a batch counts, where None stands for any size; None where the
            model does not tell.
    """

    name: str
    dtype: np.dtype[Any]
    shape: tuple[int | None, ...] | None

    @classmethod
    def of_batch(cls, name: str, dtype: npt.DTypeLike, shape: Sequence[int]) -> Self:
        """The tensor of a batch's shape, whose first size counts rows and where a negative one stands for any."""
        return cls(name, np.dtype(dtype), tuple(None if size < 0 else int(size) for size in shape[1:]))


def whole_numbers(dtype: np.dtype[Any]) -> str:
    """What is expected where a type holds whole numbers only, for messages."""
    bounds = np.iinfo(dtype)
    return f"expected whole numbers from {bounds.min} to {bounds.max} ({dtype})"


def of_objects(values: Sequence[Any], shape: Sequence[int]) -> Array:
    """Values of any type in row-major order as an array, which holds each of them as it is."""
    found = np.empty(len(values), dtype=object)
    found[:] = values
    return found.reshape(shape)


def parse_tensor(instances: list[Any], tensor: Tensor, field: str | None = None) -> Array:
    """Nested lists as one batch.

    Args:
        instances: One entry per row, at least one.
        tensor: What the model takes.
        field: The member of each row that held it, for messages.

    Raises:
        InvalidInputError: Naming the row.
    """
    try:
        values = np.array(instances)
    except ValueError:  # ragged: a row alone tells more
        values = np.empty(0, dtype=object)
    if values.dtype.kind not in "biuf" or not _fits(values.shape[1:], tensor):
        for row, instance in enumerate(instances):
            _check_row(instance, tensor, row, field)
        told = f"the rows differ in shape; the model takes {_told(tensor)} alike in a request"
        raise InvalidInputError(told, field=field)
    return check_tensor(values, tensor)


def check_tensor(values: Array, tensor: Tensor) -> Array:
    """A batch of numbers in the model's own type.

    Args:
        values: Numbers, the rows first.
        tensor: What the model takes.

    Raises:
        InvalidInputError: The shape or a number does not fit, naming the row where it can be told.
    """
    if not _fits(values.shape[1:], tensor):
        raise InvalidInputError(f"expected shape [rows{_sizes(tensor)}], got {list(values.shape)}", field=tensor.name)
    return fit(values, tensor.dtype, tensor.name)


def fit(values: Array, dtype: np.dtype[Any], field: str) -> Array:
    """Numbers in the model's own type, of which none is changed but by rounding.

    Args:
        values: Numbers, the rows first.
        dtype: The type.
        field: What holds them, for messages.

    Raises:
        InvalidInputError: The type does not hold a number, naming the row.
    """
    if dtype.kind == "b" and values.dtype.kind != "b":
        raise InvalidInputError("expected booleans, got numbers", field=field)
    with np.errstate(over="ignore", invalid="ignore"):  # looked at below
        found = np.ascontiguousarray(values, dtype=dtype)
    if dtype.kind in "iu":
        bounds = np.iinfo(dtype)
        fits = (values >= bounds.min) & (values <= bounds.max) & (found == values)
        _check_all(fits, whole_numbers(dtype), field)
    elif dtype.kind == "f" and dtype.itemsize < values.dtype.itemsize:
        _check_all(np.isfinite(found) | ~np.isfinite(values), f"a number is too large for {dtype}", field)
    return found


def _check_all(fits: Array, message: str, field: str) -> None:
    if not fits.all():
        row = int(np.argmin(fits.reshape(len(fits), -1).all(axis=1)))
        raise InvalidInputError(message, field=field, row=row)


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


def _check_row(instance: object, tensor: Tensor, row: int, field: str | None) -> None:
    try:
        values = np.array(instance)
    except ValueError:
        what = "lists of unequal lengths"
        raise InvalidInputError(f"expected {_told(tensor)}, got {what}", field=field, row=row) from None
    if values.dtype.kind not in "biuf":
        what = "something that is no number in it"
        raise InvalidInputError(f"expected {_told(tensor)}, got {what}", field=field, row=row)
    if not _fits(values.shape, tensor):
        raise InvalidInputError(f"expected {_told(tensor)}, got shape {list(values.shape)}", field=field, row=row)


def _fits(shape: tuple[int, ...], tensor: Tensor) -> bool:
    if math.prod(shape) == 0:
        return False
    if tensor.shape is None:
        return True
    if len(shape) != len(tensor.shape):
        return False
    return all(wanted in {None, size} for size, wanted in zip(shape, tensor.shape, strict=True))


def _told(tensor: Tensor) -> str:
    if tensor.shape == ():
        return "a number"
    return "numbers" if tensor.shape is None else f"numbers of shape [{_sizes(tensor).removeprefix(', ')}]"


def _sizes(tensor: Tensor) -> str:
    if tensor.shape is None:
        return ", ..."
    return "".join(f", {'any' if size is None else size}" for size in tensor.shape)

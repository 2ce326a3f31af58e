"""The input tensors of an infer request of the Open Inference Protocol (V2), as rows.

Source: https://github.com/open-inference-protocol/oip, specification/protocol/inference_rest.md.
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from eagleray_serving.columns import describe
from eagleray_serving.errors import InvalidInputError
from eagleray_serving.protocols import binary
from eagleray_serving.protocols.binary import Blob
from eagleray_serving.rows import Rows, Signature, of_columns, of_matrix, of_values, parse_rows
from eagleray_serving.signature import DTYPES, TEXT
from eagleray_serving.tensors import Array, Tensor, check_names, check_tensor, of_objects

# What numpy takes.
_MOST_AXES = 64
_PYTHON_TYPES: dict[str, tuple[type, ...]] = {
    "BOOL": (bool,),
    TEXT: (str,),
    **{name: (int, float) if name.startswith("FP") else (int,) for name in DTYPES if name != "BOOL"},
}


def rows_of(inputs: object, signature: Signature, blob: Blob) -> Rows:
    """The rows of an infer request.

    Args:
        inputs: Its tensors, as in JSON.
        signature: What the model takes.
        blob: The bytes of those that have no ``data``, in order.

    Raises:
        InvalidInputError: Naming the tensor, and the row where there is one.
    """
    if not isinstance(inputs, list) or not inputs:
        raise InvalidInputError("expected a list of at least one tensor", field="inputs")
    axes = max((_axes(tensor) for tensor in signature.tensors), default=2)
    tensors = dict(_tensor(value, place, axes, blob) for place, value in enumerate(inputs))
    blob.end()
    if len(tensors) != len(inputs):
        raise InvalidInputError("two tensors have the same name", field="inputs")
    return rows_in(tensors, signature)


def parameter(holder: dict[str, Any], name: str) -> object:
    """A parameter of a request, or of one of its tensors; None where it has none of this name."""
    parameters = holder.get("parameters")
    return parameters.get(name) if isinstance(parameters, dict) else None


def _axes(tensor: Tensor) -> int:
    """The most axes that an input may have."""
    return _MOST_AXES if tensor.shape is None else 1 + len(tensor.shape)


def _tensor(value: object, place: int, axes: int, blob: Blob) -> tuple[str, Array]:
    if not isinstance(value, dict):
        raise InvalidInputError(f"expected an object, got {describe(value)}", field=f"inputs[{place}]")
    name = value.get("name")
    if not isinstance(name, str) or not name:
        raise InvalidInputError("the tensor has no name", field=f"inputs[{place}]")
    kind, shape, data = value.get("datatype"), value.get("shape"), value.get("data")
    if not isinstance(kind, str) or kind not in _PYTHON_TYPES:
        raise InvalidInputError(f"datatype must be one of {', '.join(_PYTHON_TYPES)}", field=name)
    if not isinstance(shape, list) or not shape or not all(type(size) is int and size >= 0 for size in shape):
        raise InvalidInputError("shape must be a list of sizes", field=name)
    if len(shape) > axes:
        wanted = "[rows] or [rows, columns]" if axes == 2 else f"of {axes} sizes, the rows first"
        raise InvalidInputError(f"expected shape {wanted}, got {shape}", field=name)
    if data is None and (size := parameter(value, binary.SIZE)) is not None:
        return name, _some(blob.take(size, kind, shape, name), name)
    if not isinstance(data, list):
        raise InvalidInputError(f"data must be a list, or {binary.SIZE} among its parameters", field=name)
    flat, types = _flat(data)
    if len(flat) != math.prod(shape):
        raise InvalidInputError(f"shape {shape} needs {math.prod(shape)} values, data has {len(flat)}", field=name)
    values = _numbers_of(flat, types, kind)
    return name, _some(_objects(flat, kind, shape, name) if values is None else values.reshape(shape), name)


def _some(values: Array, name: str) -> Array:
    if not values.size:
        raise InvalidInputError("expected at least one row, got none", field=name)
    return values


def _flat(data: list[Any]) -> tuple[list[Any], set[type]]:
    """Values in row-major order, whatever the nesting, and the types that are among them."""
    while list in (types := set(map(type, data))):
        data = [item for value in data for item in (value if isinstance(value, list) else [value])]
    return data, types


def _numbers_of(flat: list[Any], types: set[type], kind: str) -> Array | None:
    """Values as an array of their own type; None where a number is too large, or something else is among them."""
    if kind == TEXT or not types.issubset(_PYTHON_TYPES[kind]):
        return None
    values = np.fromiter(flat, np.float64, len(flat)) if types == {float} else np.array(flat)
    return values if values.dtype.kind in ("bif" if kind.startswith("FP") else "bi") else None


def _objects(flat: list[Any], kind: str, shape: list[int], name: str) -> Array:
    allowed = _PYTHON_TYPES[kind]
    width = math.prod(shape[1:])
    for place, value in enumerate(flat):
        missing = value is None and kind in {"FP16", "FP32", "FP64", "BYTES"}
        if not missing and (not isinstance(value, allowed) or (isinstance(value, bool) and kind != "BOOL")):
            raise InvalidInputError(f"expected {kind}, got {describe(value)}", field=name, row=place // width)
    return of_objects(flat, shape)


def rows_in(tensors: Mapping[str, Array], signature: Signature) -> Rows:
    """The rows that tensors hold.

    Args:
        tensors: One ``[rows, columns]``, or ``[rows]`` or ``[rows, 1]`` of each column; where rows are tensors,
            ``[rows, ...]`` of each. They hold numbers of numpy, or objects of JSON's types.
        signature: What the model takes.

    Raises:
        InvalidInputError: Naming the tensor, and the row where there is one.
    """
    if signature.text:
        return _text(tensors, signature)
    if signature.tensors:
        return _tensors(tensors, signature.tensors)
    columns = signature.columns
    names = [column.name for column in columns] if columns is not None else []
    (first, tensor), *others = tensors.items()
    if not others and tensor.ndim == 2 and not (signature.named and first in names) and not signature.objects:
        if columns is not None and tensor.shape[1] != len(columns):
            raise InvalidInputError(f"expected shape [rows, {len(columns)}], got {list(tensor.shape)}", field=first)
        return of_matrix(tensor, signature)
    if not others and signature.vague:
        return of_values(tensor.tolist(), signature)
    return _columns(tensors, signature)


def _columns(tensors: Mapping[str, Array], signature: Signature) -> Rows:
    rows = len(next(iter(tensors.values())))
    for name, tensor in tensors.items():
        if tensor.ndim == 2 and tensor.shape[1] != 1:
            raise InvalidInputError(
                f"a tensor of one column has shape [rows] or [rows, 1], got {list(tensor.shape)}", field=name
            )
        if len(tensor) != rows:
            raise InvalidInputError(f"expected {rows} rows as in the first tensor, got {len(tensor)}", field=name)
    if signature.columns is not None and not signature.named:
        raise InvalidInputError(
            f"the model was trained without column names; send one tensor of shape [rows, {len(signature.columns)}]",
            field=next(iter(tensors)),
        )
    data = {name: tensor.reshape(-1) for name, tensor in tensors.items()}
    if signature.objects:
        rows_of_each = zip(*(values.tolist() for values in data.values()), strict=True)
        return parse_rows([dict(zip(data, row, strict=True)) for row in rows_of_each], signature)
    return of_columns(data, signature)


def _tensors(found: Mapping[str, Array], wanted: tuple[Tensor, ...]) -> Rows:
    if len(wanted) == 1 and len(found) == 1:  # whatever it is called
        found = {wanted[0].name: next(iter(found.values()))}
    check_names(found, [tensor.name for tensor in wanted])
    arrays = tuple(check_tensor(_numbers(found[tensor.name], tensor.name), tensor) for tensor in wanted)
    for tensor, values in zip(wanted, arrays, strict=True):
        if len(values) != len(arrays[0]):
            told = f"expected {len(arrays[0])} rows as in '{wanted[0].name}', got {len(values)}"
            raise InvalidInputError(told, field=tensor.name)
    return Rows(arrays)


def _numbers(values: Array, name: str) -> Array:
    numbers = np.array(values.tolist()) if values.dtype == object else values
    if numbers.dtype.kind not in "biuf":
        raise InvalidInputError("expected numbers", field=name)
    return numbers


def _text(tensors: Mapping[str, Array], signature: Signature) -> Rows:
    (name, tensor), *others = tensors.items()
    if others or (tensor.ndim == 2 and tensor.shape[1] != 1):
        raise InvalidInputError("the model reads text: send one BYTES tensor of shape [rows]", field=name)
    return parse_rows(tensor.reshape(-1).tolist(), signature, field=name)

"""The signature that a user wrote, for a model that does not tell its own."""

from dataclasses import replace
from typing import Any

import numpy as np

from eagleray_serving.columns import Column, Kind, column_of, told_both
from eagleray_serving.errors import ModelLoadError
from eagleray_serving.rows import Signature
from eagleray_serving.tensors import Tensor

TEXT = "BYTES"
DTYPES: dict[str, type[np.generic]] = {
    "BOOL": np.bool_,
    "FP16": np.float16,
    "FP32": np.float32,
    "FP64": np.float64,
    **{f"INT{bits}": getattr(np, f"int{bits}") for bits in (8, 16, 32, 64)},
    **{f"UINT{bits}": getattr(np, f"uint{bits}") for bits in (8, 16, 32, 64)},
}
"""The Open Inference Protocol's names of types of numbers."""


def parse_signature(value: dict[str, Any] | None) -> Signature | None:
    """What the args say that the model takes.

    Args:
        value: ``{"inputs": [{"name", "datatype", "shape"}, ...]}``, where the first size of each shape counts rows and
            -1 stands for any size. One input of numbers is a tensor; several, or one of text, are columns where each
            has one value a row, and tensors else.

    Raises:
        ModelLoadError: Naming the input that makes no sense.
    """
    if value is None:
        return None
    inputs = value.get("inputs")
    if not isinstance(inputs, list) or not inputs:
        raise ModelLoadError("signature needs at least one input")
    for each in inputs:
        _check(each)
    if len({each["name"] for each in inputs}) < len(inputs):
        raise ModelLoadError("signature: two inputs have the same name")
    columns = all(each["shape"] in ([-1], [-1, 1]) for each in inputs)
    if columns and (len(inputs) > 1 or inputs[0]["datatype"] == TEXT):
        return Signature(columns=tuple(_column(each) for each in inputs), named=True)
    return Signature(columns=None, tensors=tuple(_tensor(each) for each in inputs))


def _check(each: Any) -> None:  # noqa: ANN401 - it is what was sent
    name, kind, shape = (each.get(key) for key in ("name", "datatype", "shape"))
    if not isinstance(name, str) or (kind != TEXT and kind not in DTYPES):
        raise ModelLoadError(f"signature: an input has a name and one of the datatypes {TEXT}, {', '.join(DTYPES)}")
    if not isinstance(shape, list) or not shape or shape[0] != -1 or any(type(size) is not int for size in shape):
        raise ModelLoadError(f"signature: the shape of '{name}' begins with -1, which counts rows; got {shape}")


def _column(each: dict[str, Any]) -> Column:
    return column_of(each["name"], DTYPES.get(each["datatype"], np.str_))


def _tensor(each: dict[str, Any]) -> Tensor:
    if each["datatype"] == TEXT:
        raise ModelLoadError(f"signature: '{each['name']}' is text beside tensors; text is served as columns, [-1]")
    return Tensor.of_batch(each["name"], DTYPES[each["datatype"]], each["shape"])


def refined(known: Signature, told: Signature, *, only_unknown: bool = False) -> Signature:
    """What somebody tells of a model's input, with what the model itself is known to take.

    The model knows what stands for a missing value, which values it refuses, and which columns it drops.

    Args:
        known: What was read from the model.
        told: What somebody tells.
        only_unknown: Whether that counts only where the model says nothing.
    """
    if known.vague:
        return told
    if known.text or known.objects or (only_unknown and told.columns is None):
        return known
    if known.columns is None or told.columns is None:
        return told
    by_name = {_spaceless(column.name): column for column in known.columns}
    by_place = dict(zip((column.name for column in told.columns), known.columns, strict=False))
    both = tuple(
        _refined(by_name.get(_spaceless(each.name)) or (None if known.named else by_place.get(each.name)), each)
        for each in told.columns
    )
    if not only_unknown:
        return replace(told, columns=both)
    filled = {_spaceless(column.name): column for column in both}
    columns = (filled.get(_spaceless(c.name), c) if c.kind is Kind.ANY else c for c in known.columns)
    return replace(known, columns=tuple(columns))


def _refined(known: Column | None, told: Column) -> Column:
    if known is None:
        return told
    both = told_both(told, known)
    fits = both.kind is not Kind.ANY or Kind.ANY in {told.kind, known.kind}
    return replace(both, required=told.required and known.required) if fits else told


def _spaceless(name: str) -> str:
    """A name as LightGBM keeps it."""
    return name.replace(" ", "_")

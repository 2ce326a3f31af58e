"""The signature that a user wrote, for a model that does not tell its own."""

from typing import Any

import numpy as np

from eagleray_serving.columns import Column, column_of
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

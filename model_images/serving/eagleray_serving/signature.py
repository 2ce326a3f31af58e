"""The signature that a user wrote, for a model that does not tell its own."""

from typing import Any

import numpy as np

from eagleray_serving.errors import ModelLoadError
from eagleray_serving.rows import Column, Kind, Signature
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
            -1 stands for any size. One input of numbers is a tensor; several, or one of text, are columns.

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
    if len(inputs) == 1 and inputs[0]["datatype"] != TEXT:
        (only,) = inputs
        return Signature(columns=None, tensor=Tensor.of_batch(only["name"], DTYPES[only["datatype"]], only["shape"]))
    return Signature(columns=tuple(_column(each) for each in inputs), named=True)


def _check(each: Any) -> None:  # noqa: ANN401 - it is what was sent
    name, kind, shape = (each.get(key) for key in ("name", "datatype", "shape"))
    if not isinstance(name, str) or (kind != TEXT and kind not in DTYPES):
        raise ModelLoadError(f"signature: an input has a name and one of the datatypes {TEXT}, {', '.join(DTYPES)}")
    if not isinstance(shape, list) or not shape or shape[0] != -1 or any(type(size) is not int for size in shape):
        raise ModelLoadError(f"signature: the shape of '{name}' begins with -1, which counts rows; got {shape}")


def _column(each: dict[str, Any]) -> Column:
    if each["shape"] not in ([-1], [-1, 1]):
        raise ModelLoadError(
            f"signature: '{each['name']}' is a column beside others, of shape [-1]; one tensor of more sizes is served"
        )
    return Column(each["name"], Kind.STRING if each["datatype"] == TEXT else Kind.NUMBER)

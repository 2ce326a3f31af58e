"""What MLflow's files say of the rows that a model takes: its signature, and an example.

Source: https://mlflow.org/docs/latest/ml/model/signatures/.
"""

from typing import Any

import numpy as np

from eagleray_serving.columns import Column, column_of
from eagleray_serving.rows import Signature
from eagleray_serving.tensors import Tensor

_DTYPES = {
    "boolean": np.bool_,
    "datetime": np.datetime64,
    "double": np.float64,
    "float": np.float32,
    "integer": np.int32,
    "long": np.int64,
    "string": np.str_,
}
"""The type of each of MLflow's types of columns; a column of another holds any value."""


def parse_inputs(inputs: Any) -> Signature | None:  # noqa: ANN401 - it is what the file says
    """The signature of a model's inputs.

    Args:
        inputs: A list of columns, ``{"name", "type", "required"}``, or of tensors, ``{"name", "type", "tensor-spec"}``.

    Returns:
        None where rows cannot be checked against it: columns without names, or tensors that are no numbers or whose
        first axis does not count rows.
    """
    if not isinstance(inputs, list) or not inputs or not all(isinstance(each, dict) for each in inputs):
        return None
    if all(isinstance(each.get("tensor-spec"), dict) for each in inputs):
        tensors = tuple(tensor for place, each in enumerate(inputs) if (tensor := _tensor(each, place)))
        return Signature(columns=None, tensors=tensors) if len(tensors) == len(inputs) else None
    if all(isinstance(each.get("type"), str) and each.get("name") for each in inputs):
        return Signature(columns=tuple(_column(each) for each in inputs), named=True)
    return None


def parse_example(example: Any) -> list[Any] | None:  # noqa: ANN401 - it is what the file says
    """The rows of an example, each a list of values, an object or a tensor, as ``instances`` of a request has them.

    Args:
        example: A request of MLflow's scoring server, or a frame or tensor alone as older versions wrote them.

    Returns:
        None where it is something else, such as the messages of a chat.
    """
    if not isinstance(example, dict):
        return example if isinstance(example, list) and example else None
    frame = example.get("dataframe_split", example)
    if isinstance(frame, dict) and isinstance(frame.get("data"), list):
        return _rows_of_frame(frame.get("columns"), frame["data"]) or None
    rows = next((example[key] for key in ("dataframe_records", "inputs", "instances") if key in example), None)
    if isinstance(rows, dict) and rows and all(isinstance(values, list) for values in rows.values()):
        return _rows_of_frame(list(rows), list(zip(*rows.values(), strict=False))) or None
    return rows if isinstance(rows, list) and rows else None


def _rows_of_frame(columns: Any, data: list[Any]) -> list[Any]:  # noqa: ANN401 - it is what the file says
    named = isinstance(columns, list) and all(isinstance(name, str) for name in columns)
    return [dict(zip(columns, row, strict=True)) if named else list(row) for row in data]


def _column(each: dict[str, Any]) -> Column:
    return column_of(str(each["name"]), _DTYPES.get(each["type"], object), required=each.get("required", True) is True)


def _tensor(each: dict[str, Any], place: int) -> Tensor | None:
    shape, told = each["tensor-spec"].get("shape"), str(each["tensor-spec"].get("dtype"))
    try:
        dtype = np.dtype(told)
    except TypeError:  # a type of another library
        return None
    if not isinstance(shape, list) or len(shape) < 2 or shape[0] != -1 or dtype.kind not in "biuf":
        return None
    return Tensor.of_batch(str(each.get("name", f"input_{place}" if place else "input")), dtype, shape)

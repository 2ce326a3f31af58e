# ruff: noqa: ANN401 - onnxruntime has no types
"""ONNX, run by onnxruntime: tables of columns, as skl2onnx writes them, or one tensor, as PyTorch exports it."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state as state

from eagleray_serving.errors import ModelLoadError, first_line
from eagleray_serving.frameworks import find_model_file
from eagleray_serving.rows import Column, Kind, Rows, Signature
from eagleray_serving.tensors import Array, Tensor

SUFFIXES = (".onnx",)

_TEXT = "tensor(string)"
_DTYPES = {
    "tensor(float16)": np.float16,
    "tensor(float)": np.float32,
    "tensor(double)": np.float64,
    **{f"tensor({name})": getattr(np, name) for name in ("int8", "int16", "int32", "int64")},
    **{f"tensor({name})": getattr(np, name) for name in ("uint8", "uint16", "uint32", "uint64")},
    "tensor(bool)": np.bool_,
}


class OnnxModel:
    """A session, and how rows become its inputs.

    Args:
        session: An ``InferenceSession``.
        labels: The labels that the model names for its probabilities; empty where it names none.

    Raises:
        ModelLoadError: Its inputs or outputs are none that rows can be told for.
    """

    def __init__(self, session: Any, labels: Array) -> None:
        self._session = session
        self._inputs = session.get_inputs()
        self.signature: Signature = _signature(self._inputs)
        self._label, self._probabilities = _outputs(session.get_outputs())
        self.classes: Array | None = None if self._probabilities is None else labels

    def predict(self, rows: Rows) -> Array:
        """The label, or what the only output holds, of each row."""
        (labels,) = self._run(rows, self._label)
        return np.asarray(labels)

    def predict_proba(self, rows: Rows) -> Array:
        """One probability per row and class."""
        (found,) = self._run(rows, self._probabilities)
        return _table_of(found)

    def predict_both(self, rows: Rows) -> tuple[Array, Array]:
        """Both, in one run."""
        labels, found = self._run(rows, self._label, self._probabilities)
        return np.asarray(labels), _table_of(found)

    def _run(self, rows: Rows, *outputs: str | None) -> list[Any]:
        try:
            found: list[Any] = self._session.run(list(outputs), self._feed(rows))
        except (state.Fail, state.InvalidArgument) as error:  # such as a category that an encoder does not know
            raise ValueError(first_line(error)) from error
        return found

    def _feed(self, rows: Rows) -> dict[str, Array]:
        if len(self._inputs) == 1:
            (only,) = self._inputs
            text = only.type == _TEXT
            return {only.name: rows.values if text else rows.values.astype(_DTYPES[only.type], copy=False)}
        columns = {}
        for place, each in enumerate(self._inputs):
            values = rows.values[:, place : place + 1]
            columns[each.name] = values if each.type == _TEXT else values.astype(_DTYPES[each.type])
        return columns


def _table_of(probabilities: Any) -> Array:
    if isinstance(probabilities, list):  # skl2onnx's ZipMap: one map per row
        return np.array([list(row.values()) for row in probabilities])
    return np.asarray(probabilities)


def load(path: Path) -> OnnxModel:
    """Load an ONNX model.

    Args:
        path: An ``.onnx`` file, or a folder with one.

    Raises:
        ModelLoadError: The file is missing, onnxruntime cannot read it, or it takes what rows cannot be told for.
    """
    file = find_model_file(path, SUFFIXES)
    try:
        session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    except Exception as error:  # noqa: BLE001 - its exceptions have no common base but Exception
        raise ModelLoadError(
            f"{file.name} is not a model that onnxruntime {onnxruntime.__version__} can read ({first_line(error)})"
        ) from None
    return OnnxModel(session, _labels(onnx.load(file, load_external_data=False).graph))


def _labels(graph: Any) -> Array:
    """The labels that a node of a classifier has as an attribute (operators of ``ai.onnx.ml``)."""
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.name == "classlabels_strings" and attribute.strings:
                return np.array([text.decode() for text in attribute.strings])
            if attribute.name in {"classlabels_int64s", "classlabels_ints"} and attribute.ints:
                return np.array(list(attribute.ints))
    return np.empty(0, dtype=np.int64)


def _signature(inputs: list[Any]) -> Signature:
    strange = [each for each in inputs if each.type not in _DTYPES and each.type != _TEXT]
    if strange:
        raise ModelLoadError(f"the model's input '{strange[0].name}' is a {strange[0].type}, which is not served")
    fixed = next((each for each in inputs if each.shape and isinstance(each.shape[0], int)), None)
    if fixed is not None:
        raise ModelLoadError(
            f"the model's input '{fixed.name}' holds exactly {fixed.shape[0]} rows; export the model with a first axis "
            "of any size (dynamic_axes of torch.onnx.export)"
        )
    if len(inputs) > 1:
        return _table(inputs)
    (only,) = inputs
    shape = tuple(size if isinstance(size, int) else None for size in only.shape[1:])
    if len(shape) == 1 and (only.type == _TEXT or only.type in {"tensor(float)", "tensor(double)"}):
        if shape[0] is None:
            return Signature(columns=None)
        kind = Kind.STRING if only.type == _TEXT else Kind.NUMBER
        return Signature(columns=tuple(Column(str(place), kind) for place in range(shape[0])))
    if not shape or only.type == _TEXT:
        raise ModelLoadError(
            f"the model's input '{only.name}' has shape {list(only.shape)}; its first axis must count rows, "
            "and others must hold what a row holds"
        )
    return Signature(columns=None, tensor=Tensor(only.name, np.dtype(_DTYPES[only.type]), shape))


def _table(inputs: list[Any]) -> Signature:
    for each in inputs:
        if len(each.shape) != 2 or each.shape[1] not in (1, None):
            raise ModelLoadError(
                f"the model has several inputs, and '{each.name}' has shape {list(each.shape)}; several inputs are "
                "served where each is one column, of shape [rows, 1]"
            )
    columns = tuple(Column(each.name, Kind.STRING if each.type == _TEXT else Kind.NUMBER) for each in inputs)
    return Signature(columns=columns, named=True)


def _outputs(outputs: list[Any]) -> tuple[str, str | None]:
    """The output with labels or values, and the one with probabilities if there is one."""
    if len(outputs) == 1:
        return str(outputs[0].name), None
    labels = [each for each in outputs if len(each.shape or ()) == 1 and each.type.startswith("tensor")]
    if len(outputs) == 2 and len(labels) == 1:
        (other,) = [each for each in outputs if each is not labels[0]]
        return str(labels[0].name), str(other.name)
    names = ", ".join(each.name for each in outputs)
    raise ModelLoadError(f"the model has the outputs {names}; one is served, or a label and its probabilities")

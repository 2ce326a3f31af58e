# ruff: noqa: ANN401 - onnxruntime has no types
"""ONNX, run by onnxruntime: tables of columns, as skl2onnx writes them, or tensors, as PyTorch exports them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state as state

from eagleray_serving.columns import Column, Kind, Missing, column_of
from eagleray_serving.errors import ModelLoadError, first_line
from eagleray_serving.frameworks import find_model_file
from eagleray_serving.frameworks.device import cannot_use, on_gpu, threads
from eagleray_serving.outputs import PREDICT, PREDICT_PROBA, Answer
from eagleray_serving.rows import Rows, Signature
from eagleray_serving.tensors import Array, Tensor

SUFFIXES = (".onnx",)

_CPU = "CPUExecutionProvider"
_CUDA = "CUDAExecutionProvider"

_TEXT = "tensor(string)"
_LABELS = frozenset({_TEXT, "tensor(int64)", "tensor(int32)", "tensor(bool)"})
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
        answers = session.get_outputs()
        classifier = _classifier(answers)
        self.classes: Array | None = labels if classifier else None
        ours = classifier or ({answers[0].name: PREDICT} if len(answers) == 1 else {})
        self.own_names: Mapping[str, str] = ours
        self.outputs: tuple[Tensor, ...] = tuple(_output(each, ours.get(each.name, "")) for each in answers)
        self._names = {ours.get(each.name, each.name): each.name for each in answers}

    def predict(self, rows: Rows, outputs: Sequence[str]) -> Answer:
        """What the outputs hold for each row, in one run."""
        try:
            found = self._session.run([self._names[name] for name in outputs], self._feed(rows))
        except (state.Fail, state.InvalidArgument) as error:  # such as a category that an encoder does not know
            raise ValueError(first_line(error)) from error
        return {name: _array_of(values) for name, values in zip(outputs, found, strict=True)}

    def _feed(self, rows: Rows) -> dict[str, Array]:
        names = [each.name for each in self._inputs]
        if not rows.columns:
            return dict(zip(names, rows.arrays, strict=True))
        if len(names) > 1:
            return {name: rows.column(place).reshape(-1, 1) for place, name in enumerate(names)}
        matrix = rows.matrix
        return {names[0]: np.column_stack(rows.arrays) if matrix is None else matrix}


def _array_of(values: Any) -> Array:
    if isinstance(values, list):  # skl2onnx's ZipMap: one map per row
        return np.array([list(row.values()) for row in values], dtype=np.float32)
    return np.asarray(values)


def load(path: Path) -> OnnxModel:
    """Load an ONNX model.

    Args:
        path: An ``.onnx`` file, or a folder with one.

    Raises:
        ModelLoadError: The file is missing, onnxruntime cannot read it, or it takes what rows cannot be told for; or
            there is a GPU that onnxruntime cannot use.
    """
    file = find_model_file(path, SUFFIXES)
    providers = [_CUDA, _CPU] if _with_cuda() else [_CPU]
    try:
        session = onnxruntime.InferenceSession(str(file), _options(), providers=providers)
    except Exception as error:  # noqa: BLE001 - its exceptions have no common base but Exception
        raise ModelLoadError(
            f"{file.name} is not a model that onnxruntime {onnxruntime.__version__} can read ({first_line(error)})"
        ) from None
    if _CUDA in providers and _CUDA not in session.get_providers():
        raise cannot_use("onnx", f"onnxruntime {onnxruntime.__version__}", "it finds none that it knows")
    return OnnxModel(session, _labels(onnx.load(file, load_external_data=False).graph))


def _options() -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads()  # 0 would be one for each core of the node
    return options


def _with_cuda() -> bool:
    if not on_gpu():
        return False
    if _CUDA not in onnxruntime.get_available_providers():
        raise cannot_use("onnx", f"onnxruntime {onnxruntime.__version__}", "it is built for CPUs")
    onnxruntime.preload_dlls()  # CUDA's libraries, where pip has put them
    return True


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
        columns = all(len(each.shape) == 2 and each.shape[1] in (1, None) for each in inputs)
        return _table(inputs) if columns else Signature(columns=None, tensors=tuple(_tensor(each) for each in inputs))
    (only,) = inputs
    shape = _row_shape(only)
    if len(shape) == 1 and (only.type == _TEXT or only.type in {"tensor(float)", "tensor(double)"}):
        if shape[0] is None:
            return Signature(columns=None, every=_column(only))
        return Signature(columns=tuple(replace(_column(only), name=str(place)) for place in range(shape[0])))
    return Signature(columns=None, tensors=(_tensor(only),))


def _tensor(each: Any) -> Tensor:
    if not each.shape or each.type == _TEXT:
        raise ModelLoadError(
            f"the model's input '{each.name}' is a {each.type} of shape {list(each.shape)}; its first axis must count "
            "rows, and text is served as one column, of shape [rows, 1]"
        )
    return Tensor(each.name, np.dtype(_DTYPES[each.type]), _row_shape(each))


def _row_shape(each: Any) -> tuple[int | None, ...]:
    return tuple(size if isinstance(size, int) else None for size in each.shape[1:])


def _table(inputs: list[Any]) -> Signature:
    return Signature(columns=tuple(map(_column, inputs)), named=True)


def _column(each: Any) -> Column:
    """A column of the input's type; only a number that is no whole one can be missing, as ONNX has no other mark."""
    column = column_of(each.name, _DTYPES.get(each.type, np.str_))
    return column if column.kind is Kind.NUMBER else replace(column, missing=Missing.REFUSED)


def _classifier(outputs: list[Any]) -> dict[str, str]:
    """Ours for the outputs with labels and their probabilities, as converters of classifiers write them; else none."""
    labels = [each for each in outputs if each.type in _LABELS and len(each.shape or ()) == 1]
    if len(outputs) == 2 and len(labels) == 1:
        (other,) = [each for each in outputs if each is not labels[0]]
        return {labels[0].name: PREDICT, other.name: PREDICT_PROBA}
    return {}


def _output(each: Any, ours: str) -> Tensor:
    """An output under our name for it, or where there is none its own.

    Raises:
        ModelLoadError: It has no entry for each row, or its type is none that answers have.
    """
    of_rows = bool(each.shape) and not isinstance(each.shape[0], int)
    mapped = ours == PREDICT_PROBA and each.type.startswith("seq(map(") and each.type.endswith("tensor(float)))")
    if mapped:
        return Tensor(ours, np.dtype(np.float32), (None,))
    if each.type not in {_TEXT, *_DTYPES} or not (of_rows or ours):
        raise ModelLoadError(
            f"the model's output '{each.name}' is a {each.type} of shape {list(each.shape or ())}; an output is a "
            "tensor of numbers or text whose first axis counts rows"
        )
    return Tensor(ours or each.name, np.dtype(_DTYPES.get(each.type, object)), _row_shape(each) if of_rows else None)

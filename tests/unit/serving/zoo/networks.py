"""Models of ONNX: those that skl2onnx converts, and graphs made by hand."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from onnx import TensorProto, helper
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType, Int64TensorType, StringTensorType
from sklearn.compose import make_column_transformer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

from unit.serving.graphs import two_of_each
from unit.serving.zoo.data import CULTIVARS, INTENSITY, IRIS, SPECIES, TEXT_LABELS, TEXTS, wine
from unit.serving.zoo.entry import Entry, Oracle

WINE = wine()
_DTYPES = {
    "tensor(float)": np.float32,
    "tensor(double)": np.float64,
    "tensor(int64)": np.int64,
    "tensor(string)": object,
}
_LARGE = 2**53


def _feed(session: Any, rows: list[Any]) -> dict[str, Any]:
    """The inputs of a graph; raises where a value is none of their types."""
    inputs = session.get_inputs()
    if len(inputs) == 1:
        listed = {inputs[0].name: rows}
    else:
        listed = {each.name: [row[each.name] for row in rows] for each in inputs}
    return {each.name: _input(listed[each.name], each) for each in inputs}


def _input(values: list[Any], each: Any) -> Any:
    whole = np.array(values, dtype=object)
    dtype = _DTYPES[each.type]
    wrong = any(value is None or (dtype is np.int64 and value != int(value)) for value in whole.flat)
    if wrong and dtype in (np.int64, object):
        raise ValueError("not of this type")
    found = whole.astype(dtype)
    return found.reshape(-1, 1) if len(each.shape) == 2 and found.ndim == 1 else found


def _of_graph(name: str, make: Callable[[], Any], rows: Sequence[Any], **more: Any) -> Entry:
    """A graph in a file; its first output is ``predict`` unless ``names`` says what its outputs are called."""
    names = more.pop("names", None)

    def save(folder: Path) -> Oracle:
        content = make().SerializeToString()
        (folder / "model.onnx").write_bytes(content)
        session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
        own = names or {session.get_outputs()[0].name: "predict"}

        def asked(listed: list[Any]) -> Mapping[str, Any]:
            found = session.run(list(own), _feed(session, listed))
            return dict(zip(own.values(), found, strict=True))

        return asked

    return Entry(f"onnx_{name}", "onnx", save, rows, **more)


def _hand_made(inputs: Mapping[str, int], outputs: Mapping[str, int], *nodes: Any, sizes: Sequence[Any] = (1,)) -> Any:
    """A graph with columns in and out."""
    taken, given = (
        [helper.make_tensor_value_info(name, kind, ["rows", *sizes]) for name, kind in each.items()]
        for each in (inputs, outputs)
    )
    graph = helper.make_graph(list(nodes), "g", taken, given)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def _converted(model: Any, frame: Any, target: Any, **kinds: Any) -> Callable[[], Any]:
    """A pipeline over columns, converted."""
    types = [(name, kind([None, 1])) for name, kind in kinds.items()]
    return lambda: to_onnx(model.fit(frame, target), initial_types=types)


def _of_numbers(model: Any, **options: Any) -> Callable[[], Any]:
    """A model of numbers, converted."""
    values = IRIS.astype(np.float32)
    return lambda: to_onnx(model.fit(values, SPECIES), values[:1], options={id(model): options} if options else None)


def _words() -> Any:
    return to_onnx(
        make_pipeline(TfidfVectorizer(lowercase=False), LogisticRegression()).fit(np.array(TEXTS), TEXT_LABELS),
        initial_types=[("text", StringTensorType([None, 1]))],
    )


def _skl2onnx() -> list[Entry]:
    columns = make_column_transformer((StandardScaler(), ["ash"]), (OneHotEncoder(handle_unknown="ignore"), ["region"]))
    frame = WINE[["ash", "region"]].assign(region=WINE["region"].fillna("none").astype(object))
    ids = make_pipeline(OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1), LinearRegression())
    four = ("FP32", (4,))
    flowers = [*IRIS[[0, 60, 149]].tolist(), [1, 2, None, 4]]
    return [
        _of_graph("classifier", _of_numbers(LogisticRegression(max_iter=200), zipmap=False), flowers, row=four),
        _of_graph("classifier_maps", _of_numbers(LogisticRegression(max_iter=200)), flowers, row=four),
        _of_graph("regression", _of_numbers(LinearRegression()), flowers, row=four),
        _of_graph(
            "columns",
            _converted(
                make_pipeline(columns, LogisticRegression()),
                frame,
                CULTIVARS,
                ash=FloatTensorType,
                region=StringTensorType,
            ),
            [
                {"ash": 2.5, "region": "north"},
                {"ash": 2, "region": "unheard of"},
                {"ash": None, "region": "west"},
                {"ash": 2.5, "region": None},
            ],
            datatypes={"ash": "FP32", "region": "BYTES"},
        ),
        _of_graph(
            "ids",
            _converted(ids, WINE[["maker"]], INTENSITY, maker=Int64TensorType),
            [[_LARGE + 1], [_LARGE + 2], [_LARGE + 3], [7]],
            row=("INT64", (1,)),
        ),
        _of_graph("texts", _words, [[TEXTS[0]], [TEXTS[5]], ["words"]], row=("BYTES", (1,))),
    ]


def _by_hand() -> list[Entry]:
    ints, doubles = TensorProto.INT64, TensorProto.DOUBLE
    two = {"code": ints, "maker": ints}
    add = helper.make_node("Add", ["code", "maker"], ["sum"])
    double = helper.make_node("Cast", ["code"], ["code_as_double"], to=doubles)
    same = helper.make_node("Identity", ["maker"], ["same"])
    large = [{"code": 1, "maker": _LARGE + 1}, {"code": 2, "maker": _LARGE}, {"code": 0, "maker": -_LARGE - 1}]
    wrong = [{"code": 1.5, "maker": 1}, {"code": None, "maker": 1}, {"code": 2**63, "maker": 1}]
    datatypes = {"code": "INT64", "maker": "INT64"}
    images = [{"image": [[1, 2], [3, 4]], "bias": 0.5}, {"image": [[0, 0], [0, -1]], "bias": 2}]
    return [
        _of_graph("whole_columns", lambda: _hand_made(two, {"sum": ints}, add), [*large, *wrong], datatypes=datatypes),
        _of_graph(
            "several_outputs",
            lambda: _hand_made(two, {"code_as_double": doubles, "same": ints}, double, same),
            large,
            datatypes=datatypes,
            names={"code_as_double": "code_as_double", "same": "same"},
        ),
        _of_graph("tensors", two_of_each, images, names={"sum": "sum", "same": "same"}),
        _of_graph(
            "any_width",
            lambda: _hand_made(
                {"x": TensorProto.FLOAT},
                {"y": TensorProto.FLOAT},
                helper.make_node("Neg", ["x"], ["y"]),
                sizes=["width"],
            ),
            [[1, 2, 3], [4, 5, None]],
            row=("FP32", (3,)),
        ),
    ]


NETWORKS = [*_skl2onnx(), *_by_hand()]

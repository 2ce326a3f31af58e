from typing import Any

import numpy as np
import orjson
import pytest

from eagleray_serving.columns import Column, Kind
from eagleray_serving.errors import InvalidInputError
from eagleray_serving.outputs import outputs_of
from eagleray_serving.protocols import v2
from eagleray_serving.rows import Rows, Signature
from eagleray_serving.tensors import Tensor
from unit.serving.asking import SEVERAL, listed

PAIR = Signature((Column("0", Kind.NUMBER), Column("1", Kind.NUMBER)))
NAMED = Signature((Column("age", Kind.NUMBER), Column("plan", Kind.STRING)), named=True)
ONE = Signature((Column("age", Kind.NUMBER),), named=True)
TEXT = Signature(None, text=True)
IMAGE = Signature(None, tensors=(Tensor("x", np.dtype(np.float32), (2, None)),))


def parse(signature: Signature, *inputs: Any, **members: Any) -> Any:
    return v2.parse_infer(orjson.dumps({"inputs": list(inputs), **members}), signature, ("predict",))


def asked(identity: str | None = None) -> v2.InferRequest:
    return v2.InferRequest(Rows((np.zeros((1, 1)),)), ("predict",), identity)


def tensor(name: str = "x", shape: Any = (1, 2), datatype: Any = "FP64", data: Any = (1, 2)) -> dict[str, Any]:
    return {"name": name, "shape": shape, "datatype": datatype, "data": data}


@pytest.mark.parametrize("data", [[1, 2, 3, 4], [[1, 2], [3, 4]]])
def test_one_tensor_flat_or_nested(data: Any) -> None:
    request = parse(PAIR, tensor(shape=[2, 2], data=data))
    assert listed(request.rows) == [[1, 2], [3, 4]]
    assert (request.outputs, request.identity) == (("predict",), None)


def test_one_tensor_for_named_columns_goes_by_position() -> None:
    rows = parse(Signature((Column("a", Kind.NUMBER), Column("b", Kind.NUMBER)), named=True), tensor()).rows
    assert [column.name for column in rows.columns] == ["a", "b"]


def test_a_tensor_per_column_in_any_order() -> None:
    rows = parse(NAMED, tensor("plan", [2], "BYTES", ["a", "b"]), tensor("age", [2, 1], "INT32", [1, 2])).rows
    assert listed(rows) == [[1, "a"], [2, "b"]]


def test_a_single_column() -> None:
    assert listed(parse(ONE, tensor("age", [2, 1])).rows) == [[1], [2]]
    assert listed(parse(ONE, tensor("age", [2])).rows) == [[1], [2]]
    assert listed(parse(ONE, tensor("input-0", [2, 1])).rows) == [[1], [2]]


def test_null_is_a_missing_value() -> None:
    assert np.isnan(parse(PAIR, tensor(data=[None, 2])).rows.arrays[0][0, 0])


def test_text() -> None:
    assert listed(parse(TEXT, tensor("text", [2], "BYTES", ["a", "b"])).rows) == ["a", "b"]


@pytest.mark.parametrize(
    ("signature", "inputs", "field", "words"),
    [
        (PAIR, [], "inputs", "at least one tensor"),
        (PAIR, [1], "inputs[0]", "got a number"),
        (PAIR, [{"shape": [1]}], "inputs[0]", "no name"),
        (PAIR, [tensor(datatype="FP65")], "x", "datatype"),
        (PAIR, [tensor(datatype=None)], "x", "datatype"),
        (PAIR, [tensor(datatype=[1])], "x", "datatype"),
        (PAIR, [tensor(shape=None)], "x", "shape"),
        (PAIR, [tensor(shape=[-1, 2])], "x", "shape"),
        (PAIR, [tensor(shape=[True, 2])], "x", "shape"),
        (PAIR, [tensor(shape=[1, 1, 2])], "x", "[rows, columns]"),
        (PAIR, [tensor(data="12")], "x", "data must be a list"),
        (PAIR, [tensor(data=[1])], "x", "needs 2 values, data has 1"),
        (PAIR, [tensor(shape=[0, 2], data=[])], "x", "at least one row"),
        (PAIR, [tensor(shape=[1, 3], data=[1, 2, 3])], "x", "expected shape [rows, 2]"),
        (PAIR, [tensor(data=[1, "2"])], "x", "expected FP64, got a string"),
        (PAIR, [tensor(data=[1, {}])], "x", "got an object"),
        (PAIR, [tensor(datatype="INT64", data=[1, 2.5])], "x", "expected INT64"),
        (PAIR, [tensor(datatype="INT64", data=[1, None])], "x", "got null"),
        (PAIR, [tensor(data=[1, True])], "x", "got a boolean"),
        (PAIR, [tensor(), tensor()], "inputs", "same name"),
        (NAMED, [tensor("age", [1], data=[1])], "plan", "missing"),
        (NAMED, [tensor("age", [1], data=[1]), tensor("plan", [1], data=[1])], "plan", "expected a string"),
        (NAMED, [tensor("age", [1], data=[1]), tensor("plan", [2], "BYTES", ["a", "b"])], "plan", "expected 1 rows"),
        (NAMED, [tensor("age", [1, 2]), tensor("plan", [1], "BYTES", ["a"])], "age", "a tensor of one column"),
        (TEXT, [tensor("t", [1], "FP64", [1])], None, "expected a string"),
        (TEXT, [tensor("t", [1, 2], "BYTES", ["a", "b"])], "t", "send one BYTES tensor"),
    ],
)
def test_what_does_not_fit_is_named(signature: Signature, inputs: list[Any], field: str | None, words: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        parse(signature, *inputs)
    assert caught.value.field == field
    assert words in str(caught.value)


@pytest.mark.parametrize(
    "members", [{"id": 7}, {"outputs": "predict"}, {"outputs": [{"name": "other"}]}, {"outputs": [1]}]
)
def test_other_members(members: dict[str, Any]) -> None:
    with pytest.raises(InvalidInputError) as caught:
        parse(PAIR, tensor(), **members)
    assert caught.value.field == next(iter(members))


@pytest.mark.parametrize(
    ("values", "datatype"),
    [([1, 2], "INT64"), ([1.5], "FP64"), ([True], "BOOL"), (["a"], "BYTES"), (np.array([1], dtype=np.uint8), "UINT8")],
)
def test_the_answer_names_its_type(values: Any, datatype: str) -> None:
    response, _ = v2.infer_response("m", {"predict": np.array(values)}, asked())
    assert response["outputs"][0]["datatype"] == datatype
    assert "id" not in response


def test_an_answer_of_several_columns_is_flat() -> None:
    response, blobs = v2.infer_response("m", {"predict": np.array([[1, 2], [3, 4]])}, asked("x"))
    (output,) = response["outputs"]
    assert blobs == []
    assert output["shape"] == [2, 2]
    assert list(output["data"]) == [1, 2, 3, 4]


def test_metadata_names_the_inputs() -> None:
    assert [item["name"] for item in v2.metadata("m", "sklearn", NAMED, [])["inputs"]] == ["age", "plan"]
    assert v2.metadata("m", "sklearn", PAIR, [])["inputs"] == [{"name": "input", "datatype": "FP64", "shape": [-1, 2]}]
    assert v2.metadata("m", "sklearn", TEXT, [])["inputs"][0]["datatype"] == "BYTES"
    assert v2.metadata("m", "onnx", IMAGE, [])["inputs"] == [{"name": "x", "datatype": "FP32", "shape": [-1, 2, -1]}]


def test_metadata_names_the_outputs() -> None:
    def told(classes: Any) -> Any:
        return v2.metadata("m", "sklearn", PAIR, outputs_of(classes))["outputs"]

    assert told(np.array(["no", "yes"])) == [
        {"name": "predict", "datatype": "BYTES", "shape": [-1]},
        {"name": "predict_proba", "datatype": "FP64", "shape": [-1, 2]},
    ]
    assert told(np.array([], dtype=np.int64))[1]["shape"] == [-1, -1]
    assert told(None) == [{"name": "predict", "datatype": "FP64", "shape": [-1]}]


@pytest.mark.parametrize("data", [list(range(8)), [[[0, 1], [2, 3]], [[4, 5], [6, 7]]]])
def test_rows_may_be_tensors(data: Any) -> None:
    rows = parse(IMAGE, tensor(shape=[2, 2, 2], data=data)).rows
    assert listed(rows) == [[[0, 1], [2, 3]], [[4, 5], [6, 7]]]
    assert rows.arrays[0].dtype == np.float32


@pytest.mark.parametrize(
    "inputs",
    [
        [tensor(shape=[1, 3, 2], data=[1, 2, 3, 4, 5, 6])],
        [tensor(shape=[4], data=[1, 2, 3, 4])],
        [tensor(shape=[1, 1, 2, 2], data=[1, 2, 3, 4])],
        [tensor(shape=[1, 2, 1], data=["a", "b"], datatype="BYTES")],
        [tensor(shape=[1, 2, 1], data=[1, None])],
    ],
    ids=["size", "too flat", "too deep", "text", "null"],
)
def test_a_tensor_that_does_not_fit_is_named(inputs: list[Any]) -> None:
    with pytest.raises(InvalidInputError) as caught:
        parse(IMAGE, *inputs)
    assert caught.value.field == "x"


IDS: dict[str, Any] = {"name": "ids", "datatype": "INT64", "shape": [2, 3], "data": [1, 2, 3, 4, 5, 6]}
AGE: dict[str, Any] = {"name": "age", "datatype": "FP64", "shape": [2], "data": [0.5, 2]}


def test_a_row_may_be_several_tensors_in_any_order() -> None:
    ids, age = parse(SEVERAL, AGE, IDS).rows.arrays
    assert (ids.tolist(), ids.dtype) == ([[1, 2, 3], [4, 5, 6]], np.int64)
    assert (age.tolist(), age.dtype) == ([0.5, 2], np.float32)
    assert [item["shape"] for item in v2.metadata("m", "onnx", SEVERAL, [])["inputs"]] == [[-1, -1], [-1]]


def test_one_tensor_may_be_called_anything_but_must_be_alone() -> None:
    one = tensor("z", shape=[1, 2, 1], data=[1, 2])
    assert listed(parse(IMAGE, one).rows) == [[[1], [2]]]
    with pytest.raises(InvalidInputError, match="no such tensor; the model takes x"):
        parse(IMAGE, {**one, "name": "x"}, one)


@pytest.mark.parametrize(
    ("inputs", "field", "words"),
    [
        ([IDS], "age", "the tensor is missing; the model takes ids, age"),
        ([IDS, AGE, {**AGE, "name": "sex"}], "sex", "no such tensor; the model takes ids, age"),
        ([IDS, {**AGE, "shape": [1], "data": [1]}], "age", "expected 2 rows as in 'ids', got 1"),
        ([IDS, {**AGE, "shape": [2, 1]}], "age", r"expected shape \[rows\], got \[2, 1\]"),
        ([{**IDS, "datatype": "FP32", "data": [1, 2, 3, 4, 5, 6.5]}, AGE], "ids", "row 1.*whole numbers"),
        ([IDS, {**AGE, "datatype": "BYTES", "data": ["a", "b"]}], "age", "expected numbers"),
    ],
)
def test_what_is_wrong_with_one_of_several_tensors_is_named(
    inputs: list[dict[str, Any]], field: str, words: str
) -> None:
    with pytest.raises(InvalidInputError, match=words) as caught:
        parse(SEVERAL, *inputs)
    assert caught.value.field == field

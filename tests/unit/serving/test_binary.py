import json
from typing import Any

import numpy as np
import pytest

from eagleray_serving.columns import Column, Kind
from eagleray_serving.errors import InvalidInputError
from eagleray_serving.protocols import binary, v2
from eagleray_serving.rows import Rows, Signature
from unit.serving.asking import listed

PAIR = Signature((Column("a", Kind.NUMBER), Column("b", Kind.NUMBER)))
TEXT = Signature(None, text=True)


def tensor(size: Any, datatype: str = "FP32", shape: Any = (1, 2)) -> dict[str, Any]:
    return {"name": "x", "datatype": datatype, "shape": shape, "parameters": {"binary_data_size": size}}


def parse(signature: Signature, blob: bytes, *inputs: dict[str, Any], length: str = "") -> v2.InferRequest:
    head = json.dumps({"inputs": inputs}).encode()
    return v2.parse_infer(head + blob, signature, ("predict",), length or str(len(head)))


@pytest.mark.parametrize(
    ("datatype", "dtype"),
    [("FP16", "<f2"), ("FP32", "<f4"), ("FP64", "<f8"), ("INT8", "<i1"), ("UINT64", "<u8"), ("BOOL", "?")],
)
def test_numbers_of_every_width(datatype: str, dtype: str) -> None:
    values = np.array([[1, 0], [0, 1]], dtype=dtype)
    asked = parse(PAIR, values.tobytes(), tensor(values.nbytes, datatype, [2, 2]))
    assert listed(asked.rows) == [[1, 0], [0, 1]]


def test_text_and_two_tensors_in_order() -> None:
    columns = Signature((Column("a", Kind.NUMBER), Column("t", Kind.STRING)), named=True)
    words = binary.packed(np.array(["é", ""], dtype=object))
    inputs = [
        {**tensor(8, "INT32", [2]), "name": "a"},
        {**tensor(len(words), "BYTES", [2]), "name": "t"},
    ]
    asked = parse(columns, np.array([5, 6], "<i4").tobytes() + words, *inputs)
    assert listed(asked.rows) == [[5, "é"], [6, ""]]


@pytest.mark.parametrize(
    ("signature", "blob", "inputs", "length", "status", "words"),
    [
        (PAIR, b"", [tensor(8)], "", 400, "binary_data_size is 8, and 0 bytes follow the JSON"),
        (PAIR, b"\0" * 8, [tensor("8")], "", 400, "binary_data_size is '8'"),
        (PAIR, b"\0" * 8, [tensor(size=True)], "", 400, "binary_data_size is True"),
        (PAIR, b"\0" * 9, [tensor(8)], "", 400, "1 bytes after the JSON belong to no tensor"),
        (PAIR, b"\0" * 4, [tensor(4)], "", 422, "FP32 of shape [1, 2] needs 8 bytes, got 4"),
        (PAIR, b"", [tensor(0, "FP32", [0, 2])], "", 422, "at least one row"),
        (PAIR, b"", [], "9999", 400, "and the body has 14 bytes"),
        (PAIR, b"", [], "-1", 400, "is '-1'"),
        (PAIR, b"", [], "²", 400, "is '²'"),
        (TEXT, b"\x05\0\0\0ab", [tensor(6, "BYTES", [1])], "", 422, "longer than the bytes that are left"),
        (TEXT, b"\x01\0\0\0\xff", [tensor(5, "BYTES", [1])], "", 422, "text in UTF-8"),
        (TEXT, b"\x01\0\0\0a", [tensor(5, "BYTES", [2])], "", 422, "shape [2] needs 2 values, got 1"),
    ],
)
def test_what_does_not_add_up_is_named(
    signature: Signature, blob: bytes, inputs: list[Any], length: str, status: int, words: str
) -> None:
    with pytest.raises(InvalidInputError) as caught:
        parse(signature, blob, *inputs, length=length)
    assert (caught.value.status, words in str(caught.value)) == (status, True), str(caught.value)


@pytest.mark.parametrize(
    ("members", "found"),
    [
        ({}, set()),
        ({"parameters": {"binary_data_output": True}}, {"a", "b"}),
        ({"outputs": [{"name": "a", "parameters": {"binary_data": True}}, {"name": "b"}]}, {"a"}),
        (
            {
                "parameters": {"binary_data_output": True},
                "outputs": [{"name": "a"}, {"name": "b", "parameters": {"binary_data": False}}],
            },
            {"a"},
        ),
        ({"parameters": 5, "outputs": [{"name": "a", "parameters": []}]}, set()),
    ],
)
def test_who_asks_for_bytes_gets_them(members: dict[str, Any], found: set[str]) -> None:
    one = {"name": "x", "datatype": "FP32", "shape": [1, 2], "data": [1, 2]}
    asked = v2.parse_infer(json.dumps({"inputs": [one], **members}).encode(), PAIR, ("a", "b"))
    assert asked.binary == found


def test_the_answer_is_json_and_then_bytes() -> None:
    request = v2.InferRequest(Rows((np.zeros((1, 1)),)), ("a", "b"), None, frozenset({"b"}))
    answer = {"a": np.array([1]), "b": np.array([["x", "yz"]])}
    told, blobs = v2.infer_response("m", answer, request)
    assert told["outputs"][1] == {
        "name": "b",
        "shape": [1, 2],
        "datatype": "BYTES",
        "parameters": {"binary_data_size": 11},
    }
    assert blobs == [b"\x01\0\0\0x\x02\0\0\0yz"]
    assert "data" in told["outputs"][0]

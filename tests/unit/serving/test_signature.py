from typing import Any

import numpy as np
import pytest

from eagleray_serving.columns import Column, Kind, Missing
from eagleray_serving.errors import InvalidInputError, ModelLoadError
from eagleray_serving.protocols import v2
from eagleray_serving.rows import Signature, parse_rows
from eagleray_serving.signature import parse_signature, refined
from eagleray_serving.tensors import Tensor
from unit.serving.asking import listed

SHAPELESS = Signature(columns=None, tensors=(Tensor("input", np.dtype(np.float32), None),))


def one(name: str, datatype: str, *shape: int) -> dict[str, Any]:
    return {"name": name, "datatype": datatype, "shape": list(shape)}


def test_none_is_none() -> None:
    assert parse_signature(None) is None


def test_one_input_of_numbers_is_a_tensor() -> None:
    found = parse_signature({"inputs": [one("image", "UINT8", -1, 3, -1, 4)]})
    assert found == Signature(columns=None, tensors=(Tensor("image", np.dtype(np.uint8), (3, None, 4)),))


def test_several_are_columns() -> None:
    found = parse_signature({"inputs": [one("amount", "FP64", -1), one("country", "BYTES", -1)]})
    assert found == Signature(columns=(Column("amount", Kind.NUMBER), Column("country", Kind.STRING)), named=True)
    assert parse_signature({"inputs": [one("words", "BYTES", -1)]}) == Signature(
        columns=(Column("words", Kind.STRING),), named=True
    )


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({}, "at least one input"),
        ({"inputs": [one("x", "float", -1)]}, "one of the datatypes"),
        ({"inputs": [one("x", "FP32", 2, 3)]}, r"shape of 'x' begins with -1, which counts rows; got \[2, 3\]"),
        ({"inputs": [one("x", "FP32", -1, 3), one("y", "BYTES", -1)]}, "'y' is text beside tensors"),
        ({"inputs": [one("x", "FP32", -1, 3), one("x", "FP32", -1)]}, "two inputs have the same name"),
    ],
)
def test_what_makes_no_sense_is_named(value: dict[str, Any], words: str) -> None:
    with pytest.raises(ModelLoadError, match=words):
        parse_signature(value)


@pytest.mark.parametrize("shape", [(2,), (2, 3), (2, 3, 4, 5)])
def test_a_model_that_does_not_tell_takes_rows_of_any_shape(shape: tuple[int, ...]) -> None:
    values = np.arange(np.prod(shape), dtype=float).reshape(shape)
    assert listed(parse_rows(values.tolist(), SHAPELESS)) == values.tolist()
    tensor = {"name": "x", "datatype": "FP64", "shape": list(shape), "data": values.ravel().tolist()}
    asked = v2.parse_infer(b'{"inputs": [%s]}' % v2_json(tensor), SHAPELESS, ("predict",))
    assert asked.rows.arrays[0].shape == shape
    assert asked.rows.arrays[0].dtype == np.float32


def v2_json(tensor: dict[str, Any]) -> bytes:
    return str(tensor).replace("'", '"').encode()


def test_its_rows_are_alike_all_the_same() -> None:
    with pytest.raises(InvalidInputError, match="the rows differ in shape"):
        parse_rows([[1, 2], [1, 2, 3]], SHAPELESS)
    with pytest.raises(InvalidInputError, match=r"row 1.*something that is no number"):
        parse_rows([[1, 2], ["a", 2]], SHAPELESS)
    assert v2.metadata("m", "torch", SHAPELESS, [])["inputs"] == [
        {"name": "input", "datatype": "FP32", "shape": [-1, -1]}
    ]


def test_several_inputs_are_tensors_where_one_has_more_than_a_value() -> None:
    found = parse_signature({"inputs": [one("ids", "INT64", -1, -1), one("age", "FP32", -1)]})
    ids, age = Tensor("ids", np.dtype(np.int64), (None,)), Tensor("age", np.dtype(np.float32), ())
    assert found == Signature(columns=None, tensors=(ids, age))


A, B = Column("a", Kind.STRING, frozenset({"x", "y"}), required=False), Column("b", Kind.INTEGER)
READ = Signature(columns=(A, B), named=True)


def told(*columns: Column) -> Signature:
    return Signature(columns=columns, named=True)


@pytest.mark.parametrize(
    ("case", "known", "said", "everywhere", "where_unknown"),
    [
        ("a model that says nothing", SHAPELESS, READ, READ, READ),
        (
            "values and demands stay the model's",
            READ,
            told(Column("a", Kind.STRING), Column("b", Kind.INTEGER)),
            told(A, B),
            READ,
        ),
        (
            "another type is what the user says, and the model's where it knows",
            READ,
            told(Column("a", Kind.NUMBER), B),
            told(Column("a", Kind.NUMBER), B),
            READ,
        ),
        (
            "what the model does not know is filled",
            told(A, Column("b")),
            told(Column("a", Kind.STRING), Column("b", Kind.DATETIME)),
            told(A, Column("b", Kind.DATETIME)),
            told(A, Column("b", Kind.DATETIME)),
        ),
        (
            "a dropped column and another order are the user's",
            READ,
            told(Column("more"), Column("b", Kind.INTEGER), Column("a", Kind.STRING)),
            told(Column("more"), B, A),
            READ,
        ),
        (
            "names as LightGBM keeps them",
            told(Column("an_amount", Kind.NUMBER, missing=Missing.REFUSED)),
            told(Column("an amount", Kind.NUMBER)),
            told(Column("an amount", Kind.NUMBER, missing=Missing.REFUSED)),
            told(Column("an_amount", Kind.NUMBER, missing=Missing.REFUSED)),
        ),
        (
            "columns without names go by place",
            Signature(columns=(Column("0", Kind.INTEGER, required=False),)),
            told(Column("count", Kind.NUMBER)),
            told(Column("count", Kind.INTEGER, required=False)),
            Signature(columns=(Column("0", Kind.INTEGER, required=False),)),
        ),
    ],
)
def test_what_is_told_is_put_beside_what_the_model_says(
    case: str, known: Signature, said: Signature, everywhere: Signature, where_unknown: Signature
) -> None:
    assert refined(known, said) == everywhere, case
    assert refined(known, said, only_unknown=True) == where_unknown, case

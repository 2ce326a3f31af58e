from typing import Any

import numpy as np
import pytest

from eagleray_serving.columns import Column, Kind
from eagleray_serving.errors import InvalidInputError
from eagleray_serving.rows import Rows, Signature, parse_rows
from unit.serving.asking import SEVERAL, listed

NUMBERS = Signature((Column("0", Kind.NUMBER), Column("1", Kind.NUMBER)))
NAMED = Signature(
    (
        Column("age", Kind.NUMBER),
        Column("plan", Kind.STRING, values=frozenset({"a", "b"})),
        Column("note", required=False),
    ),
    named=True,
)
TEXT = Signature(None, text=True)
UNKNOWN = Signature(None)


@pytest.mark.parametrize(
    ("instances", "values"),
    [
        ([[1, 2]], [[1, 2]]),
        ([[1, 2.5], [3, 4]], [[1, 2.5], [3, 4]]),
        ([[True, 2]], [[1, 2]]),
        ([[None, 2]], [[np.nan, 2]]),
        ([[2**70, 1]], [[2.0**70, 1]]),
    ],
)
def test_numbers_become_one_float_array(instances: Any, values: Any) -> None:
    rows = parse_rows(instances, NUMBERS)
    assert rows.arrays[0].dtype == np.float64
    np.testing.assert_array_equal(rows.arrays[0], values)


def test_named_rows_are_put_into_training_order() -> None:
    rows = parse_rows([{"plan": "a", "age": 3, "note": 1}, {"age": None, "plan": None}], NAMED)
    assert [column.name for column in rows.columns] == ["age", "plan", "note"]
    assert [values.dtype.kind for values in rows.arrays] == ["f", "O", "O"]
    np.testing.assert_equal(listed(rows), [[3, "a", 1], [np.nan] * 3])


def test_listed_rows_of_a_named_model_get_the_names() -> None:
    rows = parse_rows([[3, "a", None]], NAMED)
    assert rows.named
    assert [column.name for column in rows.columns] == ["age", "plan", "note"]


def test_an_unknown_model_takes_lists_and_objects() -> None:
    assert not parse_rows([[1, "x"]], UNKNOWN).named
    rows = parse_rows([{"b": 1, "a": 2}], UNKNOWN)
    assert rows.named
    assert [column.name for column in rows.columns] == ["b", "a"]
    assert listed(parse_rows(["one", None], UNKNOWN)) == ["one", None]


def test_text_rows() -> None:
    assert listed(parse_rows(["one", "two"], TEXT)) == ["one", "two"]


@pytest.mark.parametrize(
    ("signature", "instances", "row", "field", "words"),
    [
        (NUMBERS, None, None, "instances", "got null"),
        (NUMBERS, {"a": 1}, None, "instances", "got an object"),
        (NUMBERS, [], None, "instances", "at least one row"),
        (NUMBERS, [[]], 0, None, "expected 2 values, got 0"),
        (NUMBERS, [[1, 2], [1]], 1, None, "expected 2 values, got 1"),
        (NUMBERS, [[1, 2], [1, 2, 3]], 1, None, "expected 2 values, got 3"),
        (NUMBERS, [[1, 2], [1, "2"]], 1, "1", "expected a number, got a string"),
        (NUMBERS, [[1, [2]]], 0, "1", "expected a number, got a list"),
        (NUMBERS, [[[1], [2]]], 0, "0", "expected a number, got a list"),
        (NUMBERS, [1, 2], 0, None, "send each row as a list"),
        (NUMBERS, [{"0": 1, "1": 2}], 0, None, "without column names"),
        (NUMBERS, [[1, 2], {"0": 1}], 1, None, "got an object"),
        (NAMED, [{"age": 1}], 0, "plan", "missing"),
        (NAMED, [{"age": 1, "plan": "a"}, {"age": 1, "plan": "a", "x": 2}], 1, "x", "no such column"),
        (NAMED, [{"age": "1", "plan": "a"}], 0, "age", "expected a number, got a string"),
        (NAMED, [{"age": 1, "plan": 5}], 0, "plan", "expected a string, got a number"),
        (NAMED, [{"age": 1, "plan": True}], 0, "plan", "got a boolean"),
        (NAMED, [{"age": 1, "plan": "c"}], 0, "plan", "knows only a, b; got 'c'"),
        (NAMED, [{"age": 1, "plan": "a", "note": {}}], 0, "note", "expected one value, got an object"),
        (NAMED, [{"age": 1, "plan": "a"}, [1, "a", 2]], 1, None, "expected an object like row 0"),
        (UNKNOWN, [[]], 0, None, "at least one value"),
        (UNKNOWN, [[1], [1, 2]], 1, None, "expected 1 values, got 2"),
        (UNKNOWN, [{"a": 1}, {"b": 1}], 1, "a", "missing"),
        (TEXT, ["one", 2], 1, None, "expected a string"),
    ],
)
def test_what_does_not_fit_is_named(
    signature: Signature, instances: Any, row: int | None, field: str | None, words: str
) -> None:
    with pytest.raises(InvalidInputError) as caught:
        parse_rows(instances, signature)
    assert (caught.value.row, caught.value.field) == (row, field)
    assert words in str(caught.value)
    assert caught.value.status == 422


def test_rows_can_be_cut_and_joined() -> None:
    rows = parse_rows([[1, 2], [3, 4], [5, 6]], NUMBERS)
    again = Rows.join([rows[0:1], rows[1:3]])
    np.testing.assert_array_equal(again.arrays[0], rows.arrays[0])
    assert rows[0:1].layout == rows.layout


def test_a_row_may_be_an_object_of_tensors() -> None:
    rows = parse_rows([{"age": 0.5, "ids": [1, 2]}, {"ids": [3, 4], "age": 2}], SEVERAL)
    assert [tensor.tolist() for tensor in rows.arrays] == [[[1, 2], [3, 4]], [0.5, 2]]
    assert [tensor.tolist() for tensor in rows[1:].arrays] == [[[3, 4]], [2]]
    longer = parse_rows([{"age": 1, "ids": [1, 2, 3]}], SEVERAL)
    assert rows.layout != longer.layout
    joined = Rows.join([rows, rows[:1]])
    assert [tensor.tolist() for tensor in joined.arrays] == [[[1, 2], [3, 4], [1, 2]], [0.5, 2, 0.5]]


@pytest.mark.parametrize(
    ("row", "field", "words"),
    [
        ([1, 2], None, "expected an object of ids, age, got a list"),
        ({"ids": [1]}, "age", "the tensor is missing; the model takes ids, age"),
        ({"ids": [1], "age": 1, "sex": 2}, "sex", "no such tensor"),
        ({"ids": [1], "age": [1]}, "age", r"expected a number, got shape \[1\]"),
        ({"ids": [1, "a"], "age": 1}, "ids", "no number"),
        ({"ids": [1.5], "age": 1}, "ids", "whole numbers"),
    ],
)
def test_what_is_wrong_with_one_of_several_tensors_is_named(row: Any, field: str | None, words: str) -> None:
    with pytest.raises(InvalidInputError, match=words) as caught:
        parse_rows([{"ids": [1], "age": 1}, row], SEVERAL)
    assert (caught.value.row, caught.value.field) == (1, field)

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from eagleray_serving.errors import InvalidInputError
from eagleray_serving.rows import Signature, parse_rows
from eagleray_serving.tensors import Tensor, parse_tensor


def tensor(dtype: Any = np.float32, shape: tuple[int | None, ...] = (2, 3)) -> Tensor:
    return Tensor("image", np.dtype(dtype), shape)


@given(
    arrays.arrays(np.float32, st.tuples(st.integers(1, 4), st.just(2), st.just(3)), elements=st.floats(-9, 9, width=32))
)
def test_nested_lists_come_back_as_they_were(values: Any) -> None:
    rows = parse_rows(values.tolist(), Signature(None, tensors=(tensor(),)))
    assert np.array_equal(rows.arrays[0], values)
    assert rows.arrays[0].dtype == np.float32
    assert rows.arrays[0].flags.c_contiguous


@pytest.mark.parametrize(
    ("instances", "row", "words"),
    [
        ([[[1, 2, 3], [4, 5, 6]], [[1, 2, 3]]], 1, "expected numbers of shape [2, 3], got shape [1, 3]"),
        ([[[1, 2, 3], [4, 5]]], 0, "lists of unequal lengths"),
        ([[[1, 2, 3], [4, 5, "x"]]], 0, "no number"),
        ([[[1, 2, 3], [4, 5, None]]], 0, "no number"),
        ([5], 0, "got shape []"),
        ([[]], 0, "got shape [0]"),
        ([{"a": 1}], 0, "no number"),
    ],
)
def test_what_does_not_fit_is_named_with_its_row(instances: list[Any], row: int, words: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        parse_tensor(instances, tensor())
    assert caught.value.row == row
    assert words in str(caught.value)


def test_any_size_but_one_for_all() -> None:
    wide = tensor(shape=(None,))
    assert parse_tensor([[1, 2], [3, 4]], wide).shape == (2, 2)
    with pytest.raises(InvalidInputError, match="the rows differ in shape"):
        parse_tensor([[1, 2], [3]], wide)


@pytest.mark.parametrize("values", [[[1.5]], [[256]], [[-1]]])
def test_a_number_that_the_type_does_not_hold_is_refused(values: list[Any]) -> None:
    with pytest.raises(InvalidInputError, match="whole numbers from 0 to 255") as caught:
        parse_tensor([[0], *values], tensor(np.uint8, (1,)))
    assert caught.value.row == 1
    assert parse_tensor([[1.0]], tensor(np.uint8, (1,))).tolist() == [[1]]


def test_a_number_beyond_the_type_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="a number is too large for float32") as caught:
        parse_tensor([[1], [1e39]], tensor(np.float32, (1,)))
    assert caught.value.row == 1
    assert parse_tensor([[3e38]], tensor(np.float32, (1,))).dtype == np.float32


def test_booleans_are_no_numbers() -> None:
    assert parse_tensor([[True]], tensor(np.bool_, (1,))).tolist() == [[True]]
    with pytest.raises(InvalidInputError, match="expected booleans"):
        parse_tensor([[1]], tensor(np.bool_, (1,)))

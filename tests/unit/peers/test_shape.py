"""Values of peers, one type at a time."""

import contextlib
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eagleray.domain.facts.serve import AppStatus
from eagleray.peers.shape import (
    MOST,
    ShapeError,
    items,
    loads,
    mapping,
    moment,
    number,
    text,
    whole,
    word,
)

READ: dict[str, Callable[[object], Any]] = {
    "mapping": lambda value: mapping(value, "it", 2),
    "items": lambda value: items(value, "it", 2),
    "text": lambda value: text(value, "it", 5),
    "whole": lambda value: whole(value, "it"),
    "number": lambda value: number(value, "it"),
    "moment": lambda value: moment(value, "it"),
    "word": lambda value: word(AppStatus, value, "it"),
}


@pytest.mark.parametrize(
    ("how", "value", "read"),
    [
        ("mapping", {"a": 1}, {"a": 1}),
        ("items", [1, 2], [1, 2]),
        ("text", "\x1b[1mabcdefgh", "abcde"),
        ("whole", MOST, MOST),
        ("number", 2, 2.0),
        ("moment", 1.5, datetime.fromtimestamp(1.5, UTC)),
        ("word", "RUNNING", AppStatus.RUNNING),
        ("word", "PONDERING", AppStatus.UNKNOWN),
    ],
)
def test_values_are_read(how: str, value: object, read: object) -> None:
    assert READ[how](value) == read


TOO_MANY: list[object] = [[1, 2, 3], {"a": 1, "b": 2, "c": 3}]


@pytest.mark.parametrize(
    ("how", "value"),
    [
        *((how, None) for how in READ),
        *((how, value) for how in READ for value in TOO_MANY),
        *((how, True) for how in READ),
        *((how, -1) for how in READ),
        ("mapping", []),
        ("items", {}),
        ("text", 1),
        ("whole", "1"),
        ("whole", 1.0),
        ("whole", MOST + 1),
        ("number", "1"),
        ("number", float("nan")),
        ("number", float("inf")),
        ("moment", 1e300),
        ("word", ["RUNNING"]),
    ],
)
def test_values_of_another_type_are_refused(how: str, value: object) -> None:
    with pytest.raises(ShapeError, match=r"^it "):
        READ[how](value)


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)


@given(st.sampled_from(sorted(READ)), JSON)
def test_there_is_no_other_error(how: str, value: object) -> None:
    with contextlib.suppress(ShapeError):
        READ[how](value)


@pytest.mark.parametrize("body", [b"", b"{", b"NaN", b"1" + b"0" * 400, b"1e400", b'"\\ud800"', b"\xff", b"[" * 5000])
def test_what_is_no_json_is_said(body: bytes) -> None:
    with pytest.raises(ShapeError, match="no JSON"):
        loads(body)

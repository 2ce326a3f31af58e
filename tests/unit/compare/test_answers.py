"""Which answers say the same, and where others differ first."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eagleray_compare.answers import MAX_TEXT, Answer, Difference, Tolerance, compare

LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
DOCUMENTS = st.recursive(LEAVES, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=30)
TOLERANCES = st.builds(Tolerance, st.floats(0, 1), st.floats(0, 1e6))
FINITE = st.floats(allow_nan=False, allow_infinity=False)
HUGE = 10**400


def said(value: Any, status: int = 200) -> Answer:
    return Answer(status, value if isinstance(value, bytes) else json.dumps(value).encode())


def v2(**outputs: list[Any]) -> dict[str, Any]:
    data = [{"name": n, "datatype": "FP64", "shape": [len(d)], "data": d} for n, d in outputs.items()]
    return {"model_name": "m", "id": str(outputs), "outputs": data}


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ({"predictions": ["cat", "dog"]}, {"predictions": ["cat", "dog"], "model_version": "2"}),
        ({"predictions": [0.1 + 0.2, [1e9]]}, {"predictions": [0.3, [1e9 + 1]]}),
        ({"predictions": [1]}, {"predictions": [1.0]}),
        ({"predictions": [float("nan"), float("inf")]}, {"predictions": [float("nan"), float("inf")]}),
        (v2(label=["a"], score=[0.5]), v2(score=[0.5 + 1e-10], label=["a"])),
        ({"b": 1, "a": [True, None]}, {"a": [True, None], "b": 1}),
        (b"no json", b"no json"),
        (HUGE, HUGE),
        ([], []),
    ],
)
def test_answers_that_say_the_same(a: Any, b: Any) -> None:
    assert compare(said(a), said(b), Tolerance()) is None


@pytest.mark.parametrize(
    ("a", "b", "difference"),
    [
        ({"predictions": ["cat", "dog"]}, {"predictions": ["cat", "cow"]}, ("predictions[1]", '"dog"', '"cow"')),
        ({"predictions": [[0.1, 0.9]]}, {"predictions": [[0.1, 0.8]]}, ("predictions[0][1]", "0.9", "0.8")),
        ({"predictions": [1_000_000]}, {"predictions": [1_000_001]}, ("predictions[0]", "1000000", "1000001")),
        ({"predictions": [1, 2]}, {"predictions": [1]}, ("predictions", "2 items", "1 items")),
        ({"predictions": [1]}, {"predictions": [True]}, ("predictions[0]", "1", "true")),
        ({"predictions": [0.5]}, {"predictions": ["0.5"]}, ("predictions[0]", "0.5", '"0.5"')),
        ({"predictions": [float("nan")]}, {"predictions": [1.0]}, ("predictions[0]", "NaN", "1.0")),
        ({"predictions": [1]}, {"error": "x"}, ("predictions", "a list of 1", "absent")),
        (v2(label=["a"]), v2(label=["b"]), ("outputs.label.data[0]", '"a"', '"b"')),
        (v2(label=["a"]), v2(other=["a"]), ("outputs.label", "an object of 2", "absent")),
        ({"a": 1, "b": {"c": 2}}, {"a": 1, "b": {"c": 2, "d": 3}}, ("b.d", "absent", "3")),
        (3, 4, ("body", "3", "4")),
        (b"text", {"a": 1}, ("body", "4 bytes: text", '8 bytes: {"a": 1}')),
        (float("inf"), HUGE, None),
        (b"[" * 100_000, b"]", None),
        (b"1" * 5000, b"2", None),
    ],
)
def test_where_answers_differ_first(a: Any, b: Any, difference: tuple[str, str, str] | None) -> None:
    found = compare(said(a), said(b), Tolerance())
    assert found is not None
    if difference:
        assert found == Difference(*difference)


def test_an_answer_with_another_status_differs_whatever_it_says() -> None:
    assert compare(said(1), said(1, 500), Tolerance()) == Difference("status", "200", "500")


@pytest.mark.parametrize(
    ("tolerance", "same"),
    [
        (Tolerance(0, 0), False),
        (Tolerance(0.05, 0), True),
        (Tolerance(0.04, 0), False),
        (Tolerance(0, 5), True),
        (Tolerance(0, 4.9), False),
    ],
)
def test_the_larger_allowance_counts(tolerance: Tolerance, *, same: bool) -> None:
    assert (compare(said([100.5]), said([95.5]), tolerance) is None) is same


@given(DOCUMENTS, TOLERANCES)
def test_every_answer_equals_itself_however_it_is_written(document: Any, tolerance: Tolerance) -> None:
    assert compare(said(document), said(json.dumps(document, indent=1).encode()), tolerance) is None


@given(DOCUMENTS, DOCUMENTS, TOLERANCES)
def test_it_does_not_matter_which_is_the_users(a: Any, b: Any, tolerance: Tolerance) -> None:
    one, other = compare(said(a), said(b), tolerance), compare(said(b), said(a), tolerance)
    assert (one is None) == (other is None)


@given(st.binary(), st.binary(), TOLERANCES)
def test_a_report_of_any_bytes_is_short(a: bytes, b: bytes, tolerance: Tolerance) -> None:
    found = compare(said(a), said(b), tolerance)
    assert found is None or max(map(len, (found.path, found.user, found.mirror))) <= MAX_TEXT


@given(FINITE, FINITE, TOLERANCES)
def test_numbers_within_the_tolerance_and_no_others_are_the_same(a: float, b: float, tolerance: Tolerance) -> None:
    apart = abs(a - b)
    near = apart <= max(tolerance.relative * max(abs(a), abs(b)), tolerance.absolute)
    assert (compare(said([a]), said([b]), tolerance) is None) == (near or a == b)


@given(FINITE, FINITE, TOLERANCES)
def test_a_wider_tolerance_finds_no_more(a: float, b: float, tolerance: Tolerance) -> None:
    wider = Tolerance(tolerance.relative * 2, tolerance.absolute * 2)
    if compare(said([a]), said([b]), tolerance) is None:
        assert compare(said([a]), said([b]), wider) is None

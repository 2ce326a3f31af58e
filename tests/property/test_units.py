import re
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from eagleray.api.units import (
    DURATION_PATTERN,
    QUANTITY_PATTERN,
    format_bytes,
    format_duration,
    format_quantity,
    parse_duration,
    parse_quantity,
)

MILLISECONDS = st.integers(min_value=0, max_value=100_000 * 3_600_000 - 1)


@given(MILLISECONDS)
def test_a_written_duration_reads_back(milliseconds: int) -> None:
    text = format_duration(milliseconds / 1000)
    assert re.fullmatch(DURATION_PATTERN, text)
    assert round(parse_duration(text) * 1000) == milliseconds


@given(st.from_regex(DURATION_PATTERN, fullmatch=True))
def test_every_duration_of_the_pattern_is_read(text: str) -> None:
    assert parse_duration(text) >= 0


@given(st.from_regex(re.compile(QUANTITY_PATTERN, re.ASCII), fullmatch=True).filter(lambda text: len(text) < 24))
def test_every_quantity_of_the_pattern_is_read(text: str) -> None:
    if len(re.sub(r".*[eE]", "", text)) < 4:  # Kubernetes caps exponents far below Decimal's
        assert parse_quantity(text) >= 0


@given(st.decimals(min_value=0, max_value=10**9, places=6, allow_nan=False))
def test_a_written_quantity_is_never_too_small(value: Decimal) -> None:
    written = parse_quantity(format_quantity(value))
    assert value <= written < value + Decimal("0.001")


@given(st.integers(min_value=0, max_value=2**60))
def test_written_memory_reads_back(count: int) -> None:
    assert parse_quantity(format_bytes(count)) == count

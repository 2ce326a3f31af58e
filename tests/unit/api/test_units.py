from decimal import Decimal

import pytest

from eagleray.api.units import format_bytes, format_duration, format_quantity, parse_duration, parse_quantity


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("50ms", 0.05),
        ("10s", 10),
        ("5m", 300),
        ("1h", 3600),
        ("1h30m", 5400),
        ("1m500ms", 60.5),
        ("0s", 0),
        ("99999h", 359_996_400),
    ],
)
def test_duration_is_read(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "5", "s", "1.5s", "-1s", "1 s", "10S", "1d", "100000s", "1s\n", "1h1h1h1h1h"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration; write a number and a unit"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0s"), (0.05, "50ms"), (90, "1m30s"), (3600, "1h"), (0.0004, "0s"), (61.5, "1m1s500ms")]
)
def test_duration_is_written_in_large_units(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


@pytest.mark.parametrize("seconds", [-1, 1e12])
def test_duration_out_of_range_is_refused(seconds: float) -> None:
    with pytest.raises(ValueError, match="cannot be written as a duration"):
        format_duration(seconds)


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (2, "2"),
        ("0", "0"),
        ("500m", "0.5"),
        ("0.5", "0.5"),
        (".5", "0.5"),
        ("1.", "1"),
        ("+3", "3"),
        ("1k", "1000"),
        ("1Ki", "1024"),
        ("1Gi", "1073741824"),
        ("1.5Gi", "1610612736"),
        ("1G", "1000000000"),
        ("1E", "1e18"),
        ("1e3", "1000"),
        ("1E3", "1000"),
        ("5e-1", "0.5"),
        ("100u", "0.0001"),
        ("1n", "0.000000001"),
    ],
)
def test_quantity_is_read(value: str | int, number: str) -> None:
    assert parse_quantity(value) == Decimal(number)


@pytest.mark.parametrize("text", ["", "-1", "1GiB", "1 Gi", "Gi", "1gi", "0x10", ".", "1e", "1Ki\n", "nan", "1_000"])
def test_what_is_no_quantity_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a quantity; write it as Kubernetes does"):
        parse_quantity(text)


@pytest.mark.parametrize(
    ("value", "text"), [("0", "0"), ("2", "2"), ("0.5", "500m"), ("0.0001", "1m"), ("1.9999", "2"), ("1.25", "1250m")]
)
def test_quantity_is_written_in_thousandths_rounded_up(value: str, text: str) -> None:
    assert format_quantity(Decimal(value)) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [("0", "0"), ("1", "1"), ("1024", "1Ki"), ("1610612736", "1536Mi"), ("1073741824", "1Gi"), ("0.5", "1")],
)
def test_memory_is_written_in_the_largest_exact_unit(value: str, text: str) -> None:
    assert format_bytes(Decimal(value)) == text


def test_negative_amounts_are_refused() -> None:
    with pytest.raises(ValueError, match="-1 is negative"):
        format_quantity(-1)
    with pytest.raises(ValueError, match="-1 is negative"):
        format_bytes(-1)

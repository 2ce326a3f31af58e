"""Durations and quantities as Kubernetes writes them."""

import math
import re
from decimal import Decimal

DURATION_PATTERN = r"^([0-9]{1,5}(h|m|s|ms)){1,4}$"
"""The Gateway API's format for durations (GEP-2257)."""

QUANTITY_PATTERN = r"^\+?([0-9]+(\.[0-9]*)?|\.[0-9]+)([KMGTPE]i|[numkMGTPE]|[eE][-+]?[0-9]+)?$"
"""A quantity that is not negative, as `k8s.io/apimachinery/pkg/api/resource` reads it."""

_MILLISECONDS = {"h": 3_600_000, "m": 60_000, "s": 1000, "ms": 1}
_DURATION_PART = re.compile(r"([0-9]{1,5})(ms|h|m|s)")
_QUANTITY = re.compile(r"^\+?([0-9.]+)(.*)$")
_SCALES = {
    "": Decimal(1),
    "n": Decimal("1e-9"),
    "u": Decimal("1e-6"),
    "m": Decimal("1e-3"),
    **{unit: Decimal(1000) ** power for power, unit in enumerate("kMGTPE", start=1)},
    **{f"{unit}i": Decimal(1024) ** power for power, unit in enumerate("KMGTPE", start=1)},
}


def parse_duration(text: str) -> float:
    """Read a duration such as `50ms`, `10s`, `5m` or `1h30m`.

    Returns:
        The duration in seconds.

    Raises:
        ValueError: if `text` is not a duration.
    """
    if re.fullmatch(DURATION_PATTERN, text) is None:
        raise ValueError(f"{text!r} is not a duration; write a number and a unit, such as 50ms, 10s, 5m or 1h30m")
    parts = _DURATION_PART.findall(text)
    return sum(int(number) * _MILLISECONDS[unit] for number, unit in parts) / 1000


def format_duration(seconds: float) -> str:
    """Write a duration with the largest units that are exact to the millisecond: 90 is `1m30s`.

    Args:
        seconds: the duration in seconds, rounded to milliseconds.

    Raises:
        ValueError: if `seconds` is negative or above 99,999 hours.
    """
    rest = round(seconds * 1000)
    if not 0 <= rest < 100_000 * _MILLISECONDS["h"]:
        raise ValueError(f"{seconds} seconds cannot be written as a duration")
    text = ""
    for unit, size in _MILLISECONDS.items():
        count, rest = divmod(rest, size)
        text += f"{count}{unit}" if count else ""
    return text or "0s"


def parse_share(text: str, whole: int) -> int:
    """A number, or a share of `whole` in percent, rounded up: `2`, `25%`."""
    return math.ceil(whole * int(text[:-1]) / 100) if text.endswith("%") else int(text)


def parse_quantity(value: str | int) -> Decimal:
    """Read a quantity such as `500m`, `2`, `1Gi` or `1e3`.

    Returns:
        The quantity in its base unit (cores, bytes, devices), exact.

    Raises:
        ValueError: if `value` is not a quantity or is negative.
    """
    text = str(value)
    found = _QUANTITY.match(text) if re.fullmatch(QUANTITY_PATTERN, text) else None
    if found is None:
        raise ValueError(f"{text!r} is not a quantity; write it as Kubernetes does, such as 500m, 2 or 1Gi")
    number, suffix = found.groups()
    scale = _SCALES.get(suffix)
    return Decimal(number) * (Decimal(f"1{suffix}") if scale is None else scale)


def format_quantity(value: Decimal | int) -> str:
    """Write a quantity of cores or devices: whole numbers as they are, others in thousandths rounded up.

    Raises:
        ValueError: if `value` is negative.
    """
    exact = Decimal(value)
    if exact < 0:
        raise ValueError(f"{value} is negative; a quantity is not")
    if exact == exact.to_integral_value():
        return str(int(exact))
    milli = math.ceil(exact * 1000)
    return str(milli // 1000) if milli % 1000 == 0 else f"{milli}m"


def format_bytes(value: Decimal | int) -> str:
    """Write an amount of memory with the largest binary unit that is exact, whole bytes rounded up.

    Raises:
        ValueError: if `value` is negative.
    """
    exact = Decimal(value)
    if exact < 0:
        raise ValueError(f"{value} is negative; an amount of memory is not")
    count = math.ceil(exact)
    for power, unit in reversed([*enumerate("KMGTPE", start=1)]):
        if count and count % 1024**power == 0:
            return f"{count // 1024**power}{unit}i"
    return str(count)

"""Reads JSON of peers, of which nothing is certain: each function gives a value of one type, or says what is wrong."""

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final, TypeVar

import orjson

from eagleray.domain.facts.text import strip_ansi

_S = TypeVar("_S", bound=StrEnum)
MOST: Final = 2**53
"""No count is larger: up to here whole numbers are the same everywhere."""
MANY: Final = 4096
"""No map of names is larger."""
_MAX_NAME: Final = 256
# The year 3000.
_LAST: Final = 32_503_680_000


class ShapeError(ValueError):
    """An answer is not as it should be; the message says where, and nothing of what is there."""


def loads(body: bytes) -> Any:  # noqa: ANN401 -- JSON
    """Parse JSON.

    Raises:
        ShapeError: it is none.
    """
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as e:
        raise ShapeError("no JSON") from e


def mapping(value: object, where: str, most: int = MANY) -> Mapping[str, Any]:
    """A JSON object.

    Args:
        value: what is there.
        where: its place, for the message.
        most: the number of entries above which it is refused.

    Raises:
        ShapeError: it is something else, or too large.
    """
    if not isinstance(value, dict):
        raise ShapeError(f"{where} is no object")
    if len(value) > most:
        raise ShapeError(f"{where} has more than {most} entries")
    return value


def items(value: object, where: str, most: int) -> Sequence[Any]:
    """A JSON array.

    Raises:
        ShapeError: it is something else, or has more than `most` items.
    """
    if not isinstance(value, list):
        raise ShapeError(f"{where} is no array")
    if len(value) > most:
        raise ShapeError(f"{where} has more than {most} items")
    return value


def text(value: object, where: str, most: int = _MAX_NAME) -> str:
    """Text without anything that acts on a terminal, cut to `most` characters.

    Raises:
        ShapeError: it is something else.
    """
    if not isinstance(value, str):
        raise ShapeError(f"{where} is no text")
    if len(value) <= most and value.isprintable():
        return value
    return strip_ansi(value[: 2 * most])[:most]


def whole(value: object, where: str) -> int:
    """A count.

    Raises:
        ShapeError: it is something else, negative or beyond `MOST`.
    """
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MOST:
        raise ShapeError(f"{where} is no count")
    return value


def number(value: object, where: str) -> float:
    """A finite number of at least zero.

    Raises:
        ShapeError: it is something else.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
        raise ShapeError(f"{where} is no number of at least zero")
    return float(value)


def moment(value: object, where: str) -> datetime:
    """A time, from Unix seconds.

    Raises:
        ShapeError: it is something else, or lies beyond `_LAST`.
    """
    seconds = number(value, where)
    if seconds > _LAST:
        raise ShapeError(f"{where} is no time")
    return datetime.fromtimestamp(seconds, UTC)


def word(kind: type[_S], value: object, where: str) -> _S:
    """One of the words of `kind`; one of a newer peer is its `UNKNOWN`.

    Raises:
        ShapeError: it is no text.
    """
    return kind(name) if (name := text(value, where)) in kind.__members__ else kind("UNKNOWN")

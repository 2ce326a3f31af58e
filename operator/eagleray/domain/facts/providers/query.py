"""A question to a server that knows a figure, and what became of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


class NoValueError(Exception):
    """There was no number; the message says why, and nothing of what the server wrote."""


@dataclass(frozen=True, slots=True)
class ProviderRequest:
    """How a server is asked.

    Attributes:
        method: of HTTP.
        url: where.
        params: of the URL.
        body: what is sent as JSON; None for nothing.
    """

    method: str
    url: str
    params: Mapping[str, str]
    body: Mapping[str, str] | None = None


class ProviderQuery(Protocol):
    """One question; two that are equal have one answer."""

    @property
    def url(self) -> str:
        """Where the server answers."""
        ...

    def request(self) -> ProviderRequest:
        """How to ask it."""
        ...

    def value(self, answer: object) -> float:
        """The number in an answer.

        Args:
            answer: parsed JSON.

        Raises:
            NoValueError: there is not one number in it.
        """
        ...

    def __hash__(self) -> int:
        """Equal questions have equal hashes."""
        ...


@dataclass(frozen=True, slots=True)
class Reading:
    """An answer.

    Attributes:
        at: when it was given.
        value: the number; None where there was none.
        error: why there was none.
    """

    at: datetime
    value: float | None
    error: str = ""


Readings = Mapping[ProviderQuery, Reading]

"""A user's own server."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from eagleray.domain.facts.providers.query import NoValueError, ProviderRequest

DEFAULT_PATH = "value"


@dataclass(frozen=True, slots=True)
class WebQuery:
    """A question to a server that answers `POST` with JSON.

    Attributes:
        url: where it answers.
        path: where in its answer the number is.
        about: what it is told, as pairs of name and value.
    """

    url: str
    path: str
    about: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, url: str, path: str | None, about: Mapping[str, str]) -> Self:
        """Make a question.

        Args:
            url: where the server answers.
            path: where in its answer the number is; None for `DEFAULT_PATH`.
            about: what it is told.
        """
        return cls(url, path or DEFAULT_PATH, tuple(about.items()))

    def request(self) -> ProviderRequest:
        """How to ask it."""
        return ProviderRequest("POST", self.url, {}, dict(self.about))

    def value(self, answer: Any) -> float:  # noqa: ANN401 -- JSON
        """The number at the path; true counts 1, false 0.

        Raises:
            NoValueError: there is none.
        """
        for name in self.path.split("."):
            answer = answer.get(name) if isinstance(answer, dict) else None
        if not isinstance(answer, int | float):
            raise NoValueError(f"no number at {self.path}")
        try:
            return float(answer)
        except OverflowError as e:
            raise NoValueError(f"the number at {self.path} is too large") from e

"""What keeps something from doing its work."""

from dataclasses import dataclass

from eagleray.api.conditions import Reason


class InvalidSpecError(ValueError):
    """The spec cannot be acted on; the message names the field and the cause."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that keeps a revision from answering.

    Attributes:
        reason: a constant for programs.
        message: for people: what, why, and what to do.
    """

    reason: Reason
    message: str


def known_reason(word: str, otherwise: Reason) -> Reason:
    """The reason that was remembered; `otherwise` for a word of another version of the operator."""
    return Reason(word) if word in Reason.__members__.values() else otherwise

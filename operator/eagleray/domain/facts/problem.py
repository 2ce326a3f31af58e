"""What keeps something from doing its work."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

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


@dataclass(frozen=True, slots=True)
class PartOutcome:
    """How the last try to do a part of a plan ended, where it did not end well.

    Attributes:
        part: the part.
        reason: `PodsRefused`, `NameConflict` or `ApiUnreachable`.
        message: in the API server's words.
        at: when it was tried.
    """

    part: str
    reason: Reason
    message: str
    at: datetime

    @property
    def problem(self) -> Problem:
        """What it means for what the part is about."""
        return Problem(self.reason, self.message)


@dataclass(frozen=True, slots=True)
class PeerTrouble:
    """Why a question was not answered.

    Attributes:
        kind: whether nobody answered, or somebody did and said no.
        message: for people.
    """

    kind: Literal["unreachable", "refused"]
    message: str


def known_reason(word: str, otherwise: Reason) -> Reason:
    """The reason that was remembered; `otherwise` for a word of another version of the operator."""
    return Reason(word) if word in Reason.__members__.values() else otherwise

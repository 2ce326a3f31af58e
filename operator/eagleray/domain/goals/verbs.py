"""What people ask of a rollout: annotations that name the revision and the attempt, so that each counts once.

`spec` is the user's, often Git's; an annotation that nobody wrote into Git is left alone by Argo CD and Flux. A value
holds one item for each version that it is about, separated by commas; an item about another revision, or about an
attempt that has ended, does nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

FULL = "full"


class Verb(StrEnum):
    """The annotations, each with the form of its items."""

    PROMOTE = "eagleray.dev/promote"
    """`<candidate>/<attempt>/<step>`: end this step; with `full` for the step, all that are left."""
    PAUSE = "eagleray.dev/pause"
    """`<candidate>/<attempt>`: change nothing while the item is there."""
    ABORT = "eagleray.dev/abort"
    """`<candidate>/<attempt>`: take the rollout back."""
    RETRY = "eagleray.dev/retry"
    """`<candidate>/<attempt>`: try again the candidate whose attempt was aborted."""
    ROLLBACK = "eagleray.dev/rollback"
    """`<revision>/<wanted>`: serve this earlier revision as long as spec asks for the revision `wanted`."""


@dataclass(frozen=True, slots=True)
class Verbs:
    """The verbs on one object, by annotation.

    Attributes:
        items: the items of each annotation.
    """

    items: Mapping[Verb, frozenset[str]]

    def promoted(self, candidate: str, attempt: int, step: int) -> bool:
        """Whether the step that is being done was promoted."""
        return f"{candidate}/{attempt}/{step}" in self._of(Verb.PROMOTE)

    def promoted_fully(self, candidate: str, attempt: int) -> bool:
        """Whether all steps that are left were promoted."""
        return f"{candidate}/{attempt}/{FULL}" in self._of(Verb.PROMOTE)

    def paused(self, candidate: str, attempt: int) -> bool:
        """Whether a person paused the rollout."""
        return f"{candidate}/{attempt}" in self._of(Verb.PAUSE)

    def aborted(self, candidate: str, attempt: int) -> bool:
        """Whether a person took the rollout back."""
        return f"{candidate}/{attempt}" in self._of(Verb.ABORT)

    def retried(self, candidate: str, attempt: int) -> bool:
        """Whether a person asked for another attempt after this one."""
        return f"{candidate}/{attempt}" in self._of(Verb.RETRY)

    def rolled_back_from(self, wanted: str) -> str | None:
        """The earlier revision that is to be served instead of `wanted`, or None."""
        found = (item.split("/") for item in sorted(self._of(Verb.ROLLBACK)))
        return next((parts[0] for parts in found if parts[1:] == [wanted]), None)

    def _of(self, verb: Verb) -> frozenset[str]:
        return self.items.get(verb, frozenset())


def read_verbs(annotations: Mapping[str, str]) -> Verbs:
    """Read the verbs among an object's annotations."""
    return Verbs({verb: frozenset(items_of(annotations.get(verb, ""))) for verb in Verb})


def items_of(value: str) -> list[str]:
    """The items of one annotation, in order."""
    return [item for part in value.split(",") if (item := part.strip())]

"""How the last tries to do the parts of a plan ended, and when those that did not end well are tried again."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from eagleray.api.conditions import Reason
from eagleray.domain.actions.actions import Action
from eagleray.domain.facts.problem import PartOutcome
from eagleray.kube.errors import ForbiddenError, InvalidError, KubeError

BASE_SECONDS = 1.0
# A quota that has room again sends no event: what was refused is tried again this often.
MAX_SECONDS = 30.0

Actions = tuple[Action, ...]


class NameTakenError(KubeError):
    """A child cannot be made, for an object of its name exists that is not ours."""


class NameLeavingError(KubeError):
    """A child cannot be made yet, for one of its name is still there that belongs to an object that is gone."""


class NotInstalledError(KubeError):
    """A child cannot be made, for the cluster lacks its kind."""


_REASONS: tuple[tuple[type[KubeError], Reason], ...] = (
    (NameTakenError, Reason.NAME_CONFLICT),
    (NotInstalledError, Reason.GATEWAY_API_MISSING),
    (ForbiddenError, Reason.PODS_REFUSED),
    (InvalidError, Reason.PODS_REFUSED),
    (KubeError, Reason.API_UNREACHABLE),
)


def reason_of(error: KubeError) -> Reason:
    """The condition's reason for a request to the API server that failed."""
    return next(reason for kind, reason in _REASONS if isinstance(error, kind))


@dataclass(frozen=True, slots=True)
class _Failure:
    """A part's failures in a row.

    Attributes:
        outcome: the last of them; its time is that of the first.
        tried: the actions that were tried; others are another try.
        count: how many.
        retry_at: when the next try is due.
    """

    outcome: PartOutcome
    tried: Actions
    count: int
    retry_at: datetime


class PartLog:
    """The parts of one object's plans that did not end well.

    Frees and writes of a part fail and wait apart: what gives room back never waits for what needs it.
    """

    def __init__(self) -> None:
        self._failures: dict[str, _Failure] = {}

    @property
    def outcomes(self) -> Mapping[str, PartOutcome]:
        """By part, how its last try ended."""
        return {failure.outcome.part: failure.outcome for failure in self._failures.values()}

    def due(self, step: str, actions: Actions, now: datetime) -> bool:
        """Whether a step of a part is to be tried: it did not fail, its wait is over, or it is another one."""
        failure = self._failures.get(step)
        return failure is None or failure.tried != actions or now >= failure.retry_at

    def failed(self, step: str, part: str, actions: Actions, error: KubeError, now: datetime) -> None:
        """Note that a step of a part did not end well."""
        before = self._failures.get(step)
        same = before is not None and before.tried == actions
        count = before.count + 1 if before and same else 1
        reason, since = reason_of(error), before.outcome.at if before else now
        wait = (
            BASE_SECONDS if isinstance(error, NameLeavingError) else min(BASE_SECONDS * 2 ** (count - 1), MAX_SECONDS)
        )
        outcome = PartOutcome(part=part, reason=reason, message=str(error), at=since)
        self._failures[step] = _Failure(outcome, actions, count, now + timedelta(seconds=wait))

    def done(self, step: str) -> None:
        """Note that a step of a part ended well, or that there is nothing to do in it."""
        self._failures.pop(step, None)

    def keep(self, steps: Collection[str]) -> None:
        """Forget all other steps: their parts are gone."""
        self._failures = {step: failure for step, failure in self._failures.items() if step in steps}

    def next_try(self) -> datetime | None:
        """When the first step that waits is due again; None where none does."""
        return min((failure.retry_at for failure in self._failures.values()), default=None)

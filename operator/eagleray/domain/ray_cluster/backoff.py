"""When a failing revision is tried again: at once, then after 10 s, doubling up to five minutes."""

from datetime import datetime, timedelta

from eagleray.domain.problem import Problem
from eagleray.domain.state.revision import FailureState

BASE_SECONDS = 10.0
MAX_SECONDS = 300.0
# What brings one Pod down takes others with it a little later.
TOGETHER_SECONDS = 10.0
# A revision that has been well for this long starts again from no failure.
FORGET_SECONDS = 600.0


def delay(count: int) -> float:
    """Seconds to wait after the `count`-th failure in a row, counted from 1."""
    if count <= 1:
        return 0.0
    return float(min(BASE_SECONDS * 2 ** (count - 2), MAX_SECONDS))


def next_try(failure: FailureState | None) -> datetime | None:
    """When the next try is due, or None where nothing failed."""
    return failure.at + timedelta(seconds=delay(failure.count)) if failure else None


def note(failure: FailureState | None, problem: Problem, now: datetime) -> FailureState:
    """The record of one more failure; Pods that fail together are one."""
    if failure is not None and (now - failure.at).total_seconds() < TOGETHER_SECONDS:
        return failure
    count = failure.count + 1 if failure and not forgotten(failure, now) else 1
    return FailureState(reason=problem.reason, message=problem.message, at=now, count=count)


def forgotten(failure: FailureState, now: datetime) -> bool:
    """Whether the failure is so long past that it counts no more."""
    return (now - failure.at).total_seconds() >= FORGET_SECONDS

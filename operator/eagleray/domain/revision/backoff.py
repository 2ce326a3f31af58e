"""When a failing revision is tried again, and when its failures are forgotten.

A Pod is made again at once, then after 10 s, doubling up to five minutes; an application that Serve has given up on
gets a whole new incarnation after a minute, doubling up to ten; a warm-up that fails is sent again after a second,
doubling up to half a minute.
"""

from datetime import datetime, timedelta

from eagleray.domain.facts.probe import ProbeResult
from eagleray.domain.facts.problem import Problem
from eagleray.domain.state.revision import FailureState

BASE_SECONDS = 10.0
MAX_SECONDS = 300.0
APPLICATION_BASE_SECONDS = 60.0
APPLICATION_MAX_SECONDS = 600.0
PROBE_BASE_SECONDS = 1.0
PROBE_MAX_SECONDS = 30.0
# What brings one Pod down takes others with it a little later.
TOGETHER_SECONDS = 10.0
# A revision that has been well for this long starts again from no failure.
FORGET_SECONDS = 600.0


def delay(count: int) -> float:
    """Seconds to wait after the `count`-th failure in a row, counted from 1."""
    if count <= 1:
        return 0.0
    return _doubled(BASE_SECONDS, count - 1, MAX_SECONDS)


def application_retry(failure: FailureState) -> datetime:
    """When a whole new incarnation is due for an application that Serve has given up on."""
    seconds = _doubled(APPLICATION_BASE_SECONDS, failure.count, APPLICATION_MAX_SECONDS)
    return failure.at + timedelta(seconds=seconds)


def next_try(failure: FailureState | None) -> datetime | None:
    """When the next try is due, or None where nothing failed."""
    return failure.at + timedelta(seconds=delay(failure.count)) if failure else None


def probe_retry(result: ProbeResult, now: datetime) -> datetime:
    """When a warm-up that failed is sent again; at once where the clock was put back."""
    seconds = _doubled(PROBE_BASE_SECONDS, result.failures, PROBE_MAX_SECONDS)
    return result.at + timedelta(seconds=seconds) if result.at <= now else now


def note(failure: FailureState | None, problem: Problem, now: datetime) -> FailureState:
    """The record of one more failure; Pods that fail together are one."""
    if failure is not None and (now - failure.at).total_seconds() < TOGETHER_SECONDS:
        return failure
    count = failure.count + 1 if failure else 1
    return FailureState(reason=problem.reason, message=problem.message, at=now, count=count)


def forgotten_at(failure: FailureState, answered_at: datetime | None) -> datetime:
    """From when on the failure counts no more, if the revision is well then.

    Waiting for the next try is not being well, and neither is starting: the time runs from the later of the two ends.

    Args:
        failure: the last one.
        answered_at: when the present incarnation answered first, or None.
    """
    well = max(application_retry(failure), answered_at or failure.at)
    return well + timedelta(seconds=FORGET_SECONDS)


def _doubled(base: float, count: int, most: float) -> float:
    """`base` seconds for the first, twice as long for each one after it, up to `most`."""
    return min(base * 2.0 ** min(count - 1, 10), most)

"""To zero and back: when a version without requests is taken down, and when it is woken."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from eagleray.api.autoscaling import Idle
from eagleray.api.scaling_status import ScalingStatus
from eagleray.api.units import parse_duration
from eagleray.domain.observed import Observed
from eagleray.domain.rollout.signals import Sample
from eagleray.domain.scaling.decision import changed
from eagleray.domain.traffic.router import Hold

DEFAULT_HOLD_SECONDS = 120.0
DEFAULT_MAX_HELD = 100
# What `Retry-After` says before a start was measured.
DEFAULT_START_SECONDS = 30
# `activeAt` is written so many times within `idle.after`: a busy object is not written for every request.
WRITES = 10


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What else counts.

    Attributes:
        needed: why it must run although nobody asks it, or "".
        blind: why it is not known whether anybody does, or "".
        copied: whether it gets copies of requests, which are no requests of its own.
    """

    needed: str = ""
    blind: str = ""
    copied: bool = False


def rest(
    record: ScalingStatus, idle: Idle | None, observed: Observed, now: datetime, circumstances: Circumstances
) -> ScalingStatus:
    """Send a revision to sleep, or wake it.

    Args:
        record: what scaling decided about it just now.
        idle: when it is to sleep, or None for never.
        observed: what was seen.
        now: the time of the decision.
        circumstances: what else counts.
    """
    if idle is None:
        return _woken(record, now, "idle was taken out of spec") if record.idle_since else record
    if record.idle_since is not None:
        if held(record.revision, observed):
            return _woken(record, now, "a request waits")
        if circumstances.needed:
            return _woken(record, now, circumstances.needed)
        return record.model_copy(update={"message": f"no request for {idle.after}"})
    record = _active(record, parse_duration(idle.after), observed, now, copied=circumstances.copied)
    since = record.active_at or now
    stays = bool(circumstances.needed or circumstances.blind) or record.wakes_since is not None
    if stays or (now - since).total_seconds() < parse_duration(idle.after):
        return record
    asleep = changed(record, 0, now, f"no request for {idle.after}")
    return asleep.model_copy(update={"idle_since": now})


def held(revision: str, observed: Observed) -> int:
    """Requests that wait for `revision` to start, at all router Pods."""
    return sum(router.held.get(revision, 0) for router in observed.routers)


def awake(record: ScalingStatus, answered_at: datetime | None, now: datetime) -> ScalingStatus:
    """The record of a revision that has woken: all its replicas answer.

    Args:
        record: its record.
        answered_at: when its present Ray cluster answered first; one that had not gone yet says nothing about a start.
        now: the time.
    """
    if record.wakes_since is None:
        return record
    took = (now - record.wakes_since).total_seconds()
    started = answered_at is not None and answered_at >= record.wakes_since
    known = {"start_seconds": max(1, round(took))} if started else {}
    return record.model_copy(update={"wakes_since": None, "active_at": now, **known})


def hold(record: ScalingStatus, idle: Idle | None) -> Hold | None:
    """How requests wait for a revision that sleeps or wakes; None for one that answers."""
    if idle is None or (record.idle_since is None and record.wakes_since is None):
        return None
    return Hold(
        timeout=hold_seconds(idle),
        max_held=idle.max_held or DEFAULT_MAX_HELD,
        retry_after=record.start_seconds or DEFAULT_START_SECONDS,
    )


def hold_seconds(idle: Idle) -> float:
    """How long a request may wait, in seconds."""
    return parse_duration(idle.hold_timeout) if idle.hold_timeout else DEFAULT_HOLD_SECONDS


def _woken(record: ScalingStatus, now: datetime, why: str) -> ScalingStatus:
    woken = changed(record, max(1, record.min_replicas), now, why)
    return woken.model_copy(update={"idle_since": None, "wakes_since": now, "active_at": now})


def _active(record: ScalingStatus, after: float, observed: Observed, now: datetime, *, copied: bool) -> ScalingStatus:
    """Note when a request was seen last, if that is news."""
    samples = observed.samples
    busy = bool(samples) and any(s.of(record.revision).active for s in samples[-1].stats.values())
    seen = samples[-1].at if busy and not copied else _last_request(samples, record.revision)
    known = record.active_at
    if known is None:
        return record.model_copy(update={"active_at": now})
    if seen is None or (seen - known).total_seconds() < after / WRITES:
        return record
    return record.model_copy(update={"active_at": seen})


def _last_request(samples: Sequence[Sample], revision: str) -> datetime | None:
    """The last look at which a router had answered more requests than at the look before, or did not tell.

    Copies for a mirror are no requests; a router Pod that is new counts from zero.
    """
    for before, after in reversed(list(pairwise(samples))):
        for pod in before.stats.keys() | after.stats.keys():
            if pod not in after.stats or _requests(after, pod, revision) != _requests(before, pod, revision):
                return after.at
    return None


def _requests(sample: Sample, pod: str, revision: str) -> int:
    return sample.stats[pod].of(revision).requests if pod in sample.stats else 0

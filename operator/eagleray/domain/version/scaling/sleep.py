"""To zero and back: when a version without requests is taken down, and when it is woken."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise

from eagleray.api.autoscaling import Idle
from eagleray.api.units import parse_duration
from eagleray.domain.actions.actions import Wake
from eagleray.domain.actions.router_config import Hold
from eagleray.domain.facts.samples import Sample
from eagleray.domain.revision.ray_cluster import sort_out
from eagleray.domain.revision.reach import answering
from eagleray.domain.state.observed import Observed
from eagleray.domain.state.scaling import ScalingState
from eagleray.domain.version.scaling.history import changed

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
    record: ScalingState, idle: Idle | None, observed: Observed, now: datetime, circumstances: Circumstances
) -> ScalingState:
    """Send a revision to sleep, wake it, or end its waking.

    Args:
        record: what scaling decided about it just now.
        idle: when it is to sleep, or None for never.
        observed: what was seen.
        now: the time of the decision.
        circumstances: what else counts.
    """
    if record.idle_since is not None:
        if why := _wake_reason(record, idle, observed, circumstances):
            woken = changed(record, max(1, record.min_replicas), now, why)
            return replace(woken, idle_since=None, wakes_since=now, active_at=now)
        return replace(record, message=f"no request for {idle.after}") if idle else record
    record = _awake(record, observed, now)
    if idle is None:
        return record
    record = _active(record, parse_duration(idle.after), observed, now, copied=circumstances.copied)
    stays = bool(circumstances.needed or circumstances.blind) or record.wakes_since is not None
    if stays or now < _sleeps_at(record, idle, now):
        return record
    asleep = changed(record, 0, now, f"no request for {idle.after}")
    return replace(asleep, idle_since=now)


def sleep_wakes(record: ScalingState, idle: Idle | None, now: datetime) -> Iterator[Wake]:
    """When it is to sleep, unless a request comes."""
    if idle is not None and record.idle_since is None:
        yield Wake(_sleeps_at(record, idle, now), f"no request for {idle.after}")


def held(revision: str, observed: Observed) -> int:
    """Requests that wait for `revision` to start, at all router Pods."""
    return sum(router.held.get(revision, 0) for router in observed.routers)


def hold(record: ScalingState, idle: Idle | None) -> Hold | None:
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


def _wake_reason(record: ScalingState, idle: Idle | None, observed: Observed, circumstances: Circumstances) -> str:
    if idle is None:
        return "idle was taken out of spec"
    return "a request waits" if held(record.revision, observed) else circumstances.needed


def _sleeps_at(record: ScalingState, idle: Idle, now: datetime) -> datetime:
    return (record.active_at or now) + timedelta(seconds=parse_duration(idle.after))


def _awake(record: ScalingState, observed: Observed, now: datetime) -> ScalingState:
    """It has woken when it has answered real requests and a replica of it answers; a start is measured till then.

    A Ray cluster that had not gone yet says nothing about a start.
    """
    if record.wakes_since is None or not answering(record.revision, observed):
        return record
    answered = _answered_at(record.revision, observed, now)
    if answered is None:
        return record
    took = max(1, round((now - record.wakes_since).total_seconds()))
    start = took if answered >= record.wakes_since else record.start_seconds
    return replace(record, wakes_since=None, active_at=now, start_seconds=start)


def _answered_at(revision: str, observed: Observed, now: datetime) -> datetime | None:
    """When its present Ray cluster first answered real requests; None before."""
    known = observed.status.revision(revision)
    cluster = sort_out(revision, observed, known.incarnation if known else -1)
    if cluster.head is None:
        return None
    if known is not None and known.answered_incarnation == cluster.incarnation:
        return known.answered_at or now
    probe = observed.probes.get(revision)
    return now if probe is not None and probe.ok and probe.incarnation == cluster.incarnation else None


def _active(record: ScalingState, after: float, observed: Observed, now: datetime, *, copied: bool) -> ScalingState:
    """Note when a request was seen last, if that is news."""
    samples = observed.samples
    busy = bool(samples) and any(s.of(record.revision).active for s in samples[-1].stats.values())
    seen = samples[-1].at if busy and not copied else _last_request(samples, record.revision)
    known = record.active_at
    if known is None:
        return replace(record, active_at=now)
    if seen is None or (seen - known).total_seconds() < after / WRITES:
        return record
    return replace(record, active_at=seen)


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

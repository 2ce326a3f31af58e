"""When to look again, and how often heads and routers are asked meanwhile."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from eagleray.api.conditions import Reason
from eagleray.domain.actions.actions import ROUTER_PART, Polling, Wake
from eagleray.domain.revision.revision_view import RevisionView
from eagleray.domain.state.observed import Observed, routers_confirm
from eagleray.domain.version.desired import Desired
from eagleray.domain.version.leaving import Leaving
from eagleray.domain.version.version_view import Versions, VersionView

# What moves is looked at so often, whatever comes of it …
MOVING = timedelta(seconds=15)
# … and everything so often, as an event may be lost.
SETTLED = timedelta(seconds=300)

MOVING_SECONDS = 0.5
ROLLING_SECONDS = 1.0
SETTLED_SECONDS = 15.0
# What has settled is judged by the routers, who see each replica; heads have less to tell.
SETTLED_HEADS_SECONDS = 30.0
# The load is looked at so often: while it asks for more than there is, and otherwise.
RISING_SECONDS = 1.0
STEADY_SECONDS = 5.0
# Problems that end by themselves, and that no event tells the end of.
_PASSING = {Reason.REPLICA_STARTING, Reason.ROUTER_STARTING, Reason.WARMUP_FAILED}


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast an object moves.

    Attributes:
        seconds: between two questions to its peers; None where nobody is to be asked.
        why: for the log.
        settled: whether nothing is left to do.
    """

    seconds: float | None
    why: str
    settled: bool = False


def polling(pace: Pace, versions: Versions, leaving: tuple[Leaving, ...], observed: Observed) -> Polling:
    """How often heads and routers are to be asked.

    Args:
        pace: how fast the object moves.
        versions: its versions as they stand.
        leaving: revisions that are still to go.
        observed: what was seen.
    """
    scaling = [record for version in versions for record in version.scaling]
    scaled = _load_seconds(versions)
    if pace.seconds is not None and scaled < pace.seconds:
        pace = Pace(scaled, "scaling looks at the load")
    news = pace.seconds != MOVING_SECONDS or _concerns_routers(versions, leaving, observed)
    load = bool(scaling) or any(v.rollout and not v.aborted for v in versions)
    return Polling(
        SETTLED_HEADS_SECONDS if pace.settled else pace.seconds,
        pace.seconds if news else min(SETTLED_SECONDS, scaled),
        pace.why,
        load=load,
        use=frozenset(name for version in versions for name in version.goal.nodes),
        held=any(record.idle_since for record in scaling),
        # All of them see the same replicas; what one alone sees is known a round later.
        in_turn=pace.settled and not load,
    )


def wake(pace: Pace, versions: Versions, leaving: tuple[Leaving, ...], now: datetime) -> Wake:
    """When the next look is due, if nothing happens before."""
    rules = [*(w for v in versions for w in v.wakes), *(w for one in leaving for w in one.wakes)]
    quiet = pace.seconds is None or pace.seconds >= SETTLED_SECONDS
    latest = Wake(now + (SETTLED if quiet else MOVING), f"{pace.why}: no rule names a time before")
    return min((w for w in (*rules, latest) if w.at > now), key=lambda w: w.at)


def _concerns_routers(versions: Versions, leaving: tuple[Leaving, ...], observed: Observed) -> bool:
    """Whether router Pods have news of what changes: while no replica runs they have none."""
    views = [view for version in versions for view in version.views]
    confirmed = routers_confirm(observed, [view.revision.name for view in views])
    return not confirmed or bool(leaving) or any(view.running and not view.settled for view in views)


def _load_seconds(versions: Versions) -> float:
    """Seconds between two looks at the load; a request that wakes a revision comes as an event."""
    if any(version.goal.rising for version in versions):
        return RISING_SECONDS
    return STEADY_SECONDS if any(version.goal.awake for version in versions) else math.inf


def pace_of(desired: Desired, versions: Versions, leaving: tuple[Leaving, ...], observed: Observed) -> Pace:
    """How fast an object moves.

    Args:
        desired: the parsed object.
        versions: its versions as they stand.
        leaving: revisions that are still to go.
        observed: what was seen.
    """
    views = [view for version in versions for view in version.views]
    if any(one.moves for one in leaving):
        return Pace(MOVING_SECONDS, "a revision leaves")
    if all(version.settled for version in versions):
        return _settled(desired, versions, views, observed)
    if all(view.complete or view.settled for view in views) and any(version.rollout for version in versions):
        return _rolling(desired, versions)
    return _changing(views, observed)


def _changing(views: Sequence[RevisionView], observed: Observed) -> Pace:
    moving = [view for view in views if not (view.settled or _stuck(view, observed) or _starts(view))]
    if moving and not all(view.app.silent for view in moving):
        return Pace(MOVING_SECONDS, "a revision changes")
    if moving:
        return Pace(STEADY_SECONDS, "a head has given no answer for long")
    if any(view.app.problem for view in views):
        return Pace(STEADY_SECONDS, "Serve complains, and no event tells when that ends")
    return Pace(SETTLED_SECONDS, "what is wrong, or starts, ends with an event")


def _settled(desired: Desired, versions: Versions, views: Iterable[RevisionView], observed: Observed) -> Pace:
    if not versions:
        return Pace(None, "nothing runs")
    if not routers_confirm(observed, [view.revision.name for view in views]):
        stuck = ROUTER_PART in observed.outcomes
        return Pace(SETTLED_SECONDS if stuck else MOVING_SECONDS, "the routers take up their configuration")
    if desired.spec.suspend:
        return Pace(None, "it is suspended")
    if all(version.goal.asleep for version in versions):
        return Pace(None, "it sleeps")
    return Pace(SETTLED_SECONDS, "it is settled", settled=True)


def _rolling(desired: Desired, versions: Versions) -> Pace:
    """A pause without measurements only passes the time."""
    rollout = desired.spec.rollout
    measured = rollout is not None and (
        rollout.analysis is not None or any(step.analysis is not None for step in rollout.steps or [])
    )
    if not measured and all(version.waits or _pauses(desired, version) for version in versions):
        return Pace(SETTLED_SECONDS, "a rollout waits")
    return Pace(ROLLING_SECONDS, "a rollout goes on")


def _pauses(desired: Desired, version: VersionView) -> bool:
    rollout, steps = version.rollout, (desired.spec.rollout.steps if desired.spec.rollout else None) or []
    if rollout is None or rollout.direct or rollout.step >= len(steps):
        return False
    return steps[rollout.step].pause is not None and rollout.weight_changed_at is not None


def _starts(view: RevisionView) -> bool:
    """Whether it waits for its head Pod alone, which is there: the kubelet tells when there is somebody to be asked."""
    head = view.cluster.head
    return head is not None and not head.started and not head.deleting


def _stuck(view: RevisionView, observed: Observed) -> bool:
    """Whether something is wrong whose end is an event: a Pod's, the spec's, or that of a part that is tried again."""
    if view.revision.name in observed.outcomes:
        return True
    return view.problem is not None and view.problem.reason not in _PASSING and view.record.failure is None

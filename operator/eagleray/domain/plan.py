"""The heart: `plan(desired, observed, now)` says what to do next about one ModelDeployment, and what to tell of it."""

import math
from datetime import datetime

from eagleray.api.conditions import Reason
from eagleray.domain.actions import Action, AskProvider, AwaitRequest, DeletePod, EnsureRouter, Plan
from eagleray.domain.desired import Desired
from eagleray.domain.leaving import Leaving, leaving_revisions
from eagleray.domain.observed import Observed
from eagleray.domain.problem import known_reason
from eagleray.domain.revision_state import RevisionView
from eagleray.domain.status import conditions
from eagleray.domain.status.report import describe, unchanged_but
from eagleray.domain.traffic.confirm import routers_confirm
from eagleray.domain.traffic.router_pods import leave_nodes
from eagleray.domain.traffic.split import effective_weights, route
from eagleray.domain.versions import Versions, VersionView, view_versions

# Looks are driven by events; these are for what sends none (Serve, the router's health checks).
MOVING_SECONDS = 0.5
ROLLING_SECONDS = 1.0
WAITING_SECONDS = 3.0
SETTLED_SECONDS = 15.0
# The load is looked at so often: while it asks for more than there is, and otherwise.
RISING_SECONDS = 1.0
STEADY_SECONDS = 5.0
ASLEEP_SECONDS = 15.0
STALLED_SECONDS = 60.0


def plan(desired: Desired, observed: Observed, now: datetime) -> Plan:
    """Decide what to do next.

    Args:
        desired: the parsed object.
        observed: what was seen just now.
        now: the time of the decision, with a time zone.

    Returns:
        Actions in the order in which they are to be done, the status to write after them, and when to look again.
    """
    if observed.conflict:
        return refuse(desired.generation, observed, Reason.NAME_CONFLICT, observed.conflict, now)
    versions = view_versions(desired, observed, now)
    views = [view for version in versions for view in version.views]
    leaving = leaving_revisions(desired, frozenset(v.revision.name for v in views), observed, now)
    actions: list[Action] = [action for view in views for action in view.actions]
    queries = [query for version in versions for _, query in version.queries]
    actions += [AskProvider(query) for query in dict.fromkeys(queries)]
    scaling = [record for version in versions for record in version.scaling]
    if any(r.idle_since for r in scaling) and not any(pod.held for pod in observed.routers):
        actions.append(AwaitRequest())
    actions += [action for view in views for action in _retire(view, desired, observed, now)]
    actions += [action for gone in leaving for action in gone.actions]
    actions += leave_nodes(observed.routers)
    weights = effective_weights(versions, observed)
    router = route(desired, versions, weights, leaving, observed)
    status = describe(desired, versions, weights, leaving, router, observed, now)
    again = min(_requeue(versions, leaving, observed, now), _load_seconds(versions), _clock(versions, now))
    live = tuple(load for version in versions for load in version.goal.live)
    nodes = frozenset(name for version in versions for name in version.goal.nodes)
    return Plan((EnsureRouter(router), *actions), status, again, live, nodes)


def _clock(versions: Versions, now: datetime) -> float:
    """Seconds until a rule that reads the clock wants a look."""
    wakes = (wake.at for version in versions for wake in version.wakes(now))
    return min(((at - now).total_seconds() for at in wakes), default=math.inf)


def _load_seconds(versions: Versions) -> float:
    """Seconds between two looks at the load; a request that wakes a revision comes as an event."""
    if any(version.goal.rising for version in versions):
        return RISING_SECONDS
    if any(version.goal.awake for version in versions):
        return STEADY_SECONDS
    return ASLEEP_SECONDS if any(version.goal.records for version in versions) else math.inf


def refuse(generation: int, observed: Observed, reason: Reason, message: str, now: datetime) -> Plan:
    """Say what is wrong with an object that cannot be acted on, and leave all that it has as it is."""
    before = observed.status
    ready = next((c for c in before.conditions if c.type == "Ready" and c.status == "True"), None)
    still = conditions.Verdict("True", known_reason(ready.reason, Reason.ANSWERING), ready.message) if ready else None
    verdicts = conditions.stalled(reason, message, still)
    written = conditions.write(verdicts, before.conditions, generation, now)
    return Plan((), unchanged_but(before, generation, written), STALLED_SECONDS)


def _retire(view: RevisionView, desired: Desired, observed: Observed, now: datetime) -> tuple[DeletePod, ...]:
    """Delete the Pods of earlier incarnations: those that never answered at once, the others when they are idle.

    They are out of the router from the moment that the present incarnation has answered; what was under way by then
    has ended when the longest request has had its time.
    """
    previous = view.cluster.previous
    if not previous:
        return ()
    record = view.record
    served = record.answered_incarnation
    why = f"Ray cluster {view.cluster.incarnation} of {view.revision.name} has taken over"
    if not view.answered:
        useless = tuple(p for p in previous if p.incarnation != served)
        return tuple(DeletePod(p.name, p.uid, "its Ray cluster never answered", idle=True) for p in useless)
    at = record.answered_at
    waited = at is not None and (now - at).total_seconds() >= desired.request_timeout
    if not waited or not routers_confirm(observed, [view.revision.name]):
        return ()
    return tuple(DeletePod(p.name, p.uid, why, idle=True) for p in previous)


def _requeue(
    versions: tuple[VersionView, ...], leaving: tuple[Leaving, ...], observed: Observed, now: datetime
) -> float:
    views = [view for version in versions for view in version.views]
    gone = all(one.gone for one in leaving)
    if gone and all(version.settled for version in versions):
        confirmed = routers_confirm(observed, [v.revision.name for v in views])
        return (SETTLED_SECONDS if len(versions) == 1 else WAITING_SECONDS) if confirmed else MOVING_SECONDS
    if gone and all(view.complete for view in views) and any(version.rollout for version in versions):
        # Pauses and measurements take their time; what is worth a hurry comes as an event.
        return WAITING_SECONDS if all(version.waits for version in versions) else ROLLING_SECONDS
    retries = [max(0.0, (view.retry_at - now).total_seconds()) for view in views if view.retry_at]
    stuck = all(view.settled or view.problem for view in views)
    return max(MOVING_SECONDS, min([WAITING_SECONDS if stuck else MOVING_SECONDS, *retries]))

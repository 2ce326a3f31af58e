"""The heart: `plan(desired, observed, now)` says what to do next about one ModelDeployment, and what to tell of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from eagleray.api.conditions import Reason
from eagleray.api.router import Router
from eagleray.api.status import ModelDeploymentStatus
from eagleray.domain.actions.actions import (
    ROUTER_PART,
    Action,
    AskProvider,
    DeleteEntrance,
    EnsureEntrance,
    EnsureRouter,
    Free,
    Part,
    Polling,
    Question,
    Wake,
    Write,
)
from eagleray.domain.actions.router_config import DEFAULT_TIMEOUT_SECONDS
from eagleray.domain.facts.providers.query import ProviderQuery
from eagleray.domain.goals.revision import Revision
from eagleray.domain.plan.pace import pace_of, polling, wake
from eagleray.domain.revision.revision_view import RevisionView
from eagleray.domain.revision.takeover import take_over
from eagleray.domain.revision.told import be_patient
from eagleray.domain.state.observed import Observed, set_apart
from eagleray.domain.status.report import Decided, describe, describe_deleting
from eagleray.domain.traffic.entrances import SERVICE, asked_entrances
from eagleray.domain.traffic.router_pods import leave_nodes
from eagleray.domain.traffic.split import effective_weights, route
from eagleray.domain.version.desired import Desired
from eagleray.domain.version.leaving import leaving_revisions
from eagleray.domain.version.scaling.live import LiveLoad
from eagleray.domain.version.version_view import Versions, VersionView, view_versions


@dataclass(frozen=True, slots=True)
class Plan:
    """One decision.

    Attributes:
        parts: what to do, each part for itself.
        status: what to say on the object, written last and only where it differs.
        wake: when the next look is due, if nothing happens before.
        polling: what is asked of heads and routers until then.
        revisions: by name, every revision that an action names.
        live: what the scaling metrics say now.
        request_timeout: the longest time for one request, in seconds.
    """

    parts: tuple[Part, ...]
    status: ModelDeploymentStatus
    wake: Wake
    polling: Polling
    revisions: Mapping[str, Revision] = field(default_factory=dict)
    live: tuple[LiveLoad, ...] = ()
    request_timeout: float = DEFAULT_TIMEOUT_SECONDS

    @property
    def actions(self) -> tuple[Action, ...]:
        """Every action, in the order in which they are done where nothing fails: what makes room first."""
        frees = [action for part in self.parts for action in part.actions if isinstance(action, Free)]
        others = [
            action
            for part in self.parts
            for kind in (Write, Question)
            for action in part.actions
            if isinstance(action, kind)
        ]
        return (*frees, *others)


def plan(desired: Desired, observed: Observed, now: datetime) -> Plan:
    """Decide what to do next.

    Args:
        desired: the parsed object.
        observed: what was seen just now.
        now: the time of the decision, with a time zone.

    Returns:
        What to do, part by part, the status to write after it, and when to look again.
    """
    observed = set_apart(observed, now)
    observed = replace(observed, revisions={**observed.revisions, **desired.stand_ins})
    versions = _versions(desired, observed, now)
    kept = frozenset(view.revision.name for version in versions for view in version.views)
    leaving = leaving_revisions(desired, kept, observed, now)
    weights = effective_weights(versions, observed)
    decided = Decided(versions, weights, leaving, route(desired, versions, weights, leaving, observed))
    parts = _parts(decided, observed, desired.spec.router)
    pace = pace_of(desired, versions, leaving, observed)
    return Plan(
        parts=parts,
        status=describe(desired, decided, observed, now),
        wake=_first_look(parts, observed, now) or wake(pace, versions, leaving, now),
        polling=polling(pace, versions, leaving, observed),
        revisions=_named(parts, versions, observed),
        live=tuple(load for version in versions for load in version.goal.live),
        request_timeout=desired.request_timeout,
    )


def plan_deleting(observed: Observed, generation: int, now: datetime) -> ModelDeploymentStatus:
    """Say of an object that was deleted that it goes.

    Args:
        observed: what was seen.
        generation: of the object.
        now: the time.
    """
    return describe_deleting(observed, generation, now)


def _versions(desired: Desired, observed: Observed, now: datetime) -> Versions:
    versions = view_versions(desired, observed, now)
    return tuple(_timed(version, desired.request_timeout, observed, now) for version in versions)


def _timed(version: VersionView, request_timeout: float, observed: Observed, now: datetime) -> VersionView:
    """What follows from the longest time for one request."""

    def timed(view: RevisionView | None) -> RevisionView | None:
        if view is None:
            return None
        return be_patient(take_over(view, request_timeout, observed, now), request_timeout, observed)

    return replace(version, stable=timed(version.stable), candidate=timed(version.candidate))


def _parts(decided: Decided, observed: Observed, router: Router | None) -> tuple[Part, ...]:
    """What can be done, and fail, each for itself: the router, what leads to it, each revision, each that leaves."""
    parts = [*_router(decided, observed, router), *_entrances(observed, router)]
    queries = _queries(decided.versions)
    for version in decided.versions:
        for view in version.views:
            if _waits_for_router(view.revision.name, observed):
                continue
            asked = (AskProvider(query) for query, revision in queries.items() if revision == view.revision.name)
            parts.append(Part(view.revision.name, (*view.actions, *asked)))
    parts += [Part(gone.record.name, gone.actions) for gone in decided.leaving]
    return tuple(part for part in parts if part.actions)


def _router(decided: Decided, observed: Observed, router: Router | None) -> tuple[Part, ...]:
    """The router; an object that has nothing and of which nothing can be served needs none."""
    if not decided.versions and not observed.router_version:
        return ()
    asked = router or Router()
    ensure = EnsureRouter(decided.router, asked.pod_template, asked.service)
    actions: tuple[Action, ...] = (ensure, *leave_nodes(observed.routers))
    return (Part(ROUTER_PART, actions),)


def _entrances(observed: Observed, router: Router | None) -> tuple[Part, ...]:
    """What leads to the router's Service from outside: never to one of its name that is another's."""
    there = {entrance.kind: entrance for entrance in observed.entrances}
    if SERVICE not in there:
        return ()
    asked = asked_entrances(router)
    gone = [DeleteEntrance(kind, each.uid) for kind, each in there.items() if kind not in {SERVICE, *asked}]
    actions: list[DeleteEntrance | EnsureEntrance] = [*gone, *(EnsureEntrance(*each) for each in asked.items())]
    return tuple(Part(action.kind, (action,)) for action in actions)


def _waits_for_router(revision: str, observed: Observed) -> bool:
    """Whether a revision is new and its object has never had its router, whose names may be taken."""
    if observed.router_version or revision in observed.revisions:
        return False
    outcome = observed.outcomes.get(ROUTER_PART)
    return outcome is None or outcome.reason is Reason.NAME_CONFLICT


def _first_look(parts: tuple[Part, ...], observed: Observed, now: datetime) -> Wake | None:
    """As soon as the router is made its revisions follow."""
    first = not observed.router_version and ROUTER_PART not in observed.outcomes
    return Wake(now, "the router comes first") if first and parts else None


def _queries(versions: Versions) -> dict[ProviderQuery, str]:
    """What others are to be asked, each question once, with the revision that it is about."""
    asked: dict[ProviderQuery, str] = {}
    for revision, query in (question for version in versions for question in version.queries):
        asked.setdefault(query, revision)
    return asked


def _named(parts: tuple[Part, ...], versions: Versions, observed: Observed) -> Mapping[str, Revision]:
    known = dict(observed.revisions) | {view.revision.name: view.revision for v in versions for view in v.views}
    return {part.name: known[part.name] for part in parts if part.name in known}

"""What the operator says on the object."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from eagleray.api.router import Router
from eagleray.api.status import ModelDeploymentStatus, Outcome, RolloutPhase
from eagleray.domain.actions.actions import ROUTER_PART
from eagleray.domain.actions.router_config import RouterConfig
from eagleray.domain.facts.labels import selector
from eagleray.domain.facts.problem import Problem
from eagleray.domain.facts.text import clean
from eagleray.domain.revision.revision_view import RevisionView
from eagleray.domain.state.model import MirrorState, ShareState, State, VersionState
from eagleray.domain.state.observed import Observed
from eagleray.domain.state.revision import RevisionState
from eagleray.domain.status import conditions
from eagleray.domain.status.codec import write
from eagleray.domain.status.exposure import exposed_verdicts, is_closed, missing_credentials
from eagleray.domain.status.mirror import mirror_status
from eagleray.domain.status.published import Outside, published_verdicts, url
from eagleray.domain.status.references import references_verdicts
from eagleray.domain.status.scaling import scaling_verdicts
from eagleray.domain.status.standing import Standing
from eagleray.domain.status.verdict import write as write_conditions
from eagleray.domain.version.desired import Desired
from eagleray.domain.version.leaving import Leaving
from eagleray.domain.version.version_view import Versions, VersionView

# What `kubectl get` shows in one column.
COLUMN_LENGTH = 256


@dataclass(frozen=True, slots=True)
class Decided:
    """What one look has decided.

    Attributes:
        versions: the versions as they stand.
        weights: their effective weights.
        leaving: revisions that are still to go, and those that are remembered.
        router: what the router is told.
    """

    versions: Versions
    weights: Mapping[str, int]
    leaving: tuple[Leaving, ...]
    router: RouterConfig


def describe(desired: Desired, decided: Decided, observed: Observed, now: datetime) -> ModelDeploymentStatus:
    """Describe the object as it stands.

    Args:
        desired: the parsed object.
        decided: what was decided about it.
        observed: what was seen, the status written before included.
        now: the time of the decision.
    """
    versions, router = decided.versions, decided.router
    outside = Outside(desired.spec.router or Router(), router, observed.entrances, observed.outcomes)
    standing = Standing(
        versions,
        leaving=sum(len(gone.pods) for gone in decided.leaving),
        overdue=observed.overdue,
        router=_failed(ROUTER_PART, observed),
        credentials=missing_credentials(observed.routers),
        closed=is_closed(observed.routers),
        outside=outside.problem,
        leaver=next((p for gone in decided.leaving if (p := _failed(gone.record.name, observed))), None),
        refused=desired.refused,
        suspended=bool(desired.spec.suspend),
    )
    scaling = [record for version in versions for record in version.scaling]
    verdicts = {
        **conditions.judge(standing),
        **scaling_verdicts(scaling),
        **references_verdicts(versions),
        **exposed_verdicts(router.access),
        **published_verdicts(outside),
    }
    told = tuple(_version(v, decided.weights[v.lane.name]) for v in versions)
    wanted = sum(wanted_replicas(v) for v in versions if not v.departing)
    ready = sum(v.ready_replicas for v in told)
    state = State(
        observed_generation=desired.generation,
        conditions=write_conditions(verdicts, observed.status.conditions, desired.generation, now),
        url=url(outside),
        replicas=sum(v.replicas for v in told),
        ready_replicas=ready,
        ready=f"{min(ready, wanted)}/{wanted}",
        selector=selector(desired.name),
        traffic=clean(" · ".join(f"{v.name} {v.effective_weight}%" for v in told), COLUMN_LENGTH),
        rollout=_rollout(versions),
        versions=told,
        revisions=_revisions(decided, observed, now),
        rollouts=tuple(v.rollout for v in versions if v.rollout),
        mirror=_mirror(desired, router, observed, now),
        scaling=tuple(scaling),
        split=tuple(ShareState(s.revision, s.slots) for s in router.split) if router.sticky else (),
    )
    return write(state)


def _failed(part: str, observed: Observed) -> Problem | None:
    outcome = observed.outcomes.get(part)
    return outcome.problem if outcome else None


def describe_deleting(observed: Observed, generation: int, now: datetime) -> ModelDeploymentStatus:
    """Describe an object that was deleted and whose children are still there.

    Args:
        observed: what was seen.
        generation: of the object.
        now: the time.
    """
    before = observed.status
    written = write_conditions(conditions.deleting(), before.conditions, generation, now)
    return write(replace(before, observed_generation=generation, conditions=written))


def _revisions(decided: Decided, observed: Observed, now: datetime) -> tuple[RevisionState, ...]:
    """Each that exists; what is known of one that cannot be read is kept for an operator that can."""
    views = [_outcome(view, version, now) for version in decided.versions for view in version.views]
    records = [*views, *(gone.record for gone in decided.leaving)]
    names = {record.name for record in records}
    kept = (observed.status.revision(name) for name in sorted(set(observed.unreadable) - names))
    return (*records, *(record for record in kept if record is not None))


def _mirror(desired: Desired, router: RouterConfig, observed: Observed, now: datetime) -> MirrorState | None:
    traffic = desired.spec.traffic
    if traffic is None or traffic.mirror is None or not router.compares:
        return None
    found = [comparison for pod in observed.routers for comparison in pod.comparisons]
    return mirror_status(router.mirror, traffic.mirror.version, found, observed.status.mirror, now)


def _version(version: VersionView, weight: int) -> VersionState:
    stable, candidate = version.stable, version.candidate
    ready = ready_replicas(version)
    running = sum(view.running for view in version.serving)
    answers = version.hold is not None or any(view.serves is not False for view in version.serving)
    return VersionState(
        name=version.lane.name,
        weight=version.lane.weight,
        effective_weight=weight if answers else 0,
        wanted=version.lane.wanted,
        stable=stable.revision.name if stable else None,
        candidate=candidate.revision.name if candidate and not version.aborted else None,
        replicas=max(running, ready),
        ready_replicas=ready,
        message=_message(version),
    )


def ready_replicas(version: VersionView) -> int:
    """Replicas that answer users, of those that are wanted."""
    answering = sum(min(view.answering or 0, view.wanted) for view in version.serving)
    return min(answering, wanted_replicas(version))


def wanted_replicas(version: VersionView) -> int:
    """Replicas that are to answer users when all is as spec says; none of what sleeps."""
    replicas, view = version.goal.replicas, version.stable or version.candidate
    if view is None:
        return replicas
    return version.scale(view.revision, replicas).groups.get(view.app.ingress, replicas)


def _message(version: VersionView) -> str | None:
    if version.rollout:
        return conditions.told(version.rollout)
    view = version.candidate or version.stable
    if view is None:
        return None
    return view.problem.message if view.problem else view.waiting or None


def _outcome(view: RevisionView, version: VersionView, now: datetime) -> RevisionState:
    if view is version.stable:
        served = view.record.served_at or now
        return replace(view.record, outcome=Outcome.SERVING, served_at=served)
    failed = version.aborted or view.problem
    attempts = version.rollout.attempt if version.rollout else view.record.attempts
    outcome = Outcome.FAILED if failed else Outcome.PENDING
    return replace(view.record, outcome=outcome, attempts=attempts)


def _rollout(versions: Versions) -> str | None:
    return clean("; ".join(_short(v) for v in versions if v.rollout), COLUMN_LENGTH) or None


def _short(version: VersionView) -> str:
    """`v2 step 3/6 25%`: one version's rollout for a column."""
    rollout = version.rollout
    if rollout is None:
        return ""
    if rollout.phase is not RolloutPhase.PROGRESSING:
        return f"{rollout.version} {rollout.phase}"
    step = f"step {min(rollout.step + 1, rollout.steps)}/{rollout.steps} " if rollout.steps else ""
    return f"{rollout.version} {step}{rollout.weight}%"

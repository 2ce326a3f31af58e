"""How many replicas each version is to have: as spec says, or as its load asks for."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from eagleray.api.autoscaling import Scaling
from eagleray.api.scaling_status import ScalingStatus
from eagleray.api.status import RolloutPhase
from eagleray.domain.desired import Desired, Version
from eagleray.domain.observed import Observed, Role
from eagleray.domain.revisions import Revision
from eagleray.domain.rollout.evidence import ProviderQuery
from eagleray.domain.scaling.decision import Bounds, Subject, decide
from eagleray.domain.scaling.load import Signals, covered, due_queries, loads
from eagleray.domain.scaling.schedules import bounds
from eagleray.domain.scaling.sleep import Circumstances, awake, hold, rest
from eagleray.domain.versions import VersionView

# After a restart of the operator nothing is scaled down before the routers were looked at for so long.
START_SECONDS = 30.0
# The load is looked at so often: while it asks for more than there is, and otherwise.
RISING_SECONDS = 1.0
STEADY_SECONDS = 5.0
Records = tuple[ScalingStatus, ...]


@dataclass(frozen=True, slots=True)
class Scaled:
    """What scaling decided.

    Attributes:
        versions: the versions, with the number of replicas that each is to have.
        records: why, by revision: its blocks of the status.
        queries: what others are to be asked, each with the revision that it is about.
    """

    versions: tuple[Version, ...]
    records: Records = ()
    queries: tuple[tuple[str, ProviderQuery], ...] = ()


def autoscale(desired: Desired, observed: Observed, now: datetime) -> Scaled:
    """Decide how many replicas each version is to have.

    Args:
        desired: the parsed object.
        observed: what was seen.
        now: the time of the decision.
    """
    if desired.spec.suspend:
        return Scaled(tuple(replace(v, replicas=0, asleep=True) for v in desired.versions))
    found = [_version(desired, version, observed, now) for version in desired.versions]
    return Scaled(
        tuple(version for one in found for version in one.versions),
        tuple(record for one in found for record in one.records),
        tuple(dict.fromkeys(query for one in found for query in one.queries)),
    )


def _version(desired: Desired, version: Version, observed: Observed, now: datetime) -> Scaled:
    stable = _stable(version, observed)
    moving = "a rollout is under way" if _moves(version, stable.name, observed) else ""
    whole = _whole(desired, version, stable, observed, now, moving)
    parts = _deployments(whole.versions[0], stable, observed, now, moving)
    return Scaled(parts.versions, whole.records + parts.records, whole.queries + parts.queries)


def _whole(
    desired: Desired, version: Version, stable: Revision, observed: Observed, now: datetime, moving: str
) -> Scaled:
    """Scale the version by the requests of its users."""
    rules = version.autoscaling
    if rules is None:
        return Scaled((version,))
    traffic = desired.spec.traffic
    copied = bool(traffic and traffic.mirror and traffic.mirror.version == version.name)
    record = _decide(version, _Subject(stable, rules), observed, now, moving)
    circumstances = Circumstances(needed=moving, blind=_blind(observed), copied=copied)
    record = rest(record, rules.idle, observed, now, circumstances)
    scaled = replace(version, replicas=record.desired, asleep=record.idle_since is not None)
    subjects, records = [_Subject(stable, rules)], [record]
    if moving:
        rollout = observed.status.rollout_of(version.name)
        least = rollout.replicas if rollout and rollout.to == version.revision.name else 0
        subjects.append(_Subject(version.revision, rules, least=max(1, least)))
        records.append(_decide(version, subjects[-1], observed, now, moving))
        scaled = replace(scaled, candidate_replicas=records[-1].desired)
    return Scaled((scaled,), tuple(records), _queries(subjects, observed, now))


def _deployments(version: Version, stable: Revision, observed: Observed, now: datetime, moving: str) -> Scaled:
    """Scale each deployment of the version's applications that is scaled by its own load."""
    revisions = [stable, version.revision] if moving else [stable]
    subjects = [
        _Subject(revision, deployment.autoscaling, deployment.name)
        for revision in revisions
        for deployment in version.deployments_of(revision)
        if deployment.autoscaling is not None
    ]
    if version.asleep:
        kept = (observed.status.scaling_of(s.revision.name, s.deployment) for s in subjects)
        return Scaled((version,), tuple(record for record in kept if record is not None))
    records = tuple(_decide(version, subject, observed, now, moving) for subject in subjects)
    scaled: dict[str, dict[str, int]] = {}
    for record in records:
        scaled.setdefault(record.revision, {})[record.deployment] = record.desired
    return Scaled((replace(version, scaled=scaled),), records, _queries(subjects, observed, now))


@dataclass(frozen=True, slots=True)
class _Subject:
    """What is decided about.

    Attributes:
        revision: the revision.
        rules: how it is scaled.
        deployment: the Serve deployment; "" for the revision as a whole.
        least: of a candidate, what its share asks for.
    """

    revision: Revision
    rules: Scaling
    deployment: str = ""
    least: int = 0


def _queries(subjects: Sequence[_Subject], observed: Observed, now: datetime) -> tuple[tuple[str, ProviderQuery], ...]:
    return tuple(
        (s.revision.name, query)
        for s in subjects
        for query in due_queries(s.rules, s.revision, s.deployment, observed.readings, now)
    )


def _stable(version: Version, observed: Observed) -> Revision:
    """The revision that answers, or the first one."""
    known = observed.status.version(version.name)
    return observed.revisions.get((known and known.stable) or "", version.revision)


def _moves(version: Version, stable: str, observed: Observed) -> bool:
    """Whether a rollout goes on, waits for a person, or is to begin; a candidate that was taken back is not scaled."""
    if version.revision.name == stable:
        return False
    known = observed.status.rollout_of(version.name)
    return known is None or known.to != version.revision.name or known.phase is not RolloutPhase.ABORTED


def _decide(version: Version, subject: _Subject, observed: Observed, now: datetime, moving: str) -> ScalingStatus:
    """Decide about one subject."""
    revision, rules, least = subject.revision.name, subject.rules, subject.least
    allowed = bounds(rules, now)
    known = observed.status.scaling_of(revision, subject.deployment)
    if known is not None and known.idle_since is not None:
        return known.model_copy(update={"min_replicas": allowed.least, "max_replicas": allowed.most})
    current = max(known.desired, least) if known else least or _first(version, subject, allowed, observed)
    if known is not None and known.desired != current:
        known = known.model_copy(update={"desired": current})
    if least:
        allowed = Bounds(least, max(least, allowed.most))
    held = moving or _blind(observed)
    of = Subject(version.name, revision, current, subject.deployment)
    load = loads(rules, _signals(version, subject, current, observed, now))
    return decide(of, rules.behavior, allowed, load, known, now, hold=held)


def _first(version: Version, subject: _Subject, allowed: Bounds, observed: Observed) -> int:
    """What it begins with: what its version has, by scaling or as spec said before; else the fewest."""
    records = observed.status.scaling or []
    others = [s.desired for s in records if (s.version, s.deployment) == (version.name, subject.deployment)]
    before = observed.status.version(version.name)
    if before is not None and not subject.deployment:
        others.append(before.replicas)
    return max(others, default=0) or allowed.least


def _blind(observed: Observed) -> str:
    return "the operator has just started" if covered(observed.samples) < START_SECONDS else ""


def _signals(version: Version, subject: _Subject, current: int, observed: Observed, now: datetime) -> Signals:
    revision, deployment = subject.revision, subject.deployment
    ready = [p for p in observed.pods if p.revision == revision.name and p.role is Role.WORKER and p.live and p.ready]
    if not deployment:
        own = {d.name for d in version.deployments_of(revision) if d.replicas is not None or d.autoscaling is not None}
        counted = {g.name: g for g in revision.groups if g.name not in own}
    else:
        counted = {g.name: g for g in revision.groups if g.name == deployment}
    return Signals(
        revision=revision,
        deployment=deployment,
        current=max(1, current),
        samples=observed.samples,
        use=observed.use,
        pods={p.name: counted[p.group] for p in sorted(ready, key=lambda p: p.name) if p.group in counted},
        others=tuple(p.name for p in ready if p.group not in counted),
        readings=observed.readings,
        now=now,
    )


def settle(version: VersionView, records: Sequence[ScalingStatus], now: datetime) -> VersionView:
    """End the sleep of a version that has woken, and say whether its requests are to wait.

    Args:
        version: the version as it stands.
        records: what scaling decided about all versions.
        now: the time of the decision.
    """
    rules, stable = version.version.autoscaling, version.stable
    own = [r for r in records if r.version == version.version.name]
    if rules is None or stable is None:
        return replace(version, scaling=tuple(own))
    name = stable.revision.name
    answered = stable.record.answered_at
    own = [awake(r, answered, now) if _whole_of(name, r) and stable.ready else r for r in own]
    record = next((r for r in own if _whole_of(name, r)), None)
    return replace(version, scaling=tuple(own), hold=hold(record, rules.idle) if record else None)


def _whole_of(revision: str, record: ScalingStatus) -> bool:
    return (record.revision, record.deployment) == (revision, "")


def polling_seconds(records: Sequence[ScalingStatus]) -> float:
    """Seconds between two looks at the load; a request that wakes a revision comes as an event.

    Args:
        records: what was decided about all revisions.
    """
    asleep = {r.revision for r in records if r.idle_since is not None}
    awake = [r for r in records if r.revision not in asleep]
    if not awake:
        return math.inf
    rising = any((metric.replicas or 0) > record.desired for record in awake for metric in record.metrics or [])
    return RISING_SECONDS if rising or any(r.wakes_since for r in awake) else STEADY_SECONDS

"""How many replicas each version is to have: as spec says, or as its load asks for."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from eagleray.api.autoscaling import Autoscaling
from eagleray.api.scaling_status import ScalingStatus
from eagleray.api.status import RolloutPhase
from eagleray.domain.desired import Desired, Version
from eagleray.domain.evidence import ProviderQuery
from eagleray.domain.load import Signals, covered, due_queries, loads
from eagleray.domain.observed import Observed, Role
from eagleray.domain.scaling import Bounds, Subject, decide
from eagleray.domain.schedules import bounds
from eagleray.domain.sleep import Circumstances, awake, hold, rest
from eagleray.domain.versions import VersionView

# After a restart of the operator nothing is scaled down before the routers were looked at for so long.
START_SECONDS = 30.0
# The load is looked at so often: while it asks for more than there is, and otherwise.
RISING_SECONDS = 1.0
STEADY_SECONDS = 5.0
ASLEEP_SECONDS = 15.0
Records = tuple[ScalingStatus, ...]


@dataclass(frozen=True, slots=True)
class Scaled:
    """What scaling decided.

    Attributes:
        versions: the versions, with the number of replicas that each is to have.
        records: why, by revision: its blocks of the status.
        queries: what others are to be asked.
    """

    versions: tuple[Version, ...]
    records: Records = ()
    queries: tuple[ProviderQuery, ...] = ()


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
    rules = version.autoscaling
    if rules is None:
        return Scaled((version,))
    stable = _stable(version, observed)
    moving = "a rollout is under way" if _moves(version, stable, observed) else ""
    traffic = desired.spec.traffic
    copied = bool(traffic and traffic.mirror and traffic.mirror.version == version.name)
    record = _decide(version, rules, stable, observed, now, moving)
    circumstances = Circumstances(needed=moving, blind=_blind(observed), copied=copied)
    record = rest(record, rules.idle, observed, now, circumstances)
    scaled = replace(version, replicas=record.desired, asleep=record.idle_since is not None)
    records = [record]
    if moving:
        rollout = observed.status.rollout_of(version.name)
        least = rollout.replicas if rollout and rollout.to == version.revision.name else 0
        candidate = _decide(version, rules, version.revision.name, observed, now, moving, least=max(1, least))
        scaled = replace(scaled, candidate_replicas=candidate.desired)
        records.append(candidate)
    revisions = (replace(version.revision, name=record.revision) for record in records)
    queries = (query for r in revisions for query in due_queries(rules, r, observed.readings, now))
    return Scaled((scaled,), tuple(records), tuple(queries))


def _stable(version: Version, observed: Observed) -> str:
    """The revision that answers, or the first one."""
    known = observed.status.version(version.name)
    stable = known.stable if known else None
    return stable if stable and stable in observed.revisions else version.revision.name


def _moves(version: Version, stable: str, observed: Observed) -> bool:
    """Whether a rollout goes on, waits for a person, or is to begin; a candidate that was taken back is not scaled."""
    if version.revision.name == stable:
        return False
    known = observed.status.rollout_of(version.name)
    return known is None or known.to != version.revision.name or known.phase is not RolloutPhase.ABORTED


def _decide(
    version: Version,
    rules: Autoscaling,
    revision: str,
    observed: Observed,
    now: datetime,
    moving: str,
    *,
    least: int = 0,
) -> ScalingStatus:
    """Decide about one revision; of a candidate, never about fewer than `least`, which its share asks for."""
    allowed = bounds(rules, now)
    known = observed.status.scaling_of(revision)
    if known is not None and known.idle_since is not None:
        return known.model_copy(update={"min_replicas": allowed.least, "max_replicas": allowed.most})
    current = max(known.desired, least) if known else least or _first(version, allowed, observed)
    if known is not None and known.desired != current:
        known = known.model_copy(update={"desired": current})
    if least:
        allowed = Bounds(least, max(least, allowed.most))
    signals = _signals(version, revision, current, observed, now)
    held = moving or _blind(observed)
    return decide(
        Subject(version.name, revision, current), rules.behavior, allowed, loads(rules, signals), known, now, hold=held
    )


def _first(version: Version, allowed: Bounds, observed: Observed) -> int:
    """What a revision begins with: what its version has, by scaling or as spec said before; else the fewest."""
    before = observed.status.version(version.name)
    others = [s.desired for s in observed.status.scaling or [] if s.version == version.name]
    return max([*others, before.replicas if before else 0]) or allowed.least


def _blind(observed: Observed) -> str:
    return "the operator has just started" if covered(observed.samples) < START_SECONDS else ""


def _signals(version: Version, revision: str, current: int, observed: Observed, now: datetime) -> Signals:
    pods = (p.name for p in observed.pods if p.revision == revision and p.role is Role.WORKER and p.live and p.ready)
    return Signals(
        revision=replace(version.revision, name=revision),
        current=max(1, current),
        samples=observed.samples,
        cores=observed.cores,
        pods=tuple(sorted(pods)),
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
    own = [awake(r, answered, now) if r.revision == name and stable.ready else r for r in own]
    record = next((r for r in own if r.revision == name), None)
    return replace(version, scaling=tuple(own), hold=hold(record, rules.idle) if record else None)


def next_look(record: ScalingStatus) -> float:
    """Seconds until the load of a revision is to be looked at again; a request that wakes it comes as an event."""
    if record.idle_since is not None:
        return ASLEEP_SECONDS
    rising = any((metric.replicas or 0) > record.desired for metric in record.metrics or [])
    return RISING_SECONDS if rising or record.wakes_since is not None else STEADY_SECONDS

"""How many replicas a version is to have: as spec says, or as its load asks for."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from eagleray.api.autoscaling import Scaling, ScalingBehavior
from eagleray.domain.actions.actions import Wake
from eagleray.domain.actions.router_config import Hold
from eagleray.domain.facts.pods import Role
from eagleray.domain.facts.providers.query import ProviderQuery
from eagleray.domain.facts.signals import covered
from eagleray.domain.goals.groups import Counts, Scale, part_of
from eagleray.domain.goals.revision import Revision
from eagleray.domain.goals.wanted import WantedVersion
from eagleray.domain.state.observed import Observed
from eagleray.domain.state.scaling import ScalingState
from eagleray.domain.version.cast import Cast, cast
from eagleray.domain.version.desired import Desired
from eagleray.domain.version.scaling.decision import Bounds, Decision, Subject, decide
from eagleray.domain.version.scaling.live import LiveLoad
from eagleray.domain.version.scaling.metrics.metric import Signals
from eagleray.domain.version.scaling.metrics.table import by_nodes, due_queries, loads, reading_wakes
from eagleray.domain.version.scaling.schedules import bounds, schedule_wakes
from eagleray.domain.version.scaling.sleep import Circumstances, hold, rest, sleep_wakes

# After a restart of the operator nothing is scaled down before the routers were looked at for so long.
START_SECONDS = 30.0
Question = tuple[str, ProviderQuery]
"""What is asked of others, with the revision that it is about."""


@dataclass(frozen=True, slots=True)
class Goal:
    """How much there is to be of a version; made once at each look.

    Attributes:
        replicas: how many replicas it is to have.
        candidate_replicas: how many the load of its candidate asks for, whatever its share.
        groups: by revision, the replicas of the deployments that are scaled by their own load.
        asleep: whether it is to have no Pods at all, the head included.
        hold: how requests wait for the stable revision, which sleeps or wakes; None where they do not.
        records: why, by revision and deployment: what is remembered of scaling.
        live: the figures of the metrics.
        queries: what others are to be asked, each with the revision that it is about.
        nodes: revisions of which the figures of Ray's nodes are needed to decide again.
        wakes: when the clock alone changes something.
    """

    replicas: int
    candidate_replicas: int = 0
    groups: Mapping[str, Counts] = field(default_factory=dict)
    asleep: bool = False
    hold: Hold | None = None
    records: tuple[ScalingState, ...] = ()
    live: tuple[LiveLoad, ...] = ()
    queries: tuple[Question, ...] = ()
    nodes: frozenset[str] = frozenset()
    wakes: tuple[Wake, ...] = ()

    @property
    def awake(self) -> bool:
        """Whether a load decides how much there is of it."""
        return bool(self.live)

    @property
    def rising(self) -> bool:
        """Whether its load asks for more than there is, or it wakes: then nothing should wait for the next look."""
        asked = {(load.revision, load.deployment): load.metrics for load in self.live}
        return any(
            record.wakes_since or (metric.replicas or 0) > record.desired
            for record in self.records
            for metric in asked.get((record.revision, record.deployment), ())
        )

    def scale(self, lane: WantedVersion, revision: Revision, replicas: int) -> Scale:
        """How many replicas each worker group of a revision has.

        Args:
            lane: the version.
            revision: the revision.
            replicas: what it has for its share of the version's requests. Groups whose number spec says have the same
                part of it; those that are scaled by their own load have what that asks for.
        """
        counts = dict.fromkeys((group.name for group in revision.groups), replicas)
        for deployment in lane.deployments_of(revision):
            if deployment.replicas is not None:
                counts[deployment.name] = part_of(deployment.replicas, replicas, self.replicas)
        if replicas:
            counts.update(self.groups.get(revision.name, {}))
        return Scale(replicas, counts)


def goal(desired: Desired, lane: WantedVersion, observed: Observed, now: datetime) -> Goal:
    """Decide how many replicas a version is to have.

    Args:
        desired: the parsed object.
        lane: the version.
        observed: what was seen.
        now: the time of the decision.
    """
    if desired.spec.suspend:
        return Goal(replicas=0, asleep=True)
    plays = cast(lane, observed)
    traffic = desired.spec.traffic
    circumstances = Circumstances(
        needed=_needed(plays),
        blind="the operator has just started" if covered(observed.samples) < START_SECONDS else "",
        copied=bool(traffic and traffic.mirror and traffic.mirror.version == lane.name),
    )
    look = _ScalingLook(lane, plays, observed, circumstances, now)
    whole = _whole(look)
    return _with_deployments(whole, look)


def _needed(plays: Cast) -> str:
    if plays.stable is None:
        return "the first revision starts"
    return "a rollout is under way" if plays.moving else ""


@dataclass(frozen=True, slots=True)
class _ScalingLook:
    """What all of a version's decisions at one look depend on."""

    lane: WantedVersion
    plays: Cast
    observed: Observed
    circumstances: Circumstances
    now: datetime

    @property
    def hold(self) -> str:
        """Why nothing is scaled down now, or ""."""
        return self.circumstances.needed or self.circumstances.blind


@dataclass(frozen=True, slots=True)
class _Part:
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


@dataclass(frozen=True, slots=True)
class _Decided:
    """What was decided about one part, and what that needs."""

    state: ScalingState
    live: tuple[LiveLoad, ...] = ()
    wakes: tuple[Wake, ...] = ()
    queries: tuple[Question, ...] = ()


def _whole(look: _ScalingLook) -> Goal:
    """Scale the version by the requests of its users."""
    rules = look.lane.autoscaling
    if rules is None:
        return Goal(look.lane.replicas)
    part = _Part(look.plays.first, rules)
    first = _decide(part, look)
    record = rest(first.state, rules.idle, look.observed, look.now, look.circumstances)
    asleep = record.idle_since is not None
    whole = _goal(
        Goal(record.desired, asleep=asleep, hold=_hold(record, look)), (replace(first, state=record),), (part,)
    )
    whole = replace(whole, wakes=(*whole.wakes, *sleep_wakes(record, rules.idle, look.now)))
    if not look.plays.moving:
        return whole
    rollout = look.observed.status.rollout_of(look.lane.name)
    least = rollout.replicas if rollout and rollout.to == look.lane.revision.name else 0
    candidate = _Part(look.lane.revision, rules, least=max(1, least))
    second = _decide(candidate, look)
    return _goal(replace(whole, candidate_replicas=second.state.desired), (second,), (candidate,))


def _hold(record: ScalingState, look: _ScalingLook) -> Hold | None:
    rules = look.lane.autoscaling
    return hold(record, rules.idle) if rules is not None and look.plays.stable is not None else None


def _with_deployments(whole: Goal, look: _ScalingLook) -> Goal:
    """Scale each deployment of the version's applications that is scaled by its own load."""
    plays = look.plays
    parts = tuple(
        _Part(revision, deployment.autoscaling, deployment.name)
        for revision in ((plays.first, plays.wanted) if plays.moving else (plays.first,))
        for deployment in look.lane.deployments_of(revision)
        if deployment.autoscaling is not None
    )
    if whole.asleep:
        kept = (look.observed.status.scaling_of(p.revision.name, p.deployment) for p in parts)
        return replace(whole, records=(*whole.records, *(record for record in kept if record is not None)))
    decided = tuple(_decide(part, look) for part in parts)
    groups: dict[str, dict[str, int]] = {}
    for one in decided:
        groups.setdefault(one.state.revision, {})[one.state.deployment] = one.state.desired
    return _goal(replace(whole, groups=groups), decided, parts)


def _goal(before: Goal, decided: tuple[_Decided, ...], parts: tuple[_Part, ...]) -> Goal:
    """The goal with what was decided about more parts."""
    return replace(
        before,
        records=(*before.records, *(one.state for one in decided)),
        live=(*before.live, *(load for one in decided for load in one.live)),
        queries=(*before.queries, *(query for one in decided for query in one.queries)),
        nodes=before.nodes | {part.revision.name for part in parts if by_nodes(part.rules, part.deployment)},
        wakes=(*before.wakes, *(wake for one in decided for wake in one.wakes)),
    )


def _decide(part: _Part, look: _ScalingLook) -> _Decided:
    rules, now = part.rules, look.now
    allowed = bounds(rules, now)
    known = look.observed.status.scaling_of(part.revision.name, part.deployment)
    scheduled = tuple(schedule_wakes(rules, now))
    if known is not None and known.idle_since is not None:
        state = replace(known, min_replicas=allowed.least, max_replicas=allowed.most)
        return _Decided(state, wakes=scheduled)
    current = max(known.desired, part.least) if known else part.least or _first(part, look) or allowed.least
    if known is not None:
        known = replace(known, desired=current)
    if part.least:
        allowed = Bounds(part.least, max(part.least, allowed.most))
    behavior = rules.behavior or ScalingBehavior()
    name, revision = look.lane.name, part.revision.name
    subject = Subject(name, revision, current, allowed, part.deployment, behavior, look.hold)
    signals = _signals(part, current, look)
    decision = _standing(decide(subject, loads(rules, signals), known, now), known, look)
    wakes = (*decision.wakes, *scheduled, *reading_wakes(rules, signals), *_start_wakes(look))
    questions = tuple((revision, query) for query in due_queries(rules, signals))
    return _Decided(decision.state, (decision.live,), wakes, questions)


def _standing(decision: Decision, known: ScalingState | None, look: _ScalingLook) -> Decision:
    """While too little is known of the load, a decision that changes no number is the one before."""
    state = decision.state
    if known is None or not (look.circumstances.blind and look.observed.samples):
        return decision
    numbers = ((s.desired, s.min_replicas, s.max_replicas) for s in (state, known))
    return replace(decision, state=known) if len(set(numbers)) == 1 else decision


def _start_wakes(look: _ScalingLook) -> Iterator[Wake]:
    samples = look.observed.samples
    if look.circumstances.blind and samples:
        yield Wake(samples[0].at + timedelta(seconds=START_SECONDS), "the routers were looked at for long enough")


def _first(part: _Part, look: _ScalingLook) -> int:
    """What it begins with: what its version has, by scaling or as spec said before; else 0."""
    status, version = look.observed.status, look.lane.name
    others = [s.desired for s in status.scaling if (s.version, s.deployment) == (version, part.deployment)]
    before = status.version(version)
    if before is not None and not part.deployment:
        others.append(before.replicas)
    return max(others, default=0)


def _signals(part: _Part, current: int, look: _ScalingLook) -> Signals:
    revision, deployment, observed = part.revision, part.deployment, look.observed
    ready = sorted(
        (p for p in observed.pods if p.revision == revision.name and p.role is Role.WORKER and p.live and p.ready),
        key=lambda p: p.name,
    )
    if not deployment:
        own = look.lane.deployments_of(revision)
        apart = {d.name for d in own if d.replicas is not None or d.autoscaling is not None}
        counted = {g.name: g for g in revision.groups if g.name not in apart}
    else:
        counted = {g.name: g for g in revision.groups if g.name == deployment}
    return Signals(
        revision=revision,
        deployment=deployment,
        current=max(1, current),
        samples=observed.samples,
        use=observed.use,
        pods={p.name: counted[p.group] for p in ready if p.group in counted},
        others=tuple(p.name for p in ready if p.group not in counted),
        readings=observed.readings,
        now=look.now,
    )

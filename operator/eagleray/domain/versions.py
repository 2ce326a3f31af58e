"""A version as it stands: its stable revision, its candidate, and the rollout between them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from eagleray.api.conditions import ConditionType, Reason
from eagleray.api.scaling_status import ScalingStatus
from eagleray.api.status import RolloutPhase, RolloutStatus, VersionStatus
from eagleray.domain.desired import Desired, Version
from eagleray.domain.observed import Observed, Role
from eagleray.domain.revision_state import RevisionView, answering, view_revision, view_sleeping, without_actions
from eagleray.domain.revisions import Revision
from eagleray.domain.rollout.advance import Situation, advance, begin
from eagleray.domain.rollout.evidence import Evidence, ProviderQuery
from eagleray.domain.rollout.measure import due_queries
from eagleray.domain.rollout.steps import Course, Room, Sides, course_of, sides, steps_hash
from eagleray.domain.traffic.confirm import routers_confirm
from eagleray.domain.traffic.router import Hold


@dataclass(frozen=True, slots=True)
class VersionView:
    """A version as it stands.

    Attributes:
        version: what is wanted of it.
        stable: the revision that has its traffic, or None before the first has answered.
        candidate: the revision that is to take over, or None.
        rollout: the rollout between them, one that was taken back included, or None.
        queries: what others are to be asked about the candidate.
        hold: how requests wait for the stable revision, which sleeps or wakes; None where they do not.
        scaling: what its load asks for, for each revision; empty where spec sets the number of replicas.
    """

    version: Version
    stable: RevisionView | None
    candidate: RevisionView | None
    rollout: RolloutStatus | None = None
    queries: tuple[ProviderQuery, ...] = ()
    hold: Hold | None = None
    scaling: tuple[ScalingStatus, ...] = ()

    @property
    def share(self) -> int:
        """The candidate's share of the version's requests now, in percent."""
        return self.rollout.effective_weight if self.rollout and self.candidate else 0

    @property
    def serving(self) -> tuple[RevisionView, ...]:
        """The revisions that have a share of the version's requests now, or would have if they answered."""
        return tuple(v for v in self.views if v is self.stable or self.share)

    @property
    def views(self) -> tuple[RevisionView, ...]:
        """The revisions that are to be there, the stable one first."""
        return tuple(v for v in (self.stable, self.candidate) if v is not None)

    @property
    def aborted(self) -> bool:
        """Whether the revision that is wanted was taken back."""
        return self.rollout is not None and self.rollout.phase is RolloutPhase.ABORTED

    @property
    def waits(self) -> bool:
        """Whether nothing moves before a person or the spec says so."""
        return self.rollout is None or self.rollout.phase is not RolloutPhase.PROGRESSING

    @property
    def settled(self) -> bool:
        """Whether there is nothing left to do for it."""
        quiet = self.candidate is None and (self.rollout is None or self.aborted)
        return quiet and self.stable is not None and self.stable.settled


Versions = tuple[VersionView, ...]


def view_version(desired: Desired, version: Version, observed: Observed, now: datetime) -> VersionView:
    """Look at a version's revisions, and take a step of its rollout."""
    known = observed.status.version(version.name)
    stable = observed.revisions.get(known.stable) if known and known.stable else None
    if desired.spec.suspend:
        view = _sleeping(stable or version.revision, desired, observed, now)
        rollout = observed.status.rollout_of(version.name)
        return VersionView(version, view if stable else None, None if stable else view, rollout)
    if stable is None or stable.name == version.revision.name:
        view = _wanted(version.revision, version, desired, observed, now)
        first = stable is None and not (view.answered and view.fits)
        return VersionView(version, None, view) if first else VersionView(version, view, None)
    return _roll(desired, version, stable, observed, now)


def departing_versions(desired: Desired, present: Iterable[VersionView], observed: Observed, now: datetime) -> Versions:
    """Versions that spec has no more, and that go on until each of the new ones with a weight can take over.

    So it costs no request to give the only version another name, or to split it up.
    """
    if not desired.lacking and all(v.stable is not None for v in present if v.version.weight):
        return ()
    names = {v.name for v in desired.versions} | desired.lacking
    found = []
    for known in observed.status.versions:
        stable = observed.revisions.get(known.stable or "")
        if known.name in names or stable is None or not known.weight:
            continue
        found.append(_departing(known, stable, observed, now))
    return tuple(found)


def _departing(known: VersionStatus, stable: Revision, observed: Observed, now: datetime) -> VersionView:
    """It keeps what it has: its load is not looked at any more."""
    kept = tuple(s for s in observed.status.scaling or [] if s.revision == stable.name)
    lane = Version(
        name=known.name,
        weight=known.weight,
        replicas=known.replicas or 1,
        revision=stable,
        wanted=stable.name,
        departing=True,
        scaled={stable.name: {s.deployment: s.desired for s in kept if s.deployment}},
    )
    view = view_revision(stable, lane.scale(stable, lane.replicas), observed, now)
    return VersionView(lane, view, None, scaling=kept)


def _roll(desired: Desired, version: Version, stable: Revision, observed: Observed, now: datetime) -> VersionView:
    record = _record(desired, version, stable, observed, now)
    course = course_of(desired.spec.rollout, version.replicas, again=record.direct)
    record = _with_steps(record, course, now)
    if record.phase is RolloutPhase.ABORTED:
        return _taken_back(desired, version, stable, record, course, observed, now)
    room = sides(course, record.step, _room(version, stable, record, observed))
    old, new = _views(version, stable, room, course, observed, now)
    situation = Situation(
        course=course,
        candidate=new,
        goal=room.goal,
        replicas=version.replicas,
        confirmed=routers_confirm(observed, [stable.name, version.revision.name]),
        verbs=desired.verbs,
        evidence=_evidence(new, observed, now),
    )
    step = advance(record, situation)
    if not step.done:
        record = step.record.model_copy(update={"effective_weight": _share(step.record, old, new)})
        return VersionView(version, old, new, record, due_queries(record, course, situation.evidence))
    replicas = max(version.replicas, version.candidate_replicas)
    full = version.scale(new.revision, replicas)
    new = new if new.scale == full else view_revision(new.revision, full, observed, now)
    return VersionView(version, new, None)


def _wanted(revision: Revision, version: Version, desired: Desired, observed: Observed, now: datetime) -> RevisionView:
    if version.asleep:
        return _sleeping(revision, desired, observed, now)
    return view_revision(revision, version.scale(revision, version.replicas), observed, now)


def _sleeping(revision: Revision, desired: Desired, observed: Observed, now: datetime) -> RevisionView:
    """A revision that is to have no Pods: they go when every router lets requests wait, or refuses them.

    What was under way by then ends first, as long as a request may take. The routers were told in an earlier look than
    that which says so in the status.
    """
    record, ready = observed.status.scaling_of(revision.name), observed.status.condition(ConditionType.READY)
    suspended = ready.last_transition_time if ready and ready.reason == Reason.SUSPENDED else None
    since = suspended if desired.spec.suspend else record.idle_since if record else None
    may_go = False
    if since is not None and routers_confirm(observed, [revision.name]):
        late = (now - since).total_seconds() >= desired.request_timeout
        may_go = late or all(r.stats is not None and not r.stats.of(revision.name).active for r in observed.routers)
    return view_sleeping(revision, observed, now, may_go=may_go)


def _evidence(candidate: RevisionView, observed: Observed, now: datetime) -> Evidence:
    name = candidate.revision.name
    comparisons = [c for router in observed.routers for c in router.comparisons if c.revision == name]
    return Evidence(
        candidate=candidate.revision,
        ready=candidate.ready,
        compared=sum(c.compared for c in comparisons),
        agreed=sum(c.agreed for c in comparisons),
        samples=observed.samples,
        readings=observed.readings,
        now=now,
    )


def _with_steps(record: RolloutStatus, course: Course, now: datetime) -> RolloutStatus:
    """With other steps than those that it began with it begins anew, as an index means another step now."""
    found = steps_hash(course)
    changed = {"steps": len(course.steps), "steps_hash": found}
    if record.steps_hash and record.steps_hash != found and record.phase is not RolloutPhase.ABORTED:
        changed |= {"step": 0, "step_started_at": now, "step_analysis": None}
    return record.model_copy(update=changed)


def _room(version: Version, stable: Revision, record: RolloutStatus, observed: Observed) -> Room:
    pods = [p for p in observed.pods if p.revision == stable.name and p.role is Role.WORKER and not p.terminated]
    # A bound to the surge is for revisions with one worker group.
    per_pod = stable.groups[0].replicas_per_pod
    return Room(
        replicas=version.replicas,
        per_pod=per_pod,
        before=record.replicas,
        answering=answering(version.revision.name, observed) or 0,
        leaving=len(pods) * per_pod,
        weight=record.weight if record.weight_changed_at else 0,
    )


def _share(record: RolloutStatus, stable: RevisionView, candidate: RevisionView) -> int:
    """The share that the candidate has now: that of its rollout, as long as a replica of it answers.

    Where the stable revision has none that answers, the candidate has all; while no router can be asked, everything
    stays as it was.
    """
    if not record.weight:
        return 0
    if candidate.serves is None:
        return record.effective_weight
    if not candidate.serves:
        return 0
    return record.weight if stable.serves else 100


def _views(
    version: Version, stable: Revision, room: Sides, course: Course, observed: Observed, now: datetime
) -> tuple[RevisionView, RevisionView]:
    old = view_revision(stable, version.scale(stable, room.stable), observed, now)
    # Where there is room without end it is scaled by its own load as well; else the share alone says how many.
    own = version.candidate_replicas if course.surge is None and not course.recreate else 0
    new = view_revision(version.revision, version.scale(version.revision, max(room.candidate, own)), observed, now)
    # With `Recreate` the candidate gets the room of Pods that are gone, not of those that go.
    there = any(p.role is Role.WORKER and not p.terminated for p in old.cluster.pods)
    waits = course.recreate and there and not new.cluster.pods
    return old, without_actions(new, "the old revision's Pods are to go first") if waits else new


def _taken_back(
    desired: Desired,
    version: Version,
    stable: Revision,
    record: RolloutStatus,
    course: Course,
    observed: Observed,
    now: datetime,
) -> VersionView:
    """The stable revision has everything back at once; the candidate stays a while for a look, where there is room."""
    old = _wanted(stable, version, desired, observed, now)
    room = not course.recreate and (course.surge is None or record.replicas <= course.surge)
    waited = (now - (record.aborted_at or now)).total_seconds()
    stays = room and waited < course.abort_delay and not desired.verbs.retried(record.to, record.attempt)
    pods = any(p.revision == record.to for p in observed.pods)
    kept = version.scale(version.revision, record.replicas)
    new = view_revision(version.revision, kept, observed, now) if stays and pods else None
    return VersionView(version, old, new, record.model_copy(update={"effective_weight": 0}))


def _record(desired: Desired, version: Version, stable: Revision, observed: Observed, now: datetime) -> RolloutStatus:
    """The record of this rollout, or a new one: of other revisions, or of another attempt."""
    wanted = version.revision.name
    known = observed.status.rollout_of(version.name)
    before = observed.status.revision(wanted)
    attempt = before.attempts + 1 if before else 1
    direct = before is not None and before.served_at is not None
    if known is None or (known.from_, known.to) != (stable.name, wanted):
        return begin(version.name, stable.name, wanted, now, attempt=attempt, direct=direct)
    retried = known.phase is RolloutPhase.ABORTED and desired.verbs.retried(wanted, known.attempt)
    if retried and not any(p.revision == wanted for p in observed.pods):
        return begin(version.name, stable.name, wanted, now, attempt=known.attempt + 1, direct=direct)
    return known

"""A version as it stands: its stable revision, its candidate, and the rollout between them."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from eagleray.api.conditions import ConditionType, Reason
from eagleray.api.status import RolloutPhase
from eagleray.domain.actions.actions import Wake
from eagleray.domain.actions.router_config import Hold
from eagleray.domain.facts.pods import Role
from eagleray.domain.goals.groups import Scale
from eagleray.domain.goals.revision import Revision
from eagleray.domain.goals.wanted import WantedVersion
from eagleray.domain.revision.revision_look import view_revision, view_sleeping, without_actions
from eagleray.domain.revision.revision_view import RevisionView
from eagleray.domain.state.model import VersionState
from eagleray.domain.state.observed import Observed, routers_confirm
from eagleray.domain.state.rollout import RolloutState
from eagleray.domain.state.scaling import ScalingState
from eagleray.domain.version.cast import Cast, cast, stable_of
from eagleray.domain.version.desired import Desired
from eagleray.domain.version.rollout.advance import advance, wakes
from eagleray.domain.version.rollout.course import Course, Sides, course_of, sides
from eagleray.domain.version.rollout.measure import due_queries
from eagleray.domain.version.rollout.record import evidence_of, record_of, room_of, share_in_force, with_steps
from eagleray.domain.version.rollout.step import Situation
from eagleray.domain.version.scaling.goal import Goal, Question, goal


@dataclass(frozen=True, slots=True)
class VersionView:
    """A version as it stands.

    Attributes:
        lane: what spec says of it.
        goal: how much there is to be of it.
        stable: the revision that has its traffic, or None before the first has answered.
        candidate: the revision that is to take over, or None.
        rollout: the rollout between them, one that was taken back included, or None.
        asked: what others are to be asked about the candidate.
        clocks: when the clock alone changes something about the rollout.
        departing: whether spec has it no more, and it only goes on until others can take over.
    """

    lane: WantedVersion
    goal: Goal
    stable: RevisionView | None
    candidate: RevisionView | None
    rollout: RolloutState | None = None
    asked: tuple[Question, ...] = ()
    clocks: tuple[Wake, ...] = ()
    departing: bool = False

    @property
    def hold(self) -> Hold | None:
        """How requests wait for the stable revision, which sleeps or wakes; None where they do not."""
        return self.goal.hold

    @property
    def scaling(self) -> tuple[ScalingState, ...]:
        """What its load asks for, for each revision; empty where spec sets the number of replicas."""
        return self.goal.records

    @property
    def queries(self) -> tuple[Question, ...]:
        """What others are to be asked, each with the revision that it is about."""
        return tuple(dict.fromkeys((*self.goal.queries, *self.asked)))

    @property
    def wakes(self) -> tuple[Wake, ...]:
        """When its rules that read the clock want the next look."""
        return (*self.goal.wakes, *self.clocks, *(wake for view in self.views for wake in view.wakes))

    def scale(self, revision: Revision, replicas: int) -> Scale:
        """How many replicas each worker group of a revision has.

        Args:
            revision: the revision.
            replicas: what it has for its share of the version's requests.
        """
        return self.goal.scale(self.lane, revision, replicas)

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


def view_versions(desired: Desired, observed: Observed, now: datetime) -> Versions:
    """Look at every version, those that spec has no more and that still go on included."""
    present = tuple(_view(desired, version, observed, now) for version in desired.versions)
    return present + _departing_versions(desired, present, observed, now)


def _departing_versions(
    desired: Desired, present: Iterable[VersionView], observed: Observed, now: datetime
) -> Versions:
    """Versions that spec has no more, and that go on until each of the new ones with a weight can take over.

    So it costs no request to give the only version another name, or to split it up.
    """
    if not desired.lacking and all(v.stable is not None for v in present if v.lane.weight):
        return ()
    names = {v.name for v in desired.versions} | desired.lacking
    gone = (known for known in observed.status.versions if known.name not in names and known.weight)
    found = ((known, stable_of(known.name, observed)) for known in gone)
    return tuple(_departing(known, stable, observed, now) for known, stable in found if stable is not None)


def _departing(known: VersionState, stable: Revision, observed: Observed, now: datetime) -> VersionView:
    """It keeps what it has: its load is not looked at any more."""
    kept = tuple(s for s in observed.status.scaling if s.revision == stable.name)
    groups = {stable.name: {s.deployment: s.desired for s in kept if s.deployment}}
    lane = WantedVersion(known.name, known.weight, known.replicas or 1, stable, wanted=stable.name)
    aim = Goal(lane.replicas, groups=groups, records=kept)
    view = view_revision(stable, aim.scale(lane, stable, lane.replicas), observed, now)
    return VersionView(lane, aim, view, None, departing=True)


@dataclass(frozen=True, slots=True)
class _VersionLook:
    """What a version is looked at with."""

    desired: Desired
    lane: WantedVersion
    goal: Goal
    observed: Observed
    now: datetime

    def view(self, revision: Revision, replicas: int) -> RevisionView:
        """Look at a revision that is to have so many replicas."""
        return view_revision(revision, self.goal.scale(self.lane, revision, replicas), self.observed, self.now)

    def wanted(self, revision: Revision) -> RevisionView:
        """Look at the only revision of the version."""
        return self.sleeping(revision) if self.goal.asleep else self.view(revision, self.goal.replicas)

    def sleeping(self, revision: Revision) -> RevisionView:
        """A revision that is to have no Pods: they go when every router lets requests wait, or refuses them.

        What was under way by then ends first, as long as a request may take. The routers were told in an earlier look
        than that which says so in the status.
        """
        observed = self.observed
        record, ready = observed.status.scaling_of(revision.name), observed.status.condition(ConditionType.READY)
        suspended = ready.last_transition_time if ready and ready.reason == Reason.SUSPENDED else None
        since = suspended if self.desired.spec.suspend else record.idle_since if record else None
        may_go = False
        if since is not None and routers_confirm(observed, [revision.name]):
            late = (self.now - since).total_seconds() >= self.desired.request_timeout
            may_go = late or all(r.stats is not None and not r.stats.of(revision.name).active for r in observed.routers)
        return view_sleeping(revision, observed, self.now, may_go=may_go)


def _view(desired: Desired, lane: WantedVersion, observed: Observed, now: datetime) -> VersionView:
    """Look at a version's revisions, and take a step of its rollout."""
    aim, plays = goal(desired, lane, observed, now), cast(lane, observed)
    look = _VersionLook(desired, lane, aim, observed, now)
    if desired.spec.suspend:
        view = look.sleeping(plays.first)
        rollout = observed.status.rollout_of(lane.name)
        return VersionView(lane, aim, view if plays.stable else None, None if plays.stable else view, rollout)
    if plays.rolls:
        return _roll(look, plays)
    view = look.wanted(lane.revision)
    first = plays.stable is None and not (view.answered and view.fits)
    return VersionView(lane, aim, None, view) if first else VersionView(lane, aim, view, None)


def _roll(look: _VersionLook, plays: Cast) -> VersionView:
    lane, aim, observed, stable = look.lane, look.goal, look.observed, plays.first
    record = record_of(lane, stable, look.desired.verbs, observed, look.now)
    course = course_of(look.desired.spec.rollout, aim.replicas, again=record.direct)
    record = with_steps(record, course, look.now)
    if record.phase is RolloutPhase.ABORTED:
        return _taken_back(look, stable, record, course)
    room = sides(course, record.step, room_of(lane, stable, record, aim.replicas, observed))
    old, new = _views(look, stable, room, course)
    situation = Situation(
        analysis=course.analysis,
        candidate=new,
        goal=room.goal,
        replicas=aim.replicas,
        confirmed=routers_confirm(observed, [stable.name, lane.revision.name]),
        verbs=look.desired.verbs,
        evidence=evidence_of(new, observed, look.now),
    )
    step = advance(record, course, situation)
    if not step.done:
        record = replace(step.record, effective_weight=share_in_force(step.record, old, new))
        asked = tuple((record.to, query) for query in due_queries(record, course, situation.evidence))
        return VersionView(lane, aim, old, new, record, asked, tuple(wakes(record, course, situation)))
    replicas = max(aim.replicas, aim.candidate_replicas)
    full = aim.scale(lane, new.revision, replicas)
    return VersionView(lane, aim, new if new.scale == full else look.view(new.revision, replicas), None)


def _views(look: _VersionLook, stable: Revision, room: Sides, course: Course) -> tuple[RevisionView, RevisionView]:
    old = look.view(stable, room.stable)
    # Where there is room without end it is scaled by its own load as well; else the share alone says how many.
    own = look.goal.candidate_replicas if course.surge is None and not course.recreate else 0
    new = look.view(look.lane.revision, max(room.candidate, own))
    # With `Recreate` the candidate gets the room of Pods that are gone, not of those that go.
    there = any(p.role is Role.WORKER and not p.terminated for p in old.cluster.pods)
    waits = course.recreate and there and not new.cluster.pods
    return old, without_actions(new, "the old revision's Pods are to go first") if waits else new


def _taken_back(look: _VersionLook, stable: Revision, record: RolloutState, course: Course) -> VersionView:
    """The stable revision has everything back at once; the candidate stays a while for a look, where there is room."""
    room = not course.recreate and (course.surge is None or record.replicas <= course.surge)
    ends = Wake((record.aborted_at or look.now) + timedelta(seconds=course.abort_delay), "the candidate goes")
    stays = room and look.now < ends.at and not look.desired.verbs.retried(record.to, record.attempt)
    pods = any(p.revision == record.to for p in look.observed.pods)
    new = look.view(look.lane.revision, record.replicas) if stays and pods else None
    record = replace(record, effective_weight=0)
    return VersionView(look.lane, look.goal, look.wanted(stable), new, record, clocks=(ends,))

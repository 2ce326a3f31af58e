"""A rollout, step by step: a function of its record, what was seen, and the time."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from eagleray.api.analysis import Analysis
from eagleray.api.status import RolloutPhase
from eagleray.api.units import format_duration
from eagleray.domain.actions.actions import Wake
from eagleray.domain.state.rollout import FigureState, RolloutState
from eagleray.domain.version.rollout import analysis as figures
from eagleray.domain.version.rollout.course import Course
from eagleray.domain.version.rollout.measure import measure, next_measurements
from eagleray.domain.version.rollout.step import Situation, going, grow, hold, paused

# So many failures in a row are a crash loop: trying again does not help.
CRASH_LOOP = 3

Judge = Callable[[Analysis, Sequence[FigureState]], FigureState | None]


@dataclass(frozen=True, slots=True)
class Advance:
    """What becomes of a rollout at one look.

    Attributes:
        record: what is remembered of it.
        done: whether the candidate takes over.
    """

    record: RolloutState
    done: bool = False


def advance(record: RolloutState, course: Course, situation: Situation) -> Advance:
    """Take at most one step.

    What takes a rollout back comes first, then what holds it, then the step itself. The weight that the record names is
    what the candidate is to have; whether it has it now depends on its replicas (`version_view.py`).
    """
    record = measure(_clocks(record, situation), course, situation.evidence)
    if why := _abort_reason(record, course, situation):
        return Advance(_aborted(record, why, situation.now))
    if situation.replicas == 0:
        held = going(record, "replicas is 0: the rollout goes on when there are some")
        return Advance(replace(held, waiting_since=None))
    verbs = situation.verbs
    if verbs.promoted_fully(record.to, record.attempt) or (course.recreate and situation.enough):
        return _last(record, course, situation, bypass=True)
    promoted = verbs.promoted(record.to, record.attempt, record.step)
    if why := _pause_reason(record, course, situation, promoted=promoted):
        return Advance(paused(record, why))
    if record.step >= len(course.steps):
        return _last(record, course, situation, bypass=promoted)
    return Advance(course.steps[record.step].take(record, situation, promoted=promoted))


def wakes(record: RolloutState, course: Course, situation: Situation) -> Iterator[Wake]:
    """When the clock alone changes something about a rollout that goes on or waits.

    Args:
        record: the rollout as `advance` left it.
        course: its course.
        situation: what it depends on.
    """
    if record.waiting_since is not None:
        yield Wake(record.waiting_since + timedelta(seconds=course.deadline), "the rollout's deadline")
    yield from next_measurements(record, course, situation.evidence)
    step = course.steps[record.step] if record.step < len(course.steps) else None
    if step is not None and record.phase is RolloutPhase.PROGRESSING and (wake := step.wake(record.step_started_at)):
        yield wake


def _clocks(record: RolloutState, situation: Situation) -> RolloutState:
    """Keep since when the candidate lacks replicas, and when its weight came into force.

    What nobody can see is not missing: where neither Serve nor a router can be asked, no clock starts.
    """
    view = situation.candidate
    changed = record.weight_changed_at
    if record.weight and changed is None and situation.confirmed:
        changed = situation.now
    on_its_way = record.weight > 0 and changed is None
    since = record.waiting_since if view.scale.replicas == record.replicas else None
    unseen = view.serves is None and since is None
    waits = not situation.enough or on_its_way
    lost = record.weight > 0 and record.waiting_since is None and view.serves is False
    return replace(
        record,
        waiting_since=(since or situation.now) if waits and not unseen and not view.cluster.moves else None,
        weight_changed_at=changed,
        interruptions=record.interruptions + lost,
        replicas=view.scale.replicas,
    )


def _first(judge: Judge, record: RolloutState, course: Course) -> FigureState | None:
    """The first figure of which `judge` says something, of the whole rollout's and of the step's own."""
    both = ((course.analysis, record.analysis), (course.step_analysis(record.step), record.step_analysis))
    judged = (judge(analysis, known) for analysis, known in both if analysis is not None)
    return next((figure for figure in judged if figure), None)


def _abort_reason(record: RolloutState, course: Course, situation: Situation) -> str:
    view, problem = situation.candidate, situation.candidate.problem
    cause = f": {problem.message}" if problem else f": {view.waiting}" if view.waiting else ""
    if situation.verbs.aborted(record.to, record.attempt):
        return "a person took it back"
    if metric := _first(figures.failed, record, course):
        return f"at {record.weight}%: {metric.message}"
    failure = view.record.failure
    if failure is not None and failure.count >= CRASH_LOOP:
        return f"it failed {failure.count} times: {failure.message}"
    if record.interruptions >= CRASH_LOOP:
        return f"none of its replicas answered, {record.interruptions} times while it had a share{cause}"
    waited = (situation.now - record.waiting_since).total_seconds() if record.waiting_since else 0.0
    if waited >= course.deadline:
        return f"no progress for {format_duration(round(waited))}{cause or ': ' + record.message}"
    return ""


def _pause_reason(record: RolloutState, course: Course, situation: Situation, *, promoted: bool) -> str:
    if situation.verbs.paused(record.to, record.attempt):
        return "paused by a person; resume goes on"
    undecided = None if promoted else _first(figures.undecided, record, course)
    return f"no proof: {undecided.message}; promote goes on, abort takes it back" if undecided else ""


def _aborted(record: RolloutState, why: str, now: datetime) -> RolloutState:
    return replace(record, phase=RolloutPhase.ABORTED, aborted_at=now, weight=0, message=why, waiting_since=None)


def _last(record: RolloutState, course: Course, situation: Situation, *, bypass: bool) -> Advance:
    """After the last step the candidate takes over, when it has all replicas and its figures have passed."""
    record = replace(record, step=len(course.steps))
    # With all requests at the candidate there is nothing left to hold back, and nothing to compare it with.
    if not bypass and record.weight < 100 and (why := hold(record, situation)):
        return Advance(going(record, why))
    if not situation.enough:
        lacking = going(record, f"all steps are done; {situation.lacking}")
        return Advance(grow(record, situation, 100) or lacking)
    return Advance(record, done=True)

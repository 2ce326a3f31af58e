"""A rollout, step by step: a function of its record, what was seen, and the time."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from eagleray.api.analysis import Analysis
from eagleray.api.rollout import RolloutStep
from eagleray.api.status import MetricStatus, RolloutPhase, RolloutStatus
from eagleray.api.units import format_duration, parse_duration
from eagleray.domain.revision_state import RevisionView
from eagleray.domain.rollout import analysis as figures
from eagleray.domain.rollout.evidence import Evidence
from eagleray.domain.rollout.measure import measure, step_analysis
from eagleray.domain.rollout.steps import Course, share_of
from eagleray.domain.rollout.verbs import Verbs

# So many failures in a row are a crash loop: trying again does not help.
CRASH_LOOP = 3


@dataclass(frozen=True, slots=True)
class Situation:
    """What a step depends on.

    Attributes:
        course: the rollout's course.
        candidate: the candidate as it stands, sized for the present step.
        goal: replicas that the candidate is to have at this step.
        replicas: replicas of the version.
        confirmed: whether every router runs what was written last.
        verbs: what people ask.
        evidence: what the candidate is judged by, and when.
    """

    course: Course
    candidate: RevisionView
    goal: int
    replicas: int
    confirmed: bool
    verbs: Verbs
    evidence: Evidence

    @property
    def now(self) -> datetime:
        """The time."""
        return self.evidence.now

    @property
    def enough(self) -> bool:
        """Whether as many replicas of the candidate answer as the present step needs, warm-up included."""
        view = self.candidate
        return view.ready and view.scale.replicas >= self.goal


@dataclass(frozen=True, slots=True)
class Advance:
    """What becomes of a rollout at one look.

    Attributes:
        record: its block of the status.
        done: whether the candidate takes over.
    """

    record: RolloutStatus
    done: bool = False


def begin(
    version: str, stable: str, candidate: str, now: datetime, *, attempt: int = 1, direct: bool = False
) -> RolloutStatus:
    """The record of a rollout that starts now."""
    return RolloutStatus(
        version=version,
        from_=stable,
        to=candidate,
        attempt=attempt,
        direct=direct,
        started_at=now,
        step_started_at=now,
        message="the candidate starts",
    )


def advance(record: RolloutStatus, at: Situation) -> Advance:
    """Take at most one step.

    What takes a rollout back comes first, then what holds it, then the step itself. The weight that the record names is
    what the candidate is to have; whether it has it now depends on its replicas (`versions.py`).
    """
    record = measure(_clocks(record, at), at.course, at.evidence)
    if why := _abort_reason(record, at):
        return Advance(_aborted(record, why, at.now))
    if at.replicas == 0:
        return Advance(_going(record, "replicas is 0: the rollout goes on when there are some", waiting_since=None))
    if at.verbs.promoted_fully(record.to, record.attempt) or (at.course.recreate and at.enough):
        return _last(record, at, bypass=True)
    promoted = at.verbs.promoted(record.to, record.attempt, record.step)
    if why := _pause_reason(record, at, promoted=promoted):
        return Advance(_paused(record, why))
    if record.step >= len(at.course.steps):
        return _last(record, at, bypass=promoted)
    return Advance(_step(record, at, promoted=promoted))


def _clocks(record: RolloutStatus, at: Situation) -> RolloutStatus:
    """Keep since when the candidate lacks replicas, and when its weight came into force.

    What nobody can see is not missing: where neither Serve nor a router can be asked, no clock starts.
    """
    view = at.candidate
    changed = record.weight_changed_at
    if record.weight and changed is None and at.confirmed:
        changed = at.now
    on_its_way = record.weight > 0 and changed is None
    since = record.waiting_since if view.scale.replicas == record.replicas else None
    unseen = view.serves is None and since is None
    waiting = None if (at.enough and not on_its_way) or unseen or view.prepares else since or at.now
    lost = record.weight > 0 and record.waiting_since is None and view.serves is False
    return record.model_copy(
        update={
            "waiting_since": waiting,
            "weight_changed_at": changed,
            "interruptions": record.interruptions + lost,
            "replicas": view.scale.replicas,
        }
    )


def _first(
    judge: Callable[[Analysis, list[MetricStatus]], MetricStatus | None], record: RolloutStatus, at: Situation
) -> MetricStatus | None:
    """The first figure of which `judge` says something, of the whole rollout's and of the step's own."""
    both = ((at.course.analysis, record.analysis), (step_analysis(at.course, record.step), record.step_analysis))
    return next((found for a, known in both if a is not None and (found := judge(a, known or []))), None)


def _abort_reason(record: RolloutStatus, at: Situation) -> str:
    problem = at.candidate.problem
    said = f": {problem.message}" if problem else f": {at.candidate.waiting}" if at.candidate.waiting else ""
    if at.verbs.aborted(record.to, record.attempt):
        return "a person took it back"
    if metric := _first(figures.failed, record, at):
        return f"at {record.weight}%: {metric.message}"
    failure = at.candidate.record.failure
    if failure is not None and failure.count >= CRASH_LOOP:
        return f"it failed {failure.count} times: {failure.message}"
    if record.interruptions >= CRASH_LOOP:
        return f"none of its replicas answered, {record.interruptions} times while it had a share{said}"
    waited = (at.now - record.waiting_since).total_seconds() if record.waiting_since else 0.0
    if waited >= at.course.deadline:
        return f"no progress for {format_duration(round(waited))}{said or ': ' + record.message}"
    return ""


def _pause_reason(record: RolloutStatus, at: Situation, *, promoted: bool) -> str:
    if at.verbs.paused(record.to, record.attempt):
        return "paused by a person; resume goes on"
    undecided = None if promoted else _first(figures.undecided, record, at)
    return f"no proof: {undecided.message}; promote goes on, abort takes it back" if undecided else ""


def _aborted(record: RolloutStatus, why: str, now: datetime) -> RolloutStatus:
    return record.model_copy(
        update={"phase": RolloutPhase.ABORTED, "aborted_at": now, "weight": 0, "message": why, "waiting_since": None}
    )


def _paused(record: RolloutStatus, why: str) -> RolloutStatus:
    """A person's time does not count: while it is paused, no deadline runs."""
    return record.model_copy(update={"phase": RolloutPhase.PAUSED, "message": why, "waiting_since": None})


def _going(record: RolloutStatus, what: str, **changes: object) -> RolloutStatus:
    return record.model_copy(update={"phase": RolloutPhase.PROGRESSING, "message": what, **changes})


def _last(record: RolloutStatus, at: Situation, *, bypass: bool) -> Advance:
    """After the last step the candidate takes over, when it has all replicas and its figures have passed."""
    record = record.model_copy(update={"step": len(at.course.steps)})
    # With all requests at the candidate there is nothing left to hold back, and nothing to compare it with.
    if not bypass and record.weight < 100 and (hold := _hold(record, at)):
        return Advance(_going(record, hold))
    if not at.enough:
        return Advance(_grow(record, at, 100) or _going(record, f"all steps are done; {_lacking(at)}"))
    return Advance(record, done=True)


def _step(record: RolloutStatus, at: Situation, *, promoted: bool) -> RolloutStatus:
    step = at.course.steps[record.step]
    if step.set_weight is not None:
        return _set_weight(record, at, step.set_weight, promoted=promoted)
    if promoted:
        settled = record.model_copy(update={"analysis": figures.restart(record.analysis or []) or None})
        return _next(settled, at, "promoted")
    return _wait(step, record, at)


def _wait(step: RolloutStep, record: RolloutStatus, at: Situation) -> RolloutStatus:
    if step.set_replicas is not None:
        return _next(record, at, "replicas answer") if at.enough else _going(record, _lacking(at))
    if step.pause is not None:
        return _pause(record, at, step.pause.duration)
    if step.analysis is None or figures.passed(step.analysis, record.step_analysis or []):
        return _next(record, at, "the analysis has passed")
    if not record.weight and not at.enough:
        return _going(record, _lacking(at))
    return _going(record, figures.waiting(step.analysis, record.step_analysis or []))


def _set_weight(record: RolloutStatus, at: Situation, weight: int, *, promoted: bool) -> RolloutStatus:
    if weight > record.weight and not promoted and (hold := _hold(record, at)):
        return _going(record, hold)
    if not at.enough:
        return _grow(record, at, weight) or _going(record, _lacking(at))
    if record.weight != weight:
        return _weigh(record, weight)
    if at.confirmed:
        return _next(record, at, f"{weight}% of the requests")
    return _going(record, f"the routers take over {weight}%")


def _weigh(record: RolloutStatus, weight: int) -> RolloutStatus:
    restarted = figures.restart(record.analysis or []) or None
    changes = {"weight": weight, "weight_changed_at": None, "analysis": restarted}
    return _going(record, f"the routers take over {weight}%", **changes)


def _grow(record: RolloutStatus, at: Situation, aim: int) -> RolloutStatus | None:
    """Where there is no room for all of the candidate yet, its share follows the replicas that it has."""
    view = at.candidate
    share = share_of(view.scale.replicas, at.replicas, aim)
    may_grow = view.ready and 0 < view.scale.replicas < at.goal
    return _weigh(record, share) if may_grow and share > record.weight else None


def _hold(record: RolloutStatus, at: Situation) -> str:
    """Why the share may not grow yet, or "": without requests to judge by, or without proof, nothing is promoted."""
    if at.course.analysis is None or not record.weight:
        return ""
    if figures.passed(at.course.analysis, record.analysis or []):
        return ""
    return figures.waiting(at.course.analysis, record.analysis or [])


def _pause(record: RolloutStatus, at: Situation, duration: str | None) -> RolloutStatus:
    if duration is None:
        return _paused(record, "the step waits for a person; promote goes on")
    end = record.step_started_at + timedelta(seconds=parse_duration(duration))
    if at.now >= end:
        return _next(record, at, "the pause is over")
    return _going(record, f"pause until {end:%H:%M:%S} UTC")


def _next(record: RolloutStatus, at: Situation, why: str) -> RolloutStatus:
    return _going(record, why, step=record.step + 1, step_started_at=at.now, step_analysis=None)


def _lacking(at: Situation) -> str:
    view = at.candidate
    if view.problem:
        return view.problem.message
    return view.waiting or f"{view.answering or 0} of {at.goal} replicas of {view.revision.name} answer"

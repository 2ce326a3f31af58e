"""What a rollout goes through: its steps, its limits, and how many replicas each side has at each of them."""

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass

from eagleray.api.analysis import Analysis
from eagleray.api.rollout import Pause, Rollout, RolloutStep
from eagleray.api.units import format_duration, parse_share
from eagleray.domain.version.rollout.analysis import interval_seconds
from eagleray.domain.version.rollout.step import Step, share_of
from eagleray.domain.version.rollout.steps.table import step_of

DEFAULT_LADDER = (5, 25, 50)
MEASUREMENTS_A_STEP = 6
DEFAULT_DEADLINE_SECONDS = 600.0
DEFAULT_ABORT_DELAY_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Course:
    """The course of a rollout.

    Attributes:
        steps: what the candidate goes through; after the last it takes over.
        steps_hash: hash of the steps as spec has them, so that other ones are noticed.
        analysis: figures that it is judged by all along, or None.
        surge: replicas above the wanted number, or None for no bound.
        deadline: seconds that the candidate may wait for replicas that answer.
        abort_delay: seconds that an aborted candidate stays.
        recreate: whether the stable revision goes before the candidate comes.
    """

    steps: tuple[Step, ...] = ()
    steps_hash: str = ""
    analysis: Analysis | None = None
    surge: int | None = None
    deadline: float = DEFAULT_DEADLINE_SECONDS
    abort_delay: float = DEFAULT_ABORT_DELAY_SECONDS
    recreate: bool = False

    def step_analysis(self, number: int) -> Analysis | None:
        """The figures that are a step's own; those of the whole rollout count beside them."""
        return self.steps[number].analysis if number < len(self.steps) else None


@dataclass(frozen=True, slots=True)
class Sides:
    """How many replicas each revision of a version is to have.

    Attributes:
        stable: of the stable revision.
        candidate: of the candidate, for now.
        goal: of the candidate before the rollout goes on.
    """

    stable: int
    candidate: int
    goal: int


def course_of(rollout: Rollout | None, replicas: int, *, again: bool) -> Course:
    """Read the course from `spec.rollout`.

    Args:
        rollout: the spec, or None for one switch after warm-up.
        replicas: replicas that the version is to have; a surge in percent is rounded up from them.
        again: whether the candidate has served before: then it takes over without steps, as rolling back must be quick.
    """
    if rollout is None:
        return Course(steps_hash=_hash(()))
    canary = rollout.strategy in {None, "Canary"} and not again
    steps = _steps(rollout) if canary else ()
    return Course(
        steps=tuple(step_of(step) for step in steps),
        steps_hash=_hash(steps),
        analysis=rollout.analysis if canary else None,
        surge=None if rollout.max_surge is None else parse_share(rollout.max_surge, replicas),
        deadline=float(rollout.progress_deadline_seconds or DEFAULT_DEADLINE_SECONDS),
        abort_delay=_or(rollout.abort_scale_down_delay_seconds, DEFAULT_ABORT_DELAY_SECONDS),
        recreate=rollout.strategy == "Recreate",
    )


def _or(value: int | None, default: float) -> float:
    return default if value is None else float(value)


def _steps(rollout: Rollout) -> tuple[RolloutStep, ...]:
    if rollout.steps is not None or rollout.analysis is None:
        return tuple(rollout.steps or ())
    length = format_duration(MEASUREMENTS_A_STEP * interval_seconds(rollout.analysis))
    wait = RolloutStep(pause=Pause(duration=length))
    return tuple(step for weight in DEFAULT_LADDER for step in (RolloutStep(set_weight=weight), wait))


def _hash(steps: Sequence[RolloutStep]) -> str:
    text = json.dumps([s.model_dump(mode="json", exclude_none=True) for s in steps], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def weight_at(course: Course, step: int) -> int:
    """The candidate's share that `step` aims at, in percent; 100 when all steps are done."""
    if step >= len(course.steps):
        return 100
    return next((s.aim.weight for s in reversed(course.steps[: step + 1]) if s.aim.weight is not None), 0)


def replicas_for(weight: int, replicas: int) -> int:
    """How many of `replicas` answer `weight` percent of the requests: rounded up, at least one."""
    return max(1, math.ceil(replicas * weight / 100)) if replicas else 0


def candidate_goal(course: Course, step: int, replicas: int) -> int:
    """Replicas that the candidate is to have at `step`, its surge aside.

    `setReplicas` counts until the steps are done; it is never less than the share needs.
    """
    if step >= len(course.steps):
        return replicas
    needed = replicas_for(weight_at(course, step), replicas)
    fixed = (s.aim.replicas for s in reversed(course.steps[: step + 1]) if s.aim.replicas is not None)
    return max(needed, next(fixed, 0))


@dataclass(frozen=True, slots=True)
class RolloutRoom:
    """What the room for both revisions depends on.

    Attributes:
        replicas: replicas of the version.
        per_pod: replicas that share a Pod; Pods, not replicas, take room.
        before: replicas that the candidate was to have so far.
        answering: how many of them answer.
        leaving: replicas that the stable revision's Pods have room for, those that go included.
        weight: the candidate's share that every router has taken over, in percent.
    """

    replicas: int
    per_pod: int
    before: int
    answering: int
    leaving: int
    weight: int


def sides(course: Course, step: int, room: RolloutRoom) -> Sides:
    """Share the room out between both revisions at `step`.

    Without a bound the stable revision keeps all its replicas. Where the surge is too small for that, the candidate
    grows by as many replicas at a time as the surge has, at least a Pod of them: the stable revision gives them up, the
    candidate gets them when they are gone, and its share follows before the next ones go. The stable one keeps a Pod
    until the candidate has taken over; then the candidate gets the room of that last one too. A single Pod cannot be
    given up: there the surge is at least one Pod.
    """
    replicas, per_pod = room.replicas, room.per_pod
    goal = candidate_goal(course, step, replicas)
    if course.recreate:
        return Sides(0, replicas, replicas)
    surge = course.surge if course.surge is None or replicas > per_pod else max(per_pod, course.surge)
    if surge is None or goal <= surge:
        return Sides(replicas, goal, goal)
    goal = min(goal, max(1, replicas + surge - per_pod))
    before = min(room.before, goal)
    coming = before
    if room.weight >= share_of(before, replicas, weight_at(course, step)):
        coming = min(goal, max(before, room.answering + max(per_pod, surge)))
    stable = max(1, (replicas + surge - coming) // per_pod * per_pod)
    return Sides(min(replicas, stable), max(before, min(coming, replicas + surge - room.leaving)), goal)

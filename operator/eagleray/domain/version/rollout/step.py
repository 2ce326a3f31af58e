"""What every step of a rollout is and depends on. A kind of step is one class in one file of `steps/`."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from datetime import datetime
from typing import ClassVar

from eagleray.api.analysis import Analysis
from eagleray.api.status import RolloutPhase
from eagleray.domain.actions.actions import Wake
from eagleray.domain.goals.verbs import Verbs
from eagleray.domain.revision.revision_view import RevisionView
from eagleray.domain.state.rollout import RolloutState
from eagleray.domain.version.rollout import analysis as figures
from eagleray.domain.version.rollout.evidence import Evidence


@dataclass(frozen=True, slots=True)
class Situation:
    """What a step depends on.

    Attributes:
        analysis: figures that the candidate is judged by all along, or None.
        candidate: the candidate as it stands, sized for the present step.
        goal: replicas that the candidate is to have at this step.
        replicas: replicas of the version.
        confirmed: whether every router runs what was written last.
        verbs: what people ask.
        evidence: what the candidate is judged by, and when.
    """

    analysis: Analysis | None
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

    @property
    def lacking(self) -> str:
        """What the candidate lacks while there are not enough."""
        view = self.candidate
        if view.problem:
            return view.problem.message
        return view.waiting or f"{view.answering or 0} of {self.goal} replicas of {view.revision.name} answer"


@dataclass(frozen=True, slots=True)
class Aim:
    """What holds from a step on, until another step says otherwise.

    Attributes:
        weight: the candidate's share in percent, or None where the step leaves it.
        replicas: the candidate's replicas, or None where the step leaves them.
    """

    weight: int | None = None
    replicas: int | None = None


class Step(ABC):
    """A step of a rollout."""

    field: ClassVar[str]
    """The field of `spec.rollout.steps[]` that makes it."""
    promotable: ClassVar[bool] = True
    """Whether it waits for something that a promotion ends: time, a person, or figures."""

    @property
    def aim(self) -> Aim:
        """What holds from it on."""
        return Aim()

    @property
    def analysis(self) -> Analysis | None:
        """The figures that are its own."""
        return None

    @abstractmethod
    def take(self, record: RolloutState, situation: Situation, *, promoted: bool) -> RolloutState:
        """Do what it asks for, or say what it waits for.

        Args:
            record: the rollout, which is at this step.
            situation: what it depends on.
            promoted: whether a person ends it.
        """

    @abstractmethod
    def say(self) -> str:
        """What it is, in the words of spec: `setWeight 25`."""

    def wake(self, since: datetime) -> Wake | None:  # noqa: ARG002 -- most steps wait for no clock
        """When it is to be looked at by the clock, or None.

        Args:
            since: when the step began.
        """
        return None


def going(record: RolloutState, what: str) -> RolloutState:
    """It goes on by itself, and does or waits for `what`."""
    return replace(record, phase=RolloutPhase.PROGRESSING, message=what)


def paused(record: RolloutState, why: str) -> RolloutState:
    """A person's time does not count: while it is paused, no deadline runs."""
    return replace(record, phase=RolloutPhase.PAUSED, message=why, waiting_since=None)


def following(record: RolloutState, now: datetime, why: str) -> RolloutState:
    """The step is done: the next one begins."""
    return replace(going(record, why), step=record.step + 1, step_started_at=now, step_analysis=())


def promoted_past(record: RolloutState, now: datetime) -> RolloutState:
    """A person ends the step, whatever the figures say."""
    return following(replace(record, analysis=figures.restart(record.analysis)), now, "promoted")


def weigh(record: RolloutState, weight: int) -> RolloutState:
    """The candidate is to have another share; all figures are to be shown again."""
    restarted = figures.restart(record.analysis)
    return replace(
        going(record, f"the routers take over {weight}%"), weight=weight, weight_changed_at=None, analysis=restarted
    )


def hold(record: RolloutState, situation: Situation) -> str:
    """Why the share may not grow yet, or "": without requests to judge by, or without proof, nothing is promoted."""
    if situation.analysis is None or not record.weight or figures.passed(situation.analysis, record.analysis):
        return ""
    return figures.waiting(situation.analysis, record.analysis)


def share_of(candidate: int, replicas: int, aim: int) -> int:
    """The share in percent that so many replicas of the candidate answer, on the way to `aim`."""
    return min(aim, 100 * candidate // replicas) if replicas else aim


def grow(record: RolloutState, situation: Situation, aim: int) -> RolloutState | None:
    """Where there is no room for all of the candidate yet, its share follows the replicas that it has."""
    view = situation.candidate
    share = share_of(view.scale.replicas, situation.replicas, aim)
    may_grow = view.ready and 0 < view.scale.replicas < situation.goal
    return weigh(record, share) if may_grow and share > record.weight else None

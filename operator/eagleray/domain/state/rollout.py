"""What is remembered of a rollout."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from eagleray.api.status import RolloutPhase

FigureVerdict = Literal["Successful", "Failed", "Inconclusive", "NoData"]


@dataclass(frozen=True, slots=True)
class FigureState:
    """How one figure of an analysis stands.

    Attributes:
        name: the metric.
        verdict: what the last measurement says.
        measured_at: when it was taken.
        message: the same in a sentence.
        successful: measurements that passed since the share changed last.
        failed: measurements that failed since the rollout began.
        inconclusive: measurements above the limit without proof since the share changed last.
    """

    name: str
    verdict: FigureVerdict
    measured_at: datetime
    message: str = ""
    successful: int = 0
    failed: int = 0
    inconclusive: int = 0


@dataclass(frozen=True, slots=True)
class RolloutState:
    """A rollout under way, or one that was taken back.

    Attributes:
        version: the version that moves.
        from_: its stable revision.
        to: the candidate.
        started_at: when it started.
        step_started_at: when its present step began.
        attempt: how often this candidate was tried, from 1.
        direct: whether the candidate takes over without steps, as it has served before.
        phase: where it stands.
        step: the step that is being done, from 0; the number of steps when all are done.
        steps: number of steps.
        steps_hash: hash of the steps.
        weight: share of the version's requests that the candidate is to have, in percent.
        effective_weight: share that it has now.
        replicas: replicas that the candidate is to have for now.
        message: what it does, waits for, or why it was taken back.
        weight_changed_at: when every router had taken over the present weight.
        waiting_since: since when the candidate has too few answering replicas.
        interruptions: how often none of its replicas answered while it had a share.
        aborted_at: when it was taken back.
        analysis: the figures of the whole rollout.
        step_analysis: those of the present step.
    """

    version: str
    from_: str
    to: str
    started_at: datetime
    step_started_at: datetime
    attempt: int = 1
    direct: bool = False
    phase: RolloutPhase = RolloutPhase.PROGRESSING
    step: int = 0
    steps: int = 0
    steps_hash: str = ""
    weight: int = 0
    effective_weight: int = 0
    replicas: int = 0
    message: str = ""
    weight_changed_at: datetime | None = None
    waiting_since: datetime | None = None
    interruptions: int = 0
    aborted_at: datetime | None = None
    analysis: tuple[FigureState, ...] = ()
    step_analysis: tuple[FigureState, ...] = ()

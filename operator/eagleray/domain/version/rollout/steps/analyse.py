"""`analysis`: waits until figures of its own have passed."""

from dataclasses import dataclass
from typing import ClassVar

from eagleray.api.analysis import Analysis
from eagleray.domain.state.rollout import RolloutState
from eagleray.domain.version.rollout import analysis as figures
from eagleray.domain.version.rollout.step import Situation, Step, following, going, promoted_past


@dataclass(frozen=True, slots=True)
class AnalysisStep(Step):
    """Judges the candidate.

    Attributes:
        figures: what it is judged by.
    """

    field: ClassVar[str] = "analysis"
    figures: Analysis

    @property
    def analysis(self) -> Analysis | None:
        """The figures."""
        return self.figures

    def take(self, record: RolloutState, situation: Situation, *, promoted: bool) -> RolloutState:
        """Wait until they have passed; figures that fail take the rollout back, whatever the step does."""
        if promoted:
            return promoted_past(record, situation.now)
        if figures.passed(self.figures, record.step_analysis):
            return following(record, situation.now, "the analysis has passed")
        if not record.weight and not situation.enough:
            return going(record, situation.lacking)
        return going(record, figures.waiting(self.figures, record.step_analysis))

    def say(self) -> str:
        """What it is."""
        return "analysis"

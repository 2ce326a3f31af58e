"""What a candidate is judged by: what the routers counted, and what others answered."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from eagleray.api.analysis import Analysis, AnalysisMetric
from eagleray.domain.facts.providers.query import Readings
from eagleray.domain.facts.samples import Sample
from eagleray.domain.goals.revision import Revision
from eagleray.domain.state.rollout import FigureState, RolloutState
from eagleray.domain.version.rollout.analysis import initial_delay_seconds, interval_seconds


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that there is to judge by.

    Attributes:
        candidate: the revision that is judged.
        ready: whether as many of its replicas as are wanted answer.
        compared: copies of requests whose answers were compared with the users'.
        agreed: those of them that said the same.
        samples: what the routers said so far.
        readings: what others answered last.
        now: the time.
    """

    candidate: Revision
    ready: bool
    compared: int
    agreed: int
    samples: tuple[Sample, ...]
    readings: Readings
    now: datetime


@dataclass(frozen=True, slots=True)
class Inquiry:
    """One analysis of a rollout, and what there is for it.

    Attributes:
        analysis: the figures.
        known: what is known of them.
        since: since when the candidate is judged by them.
        record: the rollout.
        evidence: what there is to judge by.
    """

    analysis: Analysis
    known: tuple[FigureState, ...]
    since: datetime
    record: RolloutState
    evidence: Evidence

    @property
    def interval(self) -> timedelta:
        """Time between two measurements."""
        return timedelta(seconds=interval_seconds(self.analysis))

    def due(self, *metrics: AnalysisMetric) -> datetime:
        """When these figures are to be measured next: an interval after the last of them was, or after the delay."""
        names = {metric.name for metric in metrics}
        start = self.since + timedelta(seconds=initial_delay_seconds(self.analysis))
        return max([start, *(m.measured_at for m in self.known if m.name in names)]) + self.interval

"""What a candidate is judged by: what the routers counted, and what others answered."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from eagleray.api.analysis import Analysis, AnalysisMetric
from eagleray.api.status import MetricStatus, RolloutStatus
from eagleray.domain.revisions import Revision
from eagleray.domain.rollout.analysis import initial_delay_seconds, interval_seconds
from eagleray.domain.rollout.signals import Sample


@dataclass(frozen=True, slots=True)
class ProviderQuery:
    """One question to a server that knows a figure.

    Attributes:
        url: where it answers.
        promql: what a Prometheus server is asked; "" for any other server.
        path: where in the answer of any other server the number is.
        about: what any other server is told, as pairs of name and value.
    """

    url: str
    promql: str = ""
    path: str = ""
    about: tuple[tuple[str, str], ...] = ()


def prometheus_query(server: str, query: str, about: Mapping[str, str]) -> ProviderQuery:
    """A question to a Prometheus server.

    Args:
        server: where it answers.
        query: PromQL, in which `$(name)` stands for what `about` says of it.
        about: by name, what is to stand there.
    """
    for name, value in about.items():
        query = query.replace(f"$({name})", value)
    return ProviderQuery(server, promql=query)


@dataclass(frozen=True, slots=True)
class Reading:
    """An answer.

    Attributes:
        at: when it was given.
        value: the number; None where there was none.
        error: why there was none.
    """

    at: datetime
    value: float | None
    error: str = ""


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
    readings: Mapping[ProviderQuery, Reading]
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
    known: tuple[MetricStatus, ...]
    since: datetime
    record: RolloutStatus
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

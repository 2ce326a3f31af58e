"""Figures that others know: what to ask Prometheus or a user's own server, when, and what the answer says."""

from collections.abc import Iterator
from datetime import datetime

from eagleray.api.analysis import AnalysisMetric, Prometheus, Web
from eagleray.domain.facts.providers.prometheus import PrometheusQuery
from eagleray.domain.facts.providers.query import ProviderQuery, Reading
from eagleray.domain.facts.providers.web import WebQuery
from eagleray.domain.goals.revision import Revision
from eagleray.domain.state.rollout import RolloutState
from eagleray.domain.version.rollout.analysis import Measurement
from eagleray.domain.version.rollout.evidence import Inquiry


def query_of(provider: Prometheus | Web, record: RolloutState, candidate: Revision) -> ProviderQuery:
    """What a provider is asked about a rollout.

    Args:
        provider: whom to ask, and what.
        record: the rollout.
        candidate: the revision that is judged.
    """
    about = {
        "name": candidate.model,
        "namespace": candidate.namespace,
        "version": record.version,
        "candidate": record.to,
        "stable": record.from_,
    }
    if isinstance(provider, Web):
        return WebQuery.of(provider.url, provider.path, about)
    return PrometheusQuery.of(provider.server, provider.query, about)


def due_queries(inquiry: Inquiry) -> Iterator[ProviderQuery]:
    """What to ask now: what is due, and was not asked within the last interval."""
    for _, query, _ in _due(inquiry):
        reading = inquiry.evidence.readings.get(query)
        if reading is None or inquiry.evidence.now >= reading.at + inquiry.interval:
            yield query


def measurements(inquiry: Inquiry) -> Iterator[Measurement]:
    """What those answers say that came since they were due."""
    for metric, query, due in _due(inquiry):
        reading = inquiry.evidence.readings.get(query)
        if reading is not None and reading.at >= due:
            yield _judge(metric, reading)


def _due(inquiry: Inquiry) -> Iterator[tuple[AnalysisMetric, ProviderQuery, datetime]]:
    for metric in inquiry.analysis.metrics:
        if metric.provider is not None and inquiry.evidence.now >= (due := inquiry.due(metric)):
            yield metric, query_of(metric.provider, inquiry.record, inquiry.evidence.candidate), due


def _judge(metric: AnalysisMetric, reading: Reading) -> Measurement:
    """No answer is neither good nor bad: the rollout holds, and says why."""
    value = reading.value
    if value is None:
        return Measurement(metric.name, "NoData", reading.error)
    above = metric.max is not None and value > float(metric.max)
    below = metric.min is not None and value < float(metric.min)
    limits = " and ".join(f"{word} {limit}" for word, limit in (("min", metric.min), ("max", metric.max)) if limit)
    return Measurement(metric.name, "Failed" if above or below else "Successful", f"{metric.name} {value:g}, {limits}")

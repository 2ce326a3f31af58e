"""Takes the measurements of a rollout when they are due."""

from datetime import datetime, timedelta

from eagleray.api.rollout import Analysis
from eagleray.api.status import MetricStatus, RolloutStatus
from eagleray.domain import analysis as figures
from eagleray.domain.analysis import initial_delay_seconds, interval_seconds
from eagleray.domain.signals import Sample, windows
from eagleray.domain.steps import Course


def step_analysis(course: Course, step: int) -> Analysis | None:
    """The figures that are the step's own; those of the whole rollout count beside them."""
    return course.steps[step].analysis if step < len(course.steps) else None


def measure(record: RolloutStatus, course: Course, samples: tuple[Sample, ...], now: datetime) -> RolloutStatus:
    """Take a measurement of every figure that is due.

    Only what was answered since the candidate has had its present share counts; for a step's own figures, since the
    step began.
    """
    since = record.weight_changed_at
    if since is None or not record.weight:
        return record
    own = step_analysis(course, record.step)
    taken = {
        "analysis": _taken(course.analysis, record.analysis, since, record, samples, now),
        "step_analysis": _taken(own, record.step_analysis, max(since, record.step_started_at), record, samples, now),
    }
    return record.model_copy(update=taken)


def _taken(
    analysis: Analysis | None,
    known: list[MetricStatus] | None,
    since: datetime,
    record: RolloutStatus,
    samples: tuple[Sample, ...],
    now: datetime,
) -> list[MetricStatus] | None:
    if analysis is None:
        return None
    start = since + timedelta(seconds=initial_delay_seconds(analysis))
    last = max([start, *(m.measured_at for m in known or [])])
    interval = interval_seconds(analysis)
    if now < last + timedelta(seconds=interval):
        return known
    candidate, stable = (windows(samples, revision, since, interval) for revision in (record.to, record.from_))
    return figures.take(known or [], figures.measure(analysis, candidate, stable), now)

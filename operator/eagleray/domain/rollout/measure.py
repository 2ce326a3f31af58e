"""Takes the measurements of a rollout when they are due."""

from collections.abc import Iterator

from eagleray.api.analysis import Analysis
from eagleray.api.status import MetricStatus, RolloutStatus
from eagleray.domain.rollout import agreement, providers
from eagleray.domain.rollout import analysis as figures
from eagleray.domain.rollout.evidence import Evidence, Inquiry, ProviderQuery
from eagleray.domain.rollout.signals import windows
from eagleray.domain.rollout.steps import Course


def step_analysis(course: Course, step: int) -> Analysis | None:
    """The figures that are the step's own; those of the whole rollout count beside them."""
    return course.steps[step].analysis if step < len(course.steps) else None


def measure(record: RolloutStatus, course: Course, evidence: Evidence) -> RolloutStatus:
    """Take a measurement of every figure that is due.

    Only what was answered since the candidate has had its present share counts; for a step's own figures, since the
    step began. Before it has any share a step's figures are measured as soon as it answers: they are about copies of
    requests, or known to others.
    """
    left_out: dict[str, None] = {} if course.analysis else {"analysis": None}
    taken = {where: _taken(inquiry) for where, inquiry in _inquiries(record, course, evidence)}
    return record.model_copy(update={**left_out, **taken})


def due_queries(record: RolloutStatus, course: Course, evidence: Evidence) -> tuple[ProviderQuery, ...]:
    """What to ask others now, so that a later look can take their answers for measurements."""
    found = (query for _, inquiry in _inquiries(record, course, evidence) for query in providers.due_queries(inquiry))
    return tuple(dict.fromkeys(found))


def _inquiries(record: RolloutStatus, course: Course, evidence: Evidence) -> Iterator[tuple[str, Inquiry]]:
    since = record.weight_changed_at if record.weight else None
    if course.analysis is not None and since is not None:
        yield "analysis", Inquiry(course.analysis, tuple(record.analysis or ()), since, record, evidence)
    own = step_analysis(course, record.step)
    if own is not None and (since is not None or (not record.weight and evidence.ready)):
        begin = max(since or record.step_started_at, record.step_started_at)
        yield "step_analysis", Inquiry(own, tuple(record.step_analysis or ()), begin, record, evidence)


def _taken(inquiry: Inquiry) -> list[MetricStatus]:
    found = [*_measured(inquiry), *agreement.measured(inquiry), *providers.measurements(inquiry)]
    return figures.take(inquiry.known, found, inquiry.evidence.now)


def _measured(inquiry: Inquiry) -> list[figures.Measurement]:
    """What the routers say of all their figures at once."""
    analysis, record, evidence = inquiry.analysis, inquiry.record, inquiry.evidence
    own = figures.routers_own(analysis)
    if not own or evidence.now < inquiry.due(*own):
        return []
    seconds = inquiry.interval.total_seconds()
    found = (windows(evidence.samples, revision, inquiry.since, seconds) for revision in (record.to, record.from_))
    return figures.measure(analysis, *found)

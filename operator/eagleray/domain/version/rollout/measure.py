"""Takes the measurements of a rollout when they are due."""

from collections.abc import Iterator
from dataclasses import replace

from eagleray.domain.actions.actions import Wake
from eagleray.domain.facts.providers.query import ProviderQuery
from eagleray.domain.facts.signals import windows
from eagleray.domain.state.rollout import FigureState, RolloutState
from eagleray.domain.version.rollout import agreement, providers
from eagleray.domain.version.rollout import analysis as figures
from eagleray.domain.version.rollout.course import Course
from eagleray.domain.version.rollout.evidence import Evidence, Inquiry


def measure(record: RolloutState, course: Course, evidence: Evidence) -> RolloutState:
    """Take a measurement of every figure that is due.

    Only what was answered since the candidate has had its present share counts; for a step's own figures, since the
    step began. Before it has any share a step's figures are measured as soon as it answers: they are about copies of
    requests, or known to others.
    """
    whole, own = _whole(record, course, evidence), _own(record, course, evidence)
    return replace(
        record,
        analysis=_taken(whole) if whole else record.analysis if course.analysis else (),
        step_analysis=_taken(own) if own else record.step_analysis,
    )


def due_queries(record: RolloutState, course: Course, evidence: Evidence) -> tuple[ProviderQuery, ...]:
    """What to ask others now, so that a later look can take their answers for measurements."""
    inquiries = _inquiries(record, course, evidence)
    return tuple(dict.fromkeys(query for inquiry in inquiries for query in providers.due_queries(inquiry)))


def next_measurements(record: RolloutState, course: Course, evidence: Evidence) -> Iterator[Wake]:
    """When figures are to be measured next; those of others come with their answers."""
    for inquiry in _inquiries(record, course, evidence):
        own = figures.routers_own(inquiry.analysis)
        for metric in inquiry.analysis.metrics:
            due = inquiry.due(*(own if metric in own else (metric,)))
            yield Wake(due, f"{metric.name} is to be measured")


def _inquiries(record: RolloutState, course: Course, evidence: Evidence) -> list[Inquiry]:
    both = (_whole(record, course, evidence), _own(record, course, evidence))
    return [inquiry for inquiry in both if inquiry is not None]


def _whole(record: RolloutState, course: Course, evidence: Evidence) -> Inquiry | None:
    """The figures of the whole rollout, while the candidate has a share that is in force."""
    since = record.weight_changed_at if record.weight else None
    if course.analysis is None or since is None:
        return None
    return Inquiry(course.analysis, record.analysis, since, record, evidence)


def _own(record: RolloutState, course: Course, evidence: Evidence) -> Inquiry | None:
    """The figures of the present step."""
    since, analysis = record.weight_changed_at if record.weight else None, course.step_analysis(record.step)
    if analysis is None or (since is None and (record.weight or not evidence.ready)):
        return None
    begin = max(since or record.step_started_at, record.step_started_at)
    return Inquiry(analysis, record.step_analysis, begin, record, evidence)


def _taken(inquiry: Inquiry) -> tuple[FigureState, ...]:
    taken = [*_measured(inquiry), *agreement.measured(inquiry), *providers.measurements(inquiry)]
    return figures.take(inquiry.known, taken, inquiry.evidence.now)


def _measured(inquiry: Inquiry) -> list[figures.Measurement]:
    """What the routers say of all their figures at once."""
    analysis, record, evidence = inquiry.analysis, inquiry.record, inquiry.evidence
    own = figures.routers_own(analysis)
    if not own or evidence.now < inquiry.due(*own):
        return []
    seconds = inquiry.interval.total_seconds()
    found = (windows(evidence.samples, revision, inquiry.since, seconds) for revision in (record.to, record.from_))
    return figures.measure(analysis, *found)

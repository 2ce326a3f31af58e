"""The record of a rollout between two looks, and what was seen for its next step."""

from dataclasses import replace
from datetime import datetime

from eagleray.api.status import RolloutPhase
from eagleray.domain.facts.pods import Role
from eagleray.domain.goals.revision import Revision
from eagleray.domain.goals.verbs import Verbs
from eagleray.domain.goals.wanted import WantedVersion
from eagleray.domain.revision.reach import answering
from eagleray.domain.revision.revision_view import RevisionView
from eagleray.domain.state.observed import Observed
from eagleray.domain.state.rollout import RolloutState
from eagleray.domain.version.rollout.course import Course, RolloutRoom
from eagleray.domain.version.rollout.evidence import Evidence


def record_of(lane: WantedVersion, stable: Revision, verbs: Verbs, observed: Observed, now: datetime) -> RolloutState:
    """The record of a version's rollout, or a new one: of other revisions, or of another attempt.

    Args:
        lane: the version.
        stable: its stable revision.
        verbs: what people ask.
        observed: what was seen.
        now: the time.
    """
    version, wanted = lane.name, lane.revision.name
    known = observed.status.rollout_of(version)
    before = observed.status.revision(wanted)
    attempt = before.attempts + 1 if before else 1
    if known is not None and (known.from_, known.to) == (stable.name, wanted):
        retried = known.phase is RolloutPhase.ABORTED and verbs.retried(wanted, known.attempt)
        if not retried or any(p.revision == wanted for p in observed.pods):
            return known
        attempt = known.attempt + 1
    return RolloutState(
        version=version,
        from_=stable.name,
        to=wanted,
        attempt=attempt,
        direct=before is not None and before.served_at is not None,
        started_at=now,
        step_started_at=now,
        message="the candidate starts",
    )


def with_steps(record: RolloutState, course: Course, now: datetime) -> RolloutState:
    """With other steps than those that it began with it begins anew, as an index means another step now."""
    others = record.steps_hash not in {"", course.steps_hash} and record.phase is not RolloutPhase.ABORTED
    record = replace(record, steps=len(course.steps), steps_hash=course.steps_hash)
    return replace(record, step=0, step_started_at=now, step_analysis=()) if others else record


def evidence_of(candidate: RevisionView, observed: Observed, now: datetime) -> Evidence:
    """All that there is to judge a candidate by."""
    name = candidate.revision.name
    comparisons = [c for router in observed.routers for c in router.comparisons if c.revision == name]
    return Evidence(
        candidate=candidate.revision,
        ready=candidate.ready,
        compared=sum(c.compared for c in comparisons),
        agreed=sum(c.agreed for c in comparisons),
        samples=observed.samples,
        readings=observed.readings,
        now=now,
    )


def room_of(
    lane: WantedVersion, stable: Revision, record: RolloutState, replicas: int, observed: Observed
) -> RolloutRoom:
    """What the room for both revisions of a version depends on.

    Args:
        lane: the version.
        stable: its stable revision.
        record: its rollout.
        replicas: how many it is to have.
        observed: what was seen.
    """
    pods = [p for p in observed.pods if p.revision == stable.name and p.role is Role.WORKER and not p.terminated]
    # A bound to the surge is for revisions with one worker group.
    per_pod = stable.groups[0].replicas_per_pod
    return RolloutRoom(
        replicas=replicas,
        per_pod=per_pod,
        before=record.replicas,
        answering=answering(lane.revision.name, observed) or 0,
        leaving=len(pods) * per_pod,
        weight=record.weight if record.weight_changed_at else 0,
    )


def share_in_force(record: RolloutState, stable: RevisionView, candidate: RevisionView) -> int:
    """The share that the candidate has now: that of its rollout, as long as a replica of it answers.

    Where the stable revision has none that answers, the candidate has all; while no router can be asked, everything
    stays as it was.
    """
    if not record.weight:
        return 0
    if candidate.serves is None:
        return record.effective_weight
    if not candidate.serves:
        return 0
    return record.weight if stable.serves else 100

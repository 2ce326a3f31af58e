"""What is remembered of a revision when it is looked at."""

from dataclasses import replace
from datetime import datetime

from eagleray.api.status import Outcome
from eagleray.domain.goals.revision import Revision
from eagleray.domain.state.observed import Observed
from eagleray.domain.state.revision import RevisionState


def new_record(revision: Revision, now: datetime) -> RevisionState:
    """The record of a revision that is seen for the first time."""
    return RevisionState(
        name=revision.name,
        version=revision.version,
        hash=revision.name.rsplit("-", 1)[-1],
        image=revision.image,
        uri=revision.template.model.shown if revision.template.model else None,
        created_at=now,
    )


def recorded(revision: Revision, observed: Observed, now: datetime) -> RevisionState:
    """The record of a revision that is wanted: it is no more one that leaves or is only remembered."""
    known = observed.status.revision(revision.name)
    if known is not None:
        if known.last_active_at:
            known = replace(known, failure=None, answered_at=None, answered_incarnation=None)
        return replace(known, last_active_at=None, removing_since=None, outcome=Outcome.PENDING)
    return new_record(revision, now)

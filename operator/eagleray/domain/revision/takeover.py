"""Earlier incarnations of a revision's Ray cluster: they go when the present one has taken over."""

from dataclasses import replace
from datetime import datetime, timedelta

from eagleray.domain.actions.actions import DeletePod, Wake
from eagleray.domain.revision.revision_view import RevisionView
from eagleray.domain.state.observed import Observed, routers_confirm

# An earlier Ray cluster gets requests for so long after the present one has answered: what answered may have been one
# of its replicas, and routers find new ones by health checks, twice a second.
HANDOVER = timedelta(seconds=5)


def take_over(view: RevisionView, request_timeout: float, observed: Observed, now: datetime) -> RevisionView:
    """Delete the Pods of earlier incarnations: those that never answered at once, the others when they are idle.

    They are out of the router soon after the present incarnation has answered; what was under way by then has ended
    when the longest request has had its time.

    Args:
        view: the revision as it stands.
        request_timeout: longest time for one request, in seconds.
        observed: what was seen.
        now: the time of the decision.
    """
    previous, record = view.cluster.previous, view.record
    if not previous or view.unreadable:
        return view
    if not view.answered:
        # What was adopted has no record of who answered: the routers know.
        useless = [
            p
            for p in previous
            if p.incarnation != record.answered_incarnation and (view.serves is False or not p.ready)
        ]
        return _with(view, [DeletePod(p.name, p.uid, "its Ray cluster never answered", idle=True) for p in useless])
    if record.answered_at is None:
        return view
    alone = record.answered_at + HANDOVER
    idle = alone + timedelta(seconds=request_timeout)
    if now < idle:
        earlier = f"an earlier Ray cluster of {view.revision.name}"
        what = "gets no more requests" if now < alone else "has finished what it got"
        wake = Wake(min(at for at in (alone, idle) if now < at), f"{earlier} {what}")
        return replace(view, hands_over=now < alone, wakes=(*view.wakes, wake))
    if not routers_confirm(observed, [view.revision.name]):
        return view
    why = f"Ray cluster {view.cluster.incarnation} of {view.revision.name} has taken over"
    return _with(view, [DeletePod(p.name, p.uid, why, idle=True) for p in previous])


def _with(view: RevisionView, deletions: list[DeletePod]) -> RevisionView:
    return replace(view, actions=(*view.actions, *deletions))

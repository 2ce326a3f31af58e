"""Revisions that are wanted no more: out of the traffic, then without Pods, then remembered for a rollback."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from eagleray.api.status import Outcome
from eagleray.domain.actions.actions import Action, DeletePod, DeleteRevision, RetireRevision, Wake
from eagleray.domain.facts.pods import Pod
from eagleray.domain.revision.ray_cluster import overdue_wakes
from eagleray.domain.revision.records import new_record
from eagleray.domain.state.observed import Observed, routers_confirm
from eagleray.domain.state.revision import RevisionState
from eagleray.domain.version.desired import Desired


@dataclass(frozen=True, slots=True)
class Leaving:
    """A revision that is wanted no more.

    Attributes:
        record: its block of the status.
        pods: its Pods that are still there, but those that are overdue.
        overdue: its Pods that should have gone: what is left of it waits for them, and nothing else does.
        draining: whether it may still have requests under way; only then is it in the router.
        gone: whether nothing of it is left but its content, which is remembered.
        actions: what to do to be rid of it.
        wakes: when its rules that read the clock want the next look.
    """

    record: RevisionState
    pods: tuple[Pod, ...]
    draining: bool
    gone: bool
    actions: tuple[Action, ...] = ()
    overdue: tuple[Pod, ...] = ()
    wakes: tuple[Wake, ...] = ()

    @property
    def moves(self) -> bool:
        """Whether something of it goes."""
        return bool(self.pods or self.actions)


def leaving_revisions(desired: Desired, kept: frozenset[str], observed: Observed, now: datetime) -> tuple[Leaving, ...]:
    """Take down every revision that is not in `kept`, one that has served only after its last request.

    What is left is remembered: the latest of each version, as many as `revisionHistoryLimit` says.
    """
    names = sorted(set(observed.revisions) - kept - set(observed.unreadable))
    leaving = [_leave(name, desired, observed, now) for name in names]
    forgotten = _beyond_limit([one for one in leaving if one.gone], desired)
    return tuple(_forget(one) if one.record.name in forgotten else one for one in leaving)


def _leave(name: str, desired: Desired, observed: Observed, now: datetime) -> Leaving:
    record = _record(name, observed, now)
    pods = tuple(p for p in observed.pods if p.revision == name)
    overdue = tuple(p for p in observed.overdue if p.revision == name)
    if not pods:
        retire = (RetireRevision(name),) if name in observed.services and not overdue else ()
        return Leaving(record, pods, draining=False, gone=not retire and not overdue, actions=retire, overdue=overdue)
    drained = (record.removing_since or now) + timedelta(seconds=desired.request_timeout)
    if record.answered_at is not None and now < drained and not _idle(name, observed):
        wake = Wake(drained, f"the longest request to {name} has had its time")
        return Leaving(record, pods, draining=True, gone=False, overdue=overdue, wakes=(wake,))
    why = f"revision {name} is not wanted any more"
    deletions = tuple(DeletePod(p.name, p.uid, why, idle=True) for p in pods if not p.deleting)
    return Leaving(
        record, pods, draining=False, gone=False, actions=deletions, overdue=overdue, wakes=overdue_wakes(pods)
    )


def _record(name: str, observed: Observed, now: datetime) -> RevisionState:
    record = observed.status.revision(name)
    if record is None:
        record = new_record(observed.revisions[name], now)
    return replace(
        record,
        removing_since=record.removing_since or now,
        last_active_at=record.last_active_at or now,
        outcome=_outcome(record, observed),
    )


def _outcome(record: RevisionState, observed: Observed) -> Outcome:
    """What became of it: judged once, when it leaves, but that it has served stays true."""
    if record.served_at is not None:
        return Outcome.REPLACED
    if record.outcome in {Outcome.FAILED, Outcome.ABANDONED} and record.last_active_at:
        return Outcome(record.outcome)
    aborted = any(r.to == record.name and r.aborted_at for r in observed.status.rollouts)
    return Outcome.FAILED if aborted else Outcome.ABANDONED


def _idle(name: str, observed: Observed) -> bool:
    """Whether no router sends it requests any more and none is under way."""
    written = any(r.name == name and r.removing_since is not None for r in observed.status.revisions)
    if not written or not routers_confirm(observed, [name]):
        return False
    return all(r.stats is not None and r.stats.of(name).active == 0 for r in observed.routers)


def _beyond_limit(gone: list[Leaving], desired: Desired) -> set[str]:
    """Those to forget: what did not serve counts on its own, so that it takes no place of what one can go back to."""
    versions = {v.name for v in desired.versions}
    latest = sorted((one.record for one in gone), key=lambda r: r.last_active_at or r.created_at, reverse=True)
    forgotten = {record.name for record in latest if record.version not in versions}
    for version in versions:
        for served in (True, False):
            same = [r.name for r in latest if r.version == version and (r.served_at is not None) == served]
            forgotten |= set(same[desired.history_limit :])
    return forgotten


def _forget(one: Leaving) -> Leaving:
    return Leaving(one.record, (), draining=False, gone=False, actions=(DeleteRevision(one.record.name),))

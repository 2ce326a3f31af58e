"""Which revision of a version is stable, which is its candidate, and when the one takes the other's place."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from eagleray.api.status import RevisionStatus
from eagleray.domain.actions import Action, DeletePod, DeleteRevision
from eagleray.domain.desired import Desired, Version
from eagleray.domain.observed import Observed, Pod
from eagleray.domain.revision_state import RevisionView, view_revision


@dataclass(frozen=True, slots=True)
class VersionView:
    """A version as it stands.

    Attributes:
        version: what is wanted of it.
        stable: the revision that has its traffic, or None before the first has answered.
        candidate: the revision that is to take over, or None.
    """

    version: Version
    stable: RevisionView | None
    candidate: RevisionView | None

    @property
    def views(self) -> tuple[RevisionView, ...]:
        """The revisions that are to be there, the stable one first."""
        return tuple(v for v in (self.stable, self.candidate) if v is not None)


@dataclass(frozen=True, slots=True)
class Leaving:
    """A revision that is wanted no more.

    Attributes:
        record: its block of the status.
        pods: its Pods that are still there.
        draining: whether it may still have requests under way; only then is it in the router.
        actions: what to do to be rid of it.
    """

    record: RevisionStatus
    pods: tuple[Pod, ...]
    draining: bool
    actions: tuple[Action, ...]


def view_version(version: Version, observed: Observed, now: datetime) -> VersionView:
    """Look at a version's revisions; a candidate of which every replica has answered becomes the stable one."""
    known = next((v for v in observed.status.versions if v.name == version.name), None)
    stable_name = known.stable if known else None
    wanted = view_revision(version, version.revision, observed, now)
    if stable_name == version.revision.name or wanted.complete:
        return VersionView(version, wanted, None)
    stable = observed.revisions.get(stable_name) if stable_name else None
    return VersionView(version, view_revision(version, stable, observed, now) if stable else None, wanted)


def leaving_revisions(desired: Desired, kept: frozenset[str], observed: Observed, now: datetime) -> tuple[Leaving, ...]:
    """Take down every revision that is not in `kept`, one that has served only after its last request."""
    names = sorted(set(observed.revisions) - kept)
    return tuple(_leave(name, desired, observed, now) for name in names)


def routers_confirm(observed: Observed, revisions: Iterable[str]) -> bool:
    """Whether every router Pod is known to run what was written last, the endpoints of `revisions` included."""
    names = tuple(revisions)
    return bool(observed.routers) and all(
        r.stats is not None and r.stats.runs(observed.router_version, names) for r in observed.routers
    )


def _leave(name: str, desired: Desired, observed: Observed, now: datetime) -> Leaving:
    record = next((r for r in observed.status.revisions if r.name == name), None)
    revision = observed.revisions[name]
    if record is None:
        record = RevisionStatus(
            name=name,
            version=revision.version,
            hash=name.rsplit("-", 1)[-1],
            image=revision.image,
            created_at=now,
        )
    since = record.removing_since or now
    record = record.model_copy(update={"removing_since": since})
    pods = tuple(p for p in observed.pods if p.revision == name)
    if not pods:
        return Leaving(record, pods, draining=False, actions=(DeleteRevision(name),))
    draining = record.answered_at is not None and not _drained(name, since, desired, observed, now)
    if draining:
        return Leaving(record, pods, draining=True, actions=())
    why = f"revision {name} is not wanted any more"
    gone = tuple(DeletePod(p.name, p.uid, why, idle=True) for p in pods if not p.deleting)
    return Leaving(record, pods, draining=False, actions=gone)


def _drained(name: str, since: datetime, desired: Desired, observed: Observed, now: datetime) -> bool:
    """Whether no router sends it requests any more and none is under way, or the longest request has had its time."""
    if (now - since).total_seconds() >= desired.request_timeout:
        return True
    told = any(r.name == name and r.removing_since is not None for r in observed.status.revisions)
    if not told or not routers_confirm(observed, [name]):
        return False
    return all(r.stats is not None and r.stats.of(name).active == 0 for r in observed.routers)

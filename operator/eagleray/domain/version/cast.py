"""Who plays in a version: which revision is stable, which one is to take over."""

from collections import Counter
from dataclasses import dataclass

from eagleray.api.status import RolloutPhase
from eagleray.domain.facts.pods import Role
from eagleray.domain.goals.revision import Revision
from eagleray.domain.goals.wanted import WantedVersion
from eagleray.domain.revision.reach import serves
from eagleray.domain.state.observed import Observed


@dataclass(frozen=True, slots=True)
class Cast:
    """The revisions of a version.

    Attributes:
        stable: the revision that has its traffic; None before the first has answered.
        wanted: the revision that it is to run.
        moving: whether a rollout goes on, waits for a person, or is to begin; a candidate that was taken back is none.
    """

    stable: Revision | None
    wanted: Revision
    moving: bool

    @property
    def first(self) -> Revision:
        """The stable revision, or that which is to be the first."""
        return self.stable or self.wanted

    @property
    def rolls(self) -> bool:
        """Whether another revision than the stable one is wanted, one that was taken back included."""
        return self.stable is not None and self.stable.name != self.wanted.name


def cast(lane: WantedVersion, observed: Observed) -> Cast:
    """Work out who plays in a version."""
    stable = _standing(lane, observed)
    if stable is None or stable.name == lane.revision.name:
        return Cast(stable, lane.revision, moving=False)
    known = observed.status.rollout_of(lane.name)
    back = known is not None and known.to == lane.revision.name and known.phase is RolloutPhase.ABORTED
    return Cast(stable, lane.revision, moving=not back)


def _standing(lane: WantedVersion, observed: Observed) -> Revision | None:
    """The stable revision, or in its place a candidate that is wanted no more and alone answers: it has the traffic."""
    stable, known = stable_of(lane.name, observed), observed.status.version(lane.name)
    candidate = observed.revisions.get(known.candidate or "") if known else None
    if stable is None or candidate is None or candidate.name == lane.revision.name:
        return stable
    alone = serves(candidate.name, observed) is True and serves(stable.name, observed) is False
    return candidate if alone else stable


def stable_of(version: str, observed: Observed) -> Revision | None:
    """The revision that has a version's traffic; None before the first has answered."""
    known = observed.status.version(version)
    return observed.revisions.get(known.stable or "") if known else _inherited(version, observed)


def _inherited(version: str, observed: Observed) -> Revision | None:
    """The revision that an object of this name served, which was deleted and has left its Pods to this one."""
    if observed.created_at is None:
        return None
    older = [
        p for p in observed.pods if p.role is Role.WORKER and p.live and p.ready and p.created_at < observed.created_at
    ]
    pods = Counter(p.revision for p in older)
    found = [r for r in observed.revisions.values() if r.version == version and pods[r.name]]
    return max(found, key=lambda r: (pods[r.name], r.name), default=None)

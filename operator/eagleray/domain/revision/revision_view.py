"""One revision as it stands: its Pods, its application and who can reach it."""

from dataclasses import dataclass, field

from eagleray.api.conditions import Reason
from eagleray.domain.actions.actions import Action, Wake
from eagleray.domain.facts.problem import Problem
from eagleray.domain.goals.groups import Counts, Scale
from eagleray.domain.goals.revision import Revision
from eagleray.domain.revision.application import ApplicationDecision
from eagleray.domain.revision.capacity import pods_by_group
from eagleray.domain.revision.ray_cluster import RayCluster
from eagleray.domain.state.revision import RevisionState


@dataclass(frozen=True, slots=True)
class RevisionView:
    """A revision that is wanted, as it stands.

    Attributes:
        revision: the revision.
        scale: how much there is to be of it.
        cluster: its Pods.
        app: its Serve application.
        answering: endpoints that every router Pod sees answering; None while no router Pod can be asked.
        serves: whether any router Pod sees one answering; None while none can be asked.
        record: its block of the status, brought up to date.
        problem: what is wrong, or None.
        waiting: what is still to come, or "".
        actions: what to do for it.
        wakes: when its rules that read the clock want the next look.
        room: replicas of each worker group that there is room for.
        asleep: whether it is to have no Pods at all.
        hands_over: whether an earlier Ray cluster still gets requests beside the present one, which has answered.
    """

    revision: Revision
    scale: Scale
    cluster: RayCluster
    app: ApplicationDecision
    answering: int | None
    serves: bool | None
    record: RevisionState
    problem: Problem | None
    waiting: str
    actions: tuple[Action, ...]
    wakes: tuple[Wake, ...] = ()
    room: Counts = field(default_factory=dict)
    asleep: bool = False
    hands_over: bool = False

    @property
    def wanted(self) -> int:
        """Replicas that are to answer requests: of the most of a group before it is known which one does."""
        return self.scale.groups.get(self.app.ingress, max(self.scale.groups.values()))

    @property
    def running(self) -> int:
        """Replicas of those that run."""
        return self.app.running.get(self.app.ingress, 0)

    @property
    def runs(self) -> bool:
        """Whether every wanted replica of every worker group runs."""
        return all(self.app.running.get(group, 0) >= n for group, n in self.scale.groups.items())

    @property
    def fits(self) -> bool:
        """Whether every replica that there is room for runs and answers, if it is one at least.

        So a first start serves with what the cluster admits of it; what lacks is a problem and no reason to refuse.
        """
        there = all(self.app.running.get(group, 0) >= n for group, n in self.room.items())
        least = min(self.wanted, self.room.get(self.app.ingress, self.wanted))
        return there and self.wanted > 0 and (self.answering or 0) >= max(1, least)

    @property
    def unreadable(self) -> bool:
        """Whether nobody can read its content."""
        return self.problem is not None and self.problem.reason is Reason.REVISION_UNREADABLE

    @property
    def answered(self) -> bool:
        """Whether the present incarnation has answered real requests."""
        return self.record.answered_incarnation == self.cluster.incarnation

    @property
    def complete(self) -> bool:
        """Whether every wanted replica of the present incarnation runs and answers; of none, none is awaited."""
        return self.wanted == 0 or self._answers_fully

    @property
    def ready(self) -> bool:
        """Whether it has answered real requests and every wanted replica does: only then may it be given a share."""
        return self.answered and self.complete

    @property
    def _answers_fully(self) -> bool:
        return self.answered and self.runs and (self.answering or 0) >= self.wanted

    @property
    def settled(self) -> bool:
        """Whether there is nothing left to do for it, or nothing that can be done."""
        if self.unreadable:
            return True
        needed = 0 if self.asleep else 1 + sum(pods_by_group(self.revision.groups, self.scale.groups).values())
        tidy = len(self.cluster.pods) == needed and all(pod.started for pod in self.cluster.pods)
        exact = all(self.app.running.get(group, 0) == n for group, n in self.scale.groups.items())
        return self.complete and tidy and exact and self.problem is None

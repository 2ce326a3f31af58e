"""Pods, as the API server shows them."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

# The init container that tells with which values of Secrets and ConfigMaps a Pod began.
REFERENCES_CONTAINER = "references"
# So long after its grace period a Pod may still be on its way out: kubelet's and the garbage collector's time.
OVERDUE_AFTER = timedelta(seconds=30)


class Role(StrEnum):
    """What a Pod of ours does."""

    HEAD = "head"
    WORKER = "worker"
    ROUTER = "router"

    @property
    def main_container(self) -> str:
        """The container that such a Pod is there for; others, whoever put them there, prepare it or stand beside it."""
        return "envoy" if self is Role.ROUTER else "ray"


@dataclass(frozen=True, slots=True)
class Container:
    """One container's present state, as the kubelet reports it.

    Attributes:
        name: the container's name.
        waiting: reason and message while it waits to start, else None.
        exit_code: of the last termination, else None.
        reason: the kubelet's word for that termination (`OOMKilled`, `Error` …).
        message: what it left behind: its termination message, or the end of its log.
        ended: whether it has ended and is not started again.
        running: whether it runs now.
        init: whether it runs before the main container and has to end; not so an init container that is restarted.
    """

    name: str
    waiting: tuple[str, str] | None = None
    exit_code: int | None = None
    reason: str = ""
    message: str = ""
    ended: bool = False
    running: bool = False
    init: bool = False


@dataclass(frozen=True, slots=True)
class Pod:
    """A Pod of ours.

    Attributes:
        name: the Pod's name.
        uid: its uid, the precondition of its deletion.
        revision: the revision that it belongs to; "" for a router.
        role: what it does.
        incarnation: the number of the Ray cluster that it belongs to, counted within the revision.
        index: a worker's number within its incarnation; 0 for a head.
        group: a worker's worker group; "" for others.
        phase: Kubernetes' Pod phase.
        reason: the Pod's own reason and message where it has one (`Evicted` …), else "".
        ip: address, or "" before it has one.
        deleting: whether a deletion is under way.
        leaves_by: when its grace period ends, where a deletion is under way.
        created_at: when the API server took it.
        unschedulable: the scheduler's words while no node fits, else "".
        scheduled: whether it has a node.
        started: whether its main container runs.
        ready: whether it passes its readiness probe.
        digest: of the image that its main container runs (`sha256:…`); "" where only the node knows it.
        notice: why its node is about to go; "" while it is not.
        kept_off: a node that was about to go when the Pod was made, where it so must not run, and that stays after
            all; "" where there is none.
        on_demand: whether it was made to run on no spot node.
        containers: every container, init containers first.
        warning: what its kubelet warned of last while none of its containers starts, else "".
    """

    name: str
    uid: str
    revision: str
    role: Role
    incarnation: int
    index: int
    phase: str
    created_at: datetime
    group: str = ""
    reason: str = ""
    ip: str = ""
    deleting: bool = False
    unschedulable: str = ""
    scheduled: bool = False
    started: bool = False
    ready: bool = False
    digest: str = ""
    notice: str = ""
    kept_off: str = ""
    on_demand: bool = False
    containers: tuple[Container, ...] = ()
    leaves_by: datetime | None = None
    warning: str = ""

    @property
    def terminated(self) -> bool:
        """Whether what it is there for has ended for good, whatever a container beside it does."""
        return self.phase in {"Failed", "Succeeded"} or self.main_ended or self._init_failed

    @property
    def main_ended(self) -> bool:
        """Whether its main container has ended for good."""
        return any(c.ended for c in self.containers if c.name == self.role.main_container)

    @property
    def _init_failed(self) -> bool:
        return any(c.ended and c.exit_code for c in self.containers if c.init)

    @property
    def unstarted(self) -> bool:
        """Whether it has a node where none of its containers has started yet: volumes and networks come first."""
        began = any(c.running or c.ended or c.exit_code is not None for c in self.containers)
        return self.live and self.scheduled and not self.started and not began

    @property
    def prepares(self) -> str:
        """The init container that runs now, or ""."""
        return next((c.name for c in self.containers if c.init and c.running), "")

    @property
    def references(self) -> tuple[str, ...]:
        """Digests of the values that it began with, one for each reference of its revision; () where it told none."""
        told = (c.message for c in self.containers if c.name == REFERENCES_CONTAINER and c.ended and c.exit_code == 0)
        return tuple(next(told, "").split())

    @property
    def live(self) -> bool:
        """Whether it serves or may come to serve."""
        return not self.deleting and not self.terminated and not self.notice

    @property
    def overdue_from(self) -> datetime | None:
        """From when on nobody waits for it any more: its node does not answer then, or a finalizer holds it."""
        return self.leaves_by + OVERDUE_AFTER if self.leaves_by else None

    def overdue(self, now: datetime) -> bool:
        """Whether it should have gone."""
        return self.overdue_from is not None and now >= self.overdue_from

"""What was seen of one ModelDeployment's world just before a decision: frozen, and already free of client types."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from eagleray.domain.problem import Outcome, PeerTrouble, Problem
from eagleray.domain.providers.query import Readings
from eagleray.domain.ray_cluster.ray_nodes import NodeState, NodeUse
from eagleray.domain.ray_cluster.serve import ServeState
from eagleray.domain.revisions import Revision
from eagleray.domain.rollout.comparison import Comparison
from eagleray.domain.rollout.samples import Sample
from eagleray.domain.state.model import State
from eagleray.domain.traffic.router import RouterStats

# The container that a Pod is there for: Ray's or the router's. The others prepare it, or stand beside it.
MAIN_CONTAINERS = frozenset({"ray", "envoy"})
# So long after its grace period a Pod may still be on its way out: kubelet's and the garbage collector's time.
OVERDUE_AFTER = timedelta(seconds=30)


class Role(StrEnum):
    """What a Pod of ours does."""

    HEAD = "head"
    WORKER = "worker"
    ROUTER = "router"


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

    @property
    def terminated(self) -> bool:
        """Whether what it is there for has ended for good, whatever a container beside it does."""
        return self.phase in {"Failed", "Succeeded"} or self.main_ended or self._init_failed

    @property
    def main_ended(self) -> bool:
        """Whether its main container has ended for good."""
        return any(c.ended for c in self.containers if c.name in MAIN_CONTAINERS)

    @property
    def _init_failed(self) -> bool:
        return any(c.ended and c.exit_code for c in self.containers if c.init)

    @property
    def prepares(self) -> str:
        """The init container that runs now, or ""."""
        return next((c.name for c in self.containers if c.init and c.running), "")

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


@dataclass(frozen=True, slots=True)
class RouterPod:
    """A router Pod.

    Attributes:
        name: the Pod's name.
        ip: its address, or "".
        stats: its statistics, or None while it does not answer: missing, which is never zero.
        problem: what is wrong with it, or None.
        ready: whether it gets requests; one that has just started sees no replica yet, and nobody sees it.
        comparisons: what its comparer found, by revision; empty where it has none or that does not answer.
        held: requests that wait there, by the revision that they wait for.
        uid: the Pod's uid, the precondition of its deletion.
        notice: why its node, which takes no more Pods, is about to go; "" while it is not.
    """

    name: str
    ip: str
    stats: RouterStats | None
    problem: Problem | None = None
    ready: bool = True
    comparisons: tuple[Comparison, ...] = ()
    held: Mapping[str, int] = field(default_factory=dict)
    uid: str = ""
    notice: str = ""


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """The outcome of the last probe of one incarnation: real requests sent to each replica and through the router."""

    revision: str
    incarnation: int
    ok: bool
    message: str


@dataclass(frozen=True, slots=True)
class Observed:
    """Everything that a plan may depend on beside the object and the time.

    Attributes:
        status: what is remembered: the status as last written.
        pods: every Ray Pod of the object.
        revisions: by name, the revisions that exist (each kept in a ControllerRevision).
        services: names of the revisions that have a Service; only those have more than their content.
        serve: by head Pod, what its Serve REST API says; a head that does not answer is not in it.
        serve_errors: by head Pod, why it gave no answer or refused the last request.
        unprotected: by head Pod, that its Ray takes requests without a token, in a sentence.
        unreadable: by revision, why its content cannot be read: another version of the operator wrote it.
        nodes: by worker Pod, its Ray node's state; asked for only while there are Pods to remove.
        routers: every router Pod that is not being deleted.
        router_version: version of the router's configuration that was written last, "" before the first.
        probes: by revision, the last probe's outcome.
        samples: what the routers said at this look and at those before, the latest last.
        readings: what others answered last.
        use: by worker Pod, what its replicas use and do; asked for only where that is a metric.
        outcomes: by part of the plan, how the last try to do it ended, where it did not end well.
        created_at: when the object was created; older Pods were left to it by one of its name. None where unknown.
        overdue: Pods that should have gone; `set_apart` takes them out of `pods`.
    """

    status: State
    pods: tuple[Pod, ...] = ()
    revisions: Mapping[str, Revision] = field(default_factory=dict)
    services: frozenset[str] = frozenset()
    serve: Mapping[str, ServeState] = field(default_factory=dict)
    serve_errors: Mapping[str, PeerTrouble] = field(default_factory=dict)
    unprotected: Mapping[str, str] = field(default_factory=dict)
    unreadable: Mapping[str, str] = field(default_factory=dict)
    nodes: Mapping[str, NodeState] = field(default_factory=dict)
    routers: tuple[RouterPod, ...] = ()
    router_version: str = ""
    probes: Mapping[str, ProbeResult] = field(default_factory=dict)
    samples: tuple[Sample, ...] = ()
    readings: Readings = field(default_factory=dict)
    use: Mapping[str, NodeUse] = field(default_factory=dict)
    outcomes: Mapping[str, Outcome] = field(default_factory=dict)
    created_at: datetime | None = None
    overdue: tuple[Pod, ...] = ()


def set_apart(observed: Observed, now: datetime) -> Observed:
    """Take the Pods that should have gone out of those that count: they only hold their names.

    Args:
        observed: what was seen.
        now: the time of the decision.
    """
    overdue = tuple(p for p in observed.pods if p.overdue(now))
    return replace(observed, pods=tuple(p for p in observed.pods if p not in overdue), overdue=overdue)

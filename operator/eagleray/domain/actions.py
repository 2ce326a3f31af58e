"""The operator's vocabulary: every thing that a plan can ask for, and the plan itself."""

from dataclasses import dataclass
from datetime import datetime

from eagleray.api.status import ModelDeploymentStatus
from eagleray.domain.live import LiveLoad
from eagleray.domain.providers.query import ProviderQuery
from eagleray.domain.ray_cluster.groups import Counts
from eagleray.domain.revisions import Revision
from eagleray.domain.traffic.router import RouterConfig


@dataclass(frozen=True, slots=True)
class EnsureRouter:
    """Make the router's objects what `config` says. Declarative: nothing is written where nothing differs."""

    config: RouterConfig


@dataclass(frozen=True, slots=True)
class EnsureRevision:
    """Make a revision's ControllerRevision, Service, Secret and PodDisruptionBudget. Declarative, like EnsureRouter.

    Attributes:
        revision: the revision.
        min_available: worker Pods that a voluntary disruption must leave.
    """

    revision: Revision
    min_available: int


@dataclass(frozen=True, slots=True)
class AskProvider:
    """Ask a server for a figure."""

    query: ProviderQuery


@dataclass(frozen=True, slots=True)
class AwaitRequest:
    """Look again as soon as a request waits at a router Pod for a revision that sleeps."""


@dataclass(frozen=True, slots=True)
class CreateHead:
    """Create the head Pod of a new incarnation."""

    revision: Revision
    incarnation: int


@dataclass(frozen=True, slots=True)
class CreateWorker:
    """Create a worker Pod of a worker group.

    Attributes:
        revision: the revision.
        group: name of the worker group.
        incarnation: number of the Ray cluster that it joins.
        index: its number within the incarnation.
        on_demand: whether it runs on no spot node.
    """

    revision: Revision
    group: str
    incarnation: int
    index: int
    on_demand: bool = False


@dataclass(frozen=True, slots=True)
class DeletePod:
    """Delete this very Pod.

    Attributes:
        name: the Pod.
        uid: its uid; a successor of the same name is left alone.
        why: for the log.
        idle: whether nothing is asked of it any more, so that it need not wait for its replicas to move.
    """

    name: str
    uid: str
    why: str
    idle: bool = False


@dataclass(frozen=True, slots=True)
class RetireRevision:
    """Delete all that a revision without Pods still has, but its ControllerRevision: its content is remembered."""

    revision: str


@dataclass(frozen=True, slots=True)
class DeleteRevision:
    """Forget a revision that has no Pod left; what its ControllerRevision owns goes with it."""

    revision: str


@dataclass(frozen=True, slots=True)
class PutApplication:
    """Make the Serve application of the incarnation under `head` what the revision says, with so many replicas."""

    revision: Revision
    head: str
    replicas: Counts


@dataclass(frozen=True, slots=True)
class SetReplicas:
    """Set the target of a Serve deployment."""

    revision: Revision
    head: str
    deployment: str
    replicas: int


@dataclass(frozen=True, slots=True)
class DrainNode:
    """Ask Ray to give up an idle worker's node."""

    head: str
    pod: str


@dataclass(frozen=True, slots=True)
class Probe:
    """Send the warm-up requests to every replica of an incarnation, and one through every router Pod.

    Attributes:
        revision: the revision.
        head: the head Pod of the incarnation.
        incarnation: its number.
    """

    revision: Revision
    head: str
    incarnation: int


Action = (
    EnsureRouter
    | AskProvider
    | AwaitRequest
    | EnsureRevision
    | CreateHead
    | CreateWorker
    | DeletePod
    | RetireRevision
    | DeleteRevision
    | PutApplication
    | SetReplicas
    | DrainNode
    | Probe
)


@dataclass(frozen=True, slots=True)
class Wake:
    """When a rule that reads the clock wants the next look.

    Attributes:
        at: when.
        why: for the log.
    """

    at: datetime
    why: str


@dataclass(frozen=True, slots=True)
class Plan:
    """One decision.

    Attributes:
        actions: what to do, in this order.
        status: what to say on the object, written last and only where it differs.
        requeue_after: seconds until the next look, if nothing happens before.
        live: what the scaling metrics say now.
        nodes: revisions of which the figures of Ray's nodes are needed.
    """

    actions: tuple[Action, ...]
    status: ModelDeploymentStatus
    requeue_after: float
    live: tuple[LiveLoad, ...] = ()
    nodes: frozenset[str] = frozenset()

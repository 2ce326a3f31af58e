"""The operator's vocabulary: every thing that a plan can ask for, in names and plain values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from eagleray.api.exposure import RouterGateway, RouterIngress, RouterService
from eagleray.api.pod_template import RouterPodTemplate
from eagleray.domain.actions.router_config import RouterConfig
from eagleray.domain.facts.entrances import EntranceKind
from eagleray.domain.facts.patience import Patience
from eagleray.domain.facts.providers.query import ProviderQuery

ROUTER_PART = "router"


@dataclass(frozen=True, slots=True)
class EnsureRouter:
    """Make the router's objects what `config` says. Declarative: nothing is written where nothing differs.

    Attributes:
        config: what the router is to do.
        pod_template: what is merged into its Pods.
        service: what its Service is to be.
    """

    config: RouterConfig
    pod_template: RouterPodTemplate | None = None
    service: RouterService | None = None


@dataclass(frozen=True, slots=True)
class EnsureEntrance:
    """Have what leads to the router be what spec says. Declarative, like EnsureRouter.

    Attributes:
        kind: the kind of child.
        asked: what spec says of it.
    """

    kind: EntranceKind
    asked: RouterIngress | RouterGateway


@dataclass(frozen=True, slots=True)
class DeleteEntrance:
    """Take down what leads to the router, and spec does not ask for any more.

    Attributes:
        kind: the kind of child.
        uid: its uid, the precondition of its deletion.
    """

    kind: EntranceKind
    uid: str


@dataclass(frozen=True, slots=True)
class EnsureRevision:
    """Make a revision's ControllerRevision, Service, Secret and PodDisruptionBudget. Declarative, like EnsureRouter.

    Attributes:
        revision: name of the revision.
        min_available: worker Pods that a voluntary disruption must leave.
    """

    revision: str
    min_available: int


@dataclass(frozen=True, slots=True)
class CreateHead:
    """Create the head Pod of a new incarnation.

    Attributes:
        revision: name of the revision.
        image: what it runs.
        incarnation: number of the Ray cluster that it leads.
    """

    revision: str
    image: str
    incarnation: int


@dataclass(frozen=True, slots=True)
class CreateWorker:
    """Create a worker Pod of a worker group.

    Attributes:
        revision: name of the revision.
        image: what it runs.
        group: name of the worker group.
        incarnation: number of the Ray cluster that it joins.
        index: its number within the incarnation.
        on_demand: whether it runs on no spot node.
    """

    revision: str
    image: str
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
    """Make the Serve application of the incarnation under `head` what the revision says.

    Attributes:
        revision: name of the revision.
        head: the head Pod of the incarnation.
        replicas: how many replicas to run, by worker group; by Serve deployment, once those of a group are known.
        patience: by Serve deployment, how long to wait for its replicas; {} before they are known.
    """

    revision: str
    head: str
    replicas: Mapping[str, int]
    patience: Mapping[str, Patience] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SetReplicas:
    """Set the target of a Serve deployment."""

    revision: str
    head: str
    deployment: str
    replicas: int


@dataclass(frozen=True, slots=True)
class DrainNode:
    """Ask Ray to give up an idle worker's node."""

    revision: str
    head: str
    pod: str


@dataclass(frozen=True, slots=True)
class Probe:
    """Send the warm-up requests to every replica of an incarnation, and one through every router Pod.

    Attributes:
        revision: name of the revision.
        head: the head Pod of the incarnation.
        incarnation: its number.
    """

    revision: str
    head: str
    incarnation: int


@dataclass(frozen=True, slots=True)
class AskProvider:
    """Ask a server for a figure."""

    query: ProviderQuery


Free = DeletePod | RetireRevision | DeleteRevision | DeleteEntrance
"""What makes room: it is done first, of all parts, and waits for nothing that others may refuse."""
Write = EnsureRouter | EnsureEntrance | EnsureRevision | CreateHead | CreateWorker
"""What an API server may refuse: the first refusal ends the writes of its part."""
Question = PutApplication | SetReplicas | DrainNode | Probe | AskProvider
"""What is asked of others than the API server: it is asked whatever became of the writes."""
Action = Free | Write | Question


@dataclass(frozen=True, slots=True)
class Part:
    """What is done, and may fail, alone.

    Attributes:
        name: `router`, the kind of an entrance, or the name of a revision.
        actions: what to do.
    """

    name: str
    actions: tuple[Action, ...]


@dataclass(frozen=True, slots=True)
class Wake:
    """When a rule that reads the clock wants the next look.

    Attributes:
        at: the time.
        why: what is due then, for the log.
    """

    at: datetime
    why: str


@dataclass(frozen=True, slots=True)
class Polling:
    """How often heads and routers are to be asked, and for what.

    Attributes:
        seconds: time between two questions to heads; None where nobody is to be asked.
        routers: the same to router Pods.
        why: for the log.
        load: whether each new word of the routers is worth a look, as a rollout or scaling decides on it.
        use: revisions whose nodes' figures are needed.
        held: whether requests may wait at the routers for a revision that sleeps.
        in_turn: whether one router Pod is asked in a round, each after the others.
    """

    seconds: float | None
    routers: float | None
    why: str
    load: bool = False
    use: frozenset[str] = frozenset()
    held: bool = False
    in_turn: bool = False

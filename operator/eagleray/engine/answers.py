"""What the peers of one object answered last: Serve, GCS, Ray's agents, router Pods. All by uid of the Pod."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field

from eagleray.domain.facts.comparison import Comparison
from eagleray.domain.facts.problem import PeerTrouble
from eagleray.domain.facts.progress import Progress
from eagleray.domain.facts.ray_nodes import NodeState, NodeUse
from eagleray.domain.facts.router_stats import RouterStats
from eagleray.domain.facts.routers import Credentials
from eagleray.domain.facts.serve import ServeState


@dataclass(frozen=True, slots=True)
class HeadAnswer:
    """What a head said.

    Attributes:
        state: of Serve; None where it gave no usable answer.
        trouble: why it did not.
        unprotected: why nothing may be put on it; "" where it asks for its token.
    """

    state: ServeState | None = None
    trouble: PeerTrouble | None = None
    unprotected: str = ""


@dataclass(frozen=True, slots=True)
class RouterAnswer:
    """What a router Pod said.

    Attributes:
        stats: its statistics; None where it gave no usable answer.
        error: why it did not.
        comparisons: what its comparer found.
        credentials: what is wrong with what it mounts.
    """

    stats: RouterStats | None = None
    error: str = ""
    comparisons: tuple[Comparison, ...] = ()
    credentials: Credentials = field(default_factory=Credentials)

    def decisive(self) -> Hashable:
        """What of it can change a decision where nobody decides by load."""
        if self.stats is None:
            return None
        revisions = sorted(self.stats.revisions.items())
        counted = tuple((name, s.config_version, s.healthy_endpoints, s.active > 0) for name, s in revisions)
        return self.stats.config_version, counted, self.comparisons, self.credentials


@dataclass(frozen=True, slots=True)
class Answers:
    """What one object's peers answered last.

    Attributes:
        heads: what heads said.
        nodes: what the GCS of heads said of their nodes.
        use: what the agents of workers said.
        progress: how far what takes long in workers is.
        warnings: what kubelets warned of last, of Pods whose containers do not start.
        routers: what router Pods said.
        held: requests that wait at router Pods, by revision.
    """

    heads: Mapping[str, HeadAnswer] = field(default_factory=dict)
    nodes: Mapping[str, tuple[NodeState, ...]] = field(default_factory=dict)
    use: Mapping[str, NodeUse] = field(default_factory=dict)
    progress: Mapping[str, Progress] = field(default_factory=dict)
    warnings: Mapping[str, str] = field(default_factory=dict)
    routers: Mapping[str, RouterAnswer] = field(default_factory=dict)
    held: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

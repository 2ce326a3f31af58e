"""What the router in front of a ModelDeployment is told, and what it says of itself."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

DEFAULT_TIMEOUT_SECONDS = 60.0
DEFAULT_MAX_REQUEST_BYTES = 100 * 1024 * 1024
CONFIG_DIR = "/etc/eagleray/router"
CONFIG_ANNOTATION = "eagleray.dev/router-config"
HTTP_PORT = 8080
OPS_PORT = 9902
ADMIN_PORT = 9901
REVISION_HEADER = "x-eagleray-revision"
VERSION_HEADER = "x-eagleray-version"


class InvalidRouterConfigError(ValueError):
    """A router configuration that no router may run; the message names the field and the cause."""


@dataclass(frozen=True, slots=True)
class RouterTarget:
    """One revision as the router sees it.

    Attributes:
        revision: the revision's name; Envoy's cluster has the same.
        version: the version that it belongs to.
        weight: share of the traffic in percent; 0 = defined and health-checked, but asked by name only
            (a candidate that warms up, an old revision that drains).
        addresses: Pod addresses of its workers.
        ports: the ports on each of them where a replica may listen; those without a listener are merely unhealthy.
        retry_in_flight: whether a request that was sent may be sent again elsewhere (predictions without side effects).
    """

    revision: str
    version: str
    weight: int
    addresses: tuple[str, ...]
    ports: tuple[int, ...]
    retry_in_flight: bool = False


@dataclass(frozen=True, slots=True)
class RouterConfig:
    """Everything that the routers of one ModelDeployment are to do.

    A target that had weight is first given weight 0, and is left out only when every router has been seen to run that:
    routes and clusters are separate files to Envoy, and for a moment a route may name a cluster that is gone.

    Attributes:
        name: the ModelDeployment.
        namespace: its namespace.
        targets: its revisions; weights sum up to 100, or to 0 where nothing is ready.
        request_timeout: seconds until a complete answer; 0 = no limit.
        max_request_bytes: larger bodies are answered 413.
        unavailable: what a client is told (503) while no target has weight.

    Raises:
        InvalidRouterConfigError: duplicate revisions, weights that are no percentages or do not sum up.
    """

    name: str
    namespace: str
    targets: tuple[RouterTarget, ...] = ()
    request_timeout: float = DEFAULT_TIMEOUT_SECONDS
    max_request_bytes: int = DEFAULT_MAX_REQUEST_BYTES
    unavailable: str = "no revision of this model is ready yet"

    def __post_init__(self) -> None:
        """Refuse what would split traffic wrongly."""
        weights = [t.weight for t in self.targets]
        if any(not 0 <= w <= 100 for w in weights) or sum(weights) not in {0, 100}:
            raise InvalidRouterConfigError(f"targets: weights must sum up to 100 or all be 0, these are {weights}")
        twice = [name for name, n in Counter(t.revision for t in self.targets).items() if n > 1]
        if twice:
            raise InvalidRouterConfigError(f"targets: revision {twice[0]!r} is there more than once")
        if self.request_timeout < 0 or self.max_request_bytes < 1:
            raise InvalidRouterConfigError("request_timeout must be ≥ 0 and max_request_bytes ≥ 1")


@dataclass(frozen=True, slots=True)
class RouterLayout:
    """Where a router finds its files and listens; the defaults are those of a router Pod.

    Attributes:
        config_dir: folder of the files, absolute.
        bind: address of the two public listeners.
        http_port: traffic.
        ops_port: readiness, statistics and configuration version.
        admin_port: Envoy's own interface, always on loopback.
    """

    config_dir: str = CONFIG_DIR
    bind: str = "0.0.0.0"  # noqa: S104 -- a Pod is reached by its own address
    http_port: int = HTTP_PORT
    ops_port: int = OPS_PORT
    admin_port: int = ADMIN_PORT


@dataclass(frozen=True, slots=True)
class RevisionStats:
    """One revision as one router Pod counted it since that Pod started (counters only grow).

    Attributes:
        config_version: the configuration version that its endpoints are of.
        healthy_endpoints: replicas that answer their health check.
        active: requests at replicas right now.
        requests: requests answered to clients, whatever the outcome.
        errors: those of them answered 5xx, the router's own (no replica, timeout) included.
        retries: further attempts made.
        latency_sum_ms: sum over `latency_count` answers of the time from request to complete answer, in ms.
        latency_count: answers in that sum.
    """

    config_version: str = ""
    healthy_endpoints: int = 0
    active: int = 0
    requests: int = 0
    errors: int = 0
    retries: int = 0
    latency_sum_ms: float = 0.0
    latency_count: int = 0


@dataclass(frozen=True, slots=True)
class RouterStats:
    """One router Pod's word.

    Attributes:
        config_version: the version of its routes, clusters and listeners; "" while they differ (a change is being
            taken over, or a part of it was refused).
        revisions: by revision; one that was removed stays until its last request ended.
        active: requests of clients in progress.
    """

    config_version: str
    revisions: Mapping[str, RevisionStats] = field(default_factory=dict)
    active: int = 0

    def of(self, revision: str) -> RevisionStats:
        """The figures of one revision; all zero where this router does not know it."""
        return self.revisions.get(revision, RevisionStats())

    def runs(self, version: str, revisions: Iterable[str]) -> bool:
        """Whether all of the router is at `version`, the endpoints of `revisions` included."""
        return self.config_version == version and all(self.of(r).config_version == version for r in revisions)

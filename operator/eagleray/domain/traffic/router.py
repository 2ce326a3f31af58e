"""What the router in front of a ModelDeployment is told, and what it says of itself."""

from collections import Counter
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field

from eagleray.api.traffic import Sticky, TrafficRule

DEFAULT_TIMEOUT_SECONDS = 60.0
DEFAULT_MAX_REQUEST_BYTES = 100 * 1024 * 1024
DEFAULT_RELATIVE_TOLERANCE = 1e-6
DEFAULT_ABSOLUTE_TOLERANCE = 1e-9
CONFIG_DIR = "/etc/eagleray/router"
# Kubelet replaces the files of a ConfigMap all at once by moving this link in their folder.
KUBELET_DATA = "..data"
HOLDS_FILE = "holds.json"
# Read in place of `lds.json` where the kernel knows no IPv6.
IPV4_LISTENERS_FILE = "lds-ipv4.json"
EVERYWHERE = "::"
CONFIG_ANNOTATION = "eagleray.dev/router-config"
HTTP_PORT = 8080
OPS_PORT = 9902
ADMIN_PORT = 9901
# On loopback, and only in routers that compare: copies for the mirror, exchanges to compare, what was found.
COPIES_PORT = 9903
EXCHANGES_PORT = 9904
REPORT_PORT = 9905
# On loopback, and only in routers that hold: whether a request may pass, how many wait.
CHECKS_PORT = 9906
HELD_PORT = 9907
REVISION_HEADER = "x-eagleray-revision"
VERSION_HEADER = "x-eagleray-version"


# Callers are sorted into so many parts, each of which one revision answers: a hundredth of a percent.
SLOTS = 10_000


class InvalidRouterConfigError(ValueError):
    """A router configuration that no router may run; the message names the field and the cause."""


@dataclass(frozen=True, slots=True)
class Hold:
    """How requests wait for a revision that has to start.

    Attributes:
        timeout: seconds that one may wait.
        max_held: requests that may wait at one router Pod.
        retry_after: seconds after which one that may not wait is told to come again.
    """

    timeout: float
    max_held: int
    retry_after: int


@dataclass(frozen=True, slots=True)
class RouterTarget:
    """One revision as the router sees it.

    Attributes:
        revision: the revision's name; Envoy's cluster has the same.
        version: the version that it belongs to.
        addresses: Pod addresses of its workers.
        ports: the ports on each of them where a replica may listen; those without a listener are merely unhealthy.
        retry_in_flight: whether a request that was sent may be sent again elsewhere (predictions without side effects).
        hold: how requests to it wait while it starts, or None where they do not.
    """

    revision: str
    version: str
    addresses: tuple[str, ...]
    ports: tuple[int, ...]
    retry_in_flight: bool = False
    hold: Hold | None = None


@dataclass(frozen=True, slots=True)
class Share:
    """A part of the requests, and who answers them.

    Attributes:
        revision: the revision that answers.
        slots: how many of `SLOTS` parts.
    """

    revision: str
    slots: int


@dataclass(frozen=True, slots=True)
class RouterLane:
    """A version that requests can ask for by name or by rule.

    Attributes:
        version: its name.
        shares: how its revisions share its requests, `SLOTS` in all; empty while none of them answers.
    """

    version: str
    shares: tuple[Share, ...] = ()


@dataclass(frozen=True, slots=True)
class RouterMirror:
    """Copies of requests for a revision whose answers reach nobody.

    Attributes:
        revision: the revision that gets the copies.
        percent: share of the requests of the split that is copied.
        relative: how far apart two numbers of compared answers may be, as a share of the larger one …
        absolute: … and as a number; the larger allowance counts.
        bodies: whether samples of answers that differ carry the bodies.
    """

    revision: str
    percent: int
    relative: float = DEFAULT_RELATIVE_TOLERANCE
    absolute: float = DEFAULT_ABSOLUTE_TOLERANCE
    bodies: bool = False


@dataclass(frozen=True, slots=True)
class RouterConfig:
    """Everything that the routers of one ModelDeployment are to do.

    A target that had a share is left out only when every router has been seen to run a split without it: routes and
    clusters are separate files to Envoy, and for a moment a route may name a cluster that is gone.

    Attributes:
        name: the ModelDeployment.
        namespace: its namespace.
        targets: its revisions: each is defined and health-checked, and can be asked by name.
        split: who answers requests that ask for no version, `SLOTS` in all, or empty where nothing is ready. The order
            counts: a sticky caller's key is a place in it. A revision may be there more than once.
        lanes: its versions.
        rules: requests that go to one version whatever the split is; the first that fits counts.
        sticky: what keeps a caller on one place of the split, or None.
        mirror: who gets copies, or None.
        compares: whether a comparer in the router's Pods sends the copies, not Envoy, which drops their answers. Set
            also while nobody gets any: Pods and listeners stay as they are.
        version_header: whether a request may choose its version by the header `x-eagleray-version`.
        request_timeout: seconds until a complete answer; 0 = no limit.
        max_request_bytes: larger bodies are answered 413.
        unavailable: what a client is told (503) while the split is empty.
        model: whether all its versions are models, which have paths that tell their health; an application has its own.
        holds: whether a holder in the router's Pods lets requests wait. Set also while none is to wait, as `compares`.
        hold_timeout: the longest that a request may wait, in seconds; 0 without a holder.
        logged_percent: share of the requests that were answered well that get a line in the log.

    Raises:
        InvalidRouterConfigError: duplicate revisions, a hold without a holder, shares that do not sum up or name what
            is not a target.
    """

    name: str
    namespace: str
    targets: tuple[RouterTarget, ...] = ()
    split: tuple[Share, ...] = ()
    lanes: tuple[RouterLane, ...] = ()
    rules: tuple[TrafficRule, ...] = ()
    sticky: Sticky | None = None
    mirror: RouterMirror | None = None
    compares: bool = False
    version_header: bool = True
    request_timeout: float = DEFAULT_TIMEOUT_SECONDS
    max_request_bytes: int = DEFAULT_MAX_REQUEST_BYTES
    unavailable: str = "no revision of this model is ready yet"
    model: bool = False
    holds: bool = False
    hold_timeout: float = 0.0
    logged_percent: float = 100.0

    def __post_init__(self) -> None:
        """Refuse what would split traffic wrongly."""
        known = Counter(t.revision for t in self.targets)
        twice = [name for name, n in known.items() if n > 1]
        if twice:
            raise InvalidRouterConfigError(f"targets: revision {twice[0]!r} is there more than once")
        _check_shares("split", self.split, known)
        for lane in self.lanes:
            _check_shares(f"lanes: version {lane.version!r}", lane.shares, known)
        if self.mirror and self.mirror.revision not in known:
            raise InvalidRouterConfigError(f"mirror: revision {self.mirror.revision!r} is no target")
        lanes = {lane.version for lane in self.lanes}
        lost = [rule.version for rule in self.rules if rule.version not in lanes]
        if lost:
            raise InvalidRouterConfigError(f"rules: version {lost[0]!r} has no lane")
        held = [t.revision for t in self.targets if t.hold]
        if held and not self.holds:
            raise InvalidRouterConfigError(f"targets: revision {held[0]!r} is on hold, and there is no holder")
        if self.request_timeout < 0 or self.max_request_bytes < 1:
            raise InvalidRouterConfigError("request_timeout must be ≥ 0 and max_request_bytes ≥ 1")


def _check_shares(where: str, shares: tuple[Share, ...], known: Container[str]) -> None:
    slots = [share.slots for share in shares]
    if shares and (min(slots) < 1 or sum(slots) != SLOTS):
        raise InvalidRouterConfigError(f"{where}: shares must be above 0 and sum up to {SLOTS}, these are {slots}")
    strangers = [share.revision for share in shares if share.revision not in known]
    if strangers:
        raise InvalidRouterConfigError(f"{where}: revision {strangers[0]!r} is no target")


@dataclass(frozen=True, slots=True)
class RouterLayout:
    """Where a router finds its files and listens; the defaults are those of a router Pod.

    Attributes:
        config_dir: folder of the files, absolute.
        bind: address of the two public listeners; `EVERYWHERE` is that of IPv4, too.
        http_port: traffic.
        ops_port: readiness, statistics and configuration version.
        admin_port: Envoy's own interface, always on loopback, as the following are.
        copies_port: the comparer's copies for the mirrored revision.
        exchanges_port: the comparer, for exchanges to compare.
        report_port: the comparer, for what it found.
        checks_port: the holder, which lets requests pass.
        held_port: the holder, for how many wait.
        bind_ipv4: `bind` where the kernel knows no IPv6.
    """

    config_dir: str = CONFIG_DIR
    bind: str = EVERYWHERE
    http_port: int = HTTP_PORT
    ops_port: int = OPS_PORT
    admin_port: int = ADMIN_PORT
    copies_port: int = COPIES_PORT
    exchanges_port: int = EXCHANGES_PORT
    report_port: int = REPORT_PORT
    checks_port: int = CHECKS_PORT
    held_port: int = HELD_PORT
    bind_ipv4: str = field(default="0.0.0.0", kw_only=True)  # noqa: S104 -- a Pod is reached by its own address


@dataclass(frozen=True, slots=True)
class RevisionStats:
    """One revision as one router Pod counted it since that Pod started, or since it knows the revision.

    What users saw, each request once: the attempts before the last are in `retries` alone, mirrored copies only in
    `active`. The router's own answers on behalf of the revision (no replica, refused, reset, timeout) are requests and
    errors. Not counted at all: a caller that left before the answer began. Counted with the status that was sent: an
    answer that broke off in its body.

    Attributes:
        config_version: the configuration version that its endpoints are of.
        healthy_endpoints: replicas that answer their health check.
        active: requests at replicas right now.
        requests: requests answered to clients, whatever the outcome.
        errors: those of them answered 5xx, the router's own (no replica, timeout) included.
        retries: further attempts made.
        latency_sum_ms: sum over `latency_count` answers of the time from request to complete answer, in ms.
        latency_count: answers in that sum: complete ones of a replica; up to a second behind `requests`.
        latency_buckets: upper edge in ms → answers that took less, the last for `math.inf`. There alone are also those
            answered 504, which took longer than anybody waits. Edges inside a stretch without requests are left out.
    """

    config_version: str = ""
    healthy_endpoints: int = 0
    active: int = 0
    requests: int = 0
    errors: int = 0
    retries: int = 0
    latency_sum_ms: float = 0.0
    latency_count: int = 0
    latency_buckets: tuple[tuple[float, int], ...] = ()


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

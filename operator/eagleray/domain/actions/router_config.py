"""What the router in front of a ModelDeployment is told."""

from collections import Counter
from collections.abc import Container
from dataclasses import dataclass, field

from eagleray.api.traffic import Sticky, TrafficRule
from eagleray.domain.actions.access import Access, Limits
from eagleray.domain.actions.router_size import RouterSize

DEFAULT_TIMEOUT_SECONDS = 60.0
DEFAULT_MAX_REQUEST_BYTES = 100 * 1024 * 1024
KIB = 1024
# Servers of Python read no more either, unless they are told to.
DEFAULT_MAX_HEADER_BYTES = 60 * KIB
DEFAULT_MAX_HEADERS = 100
DEFAULT_RETRY_BODY_BYTES = 64 * KIB
DEFAULT_RELATIVE_TOLERANCE = 1e-6
DEFAULT_ABSOLUTE_TOLERANCE = 1e-9


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
class StreamClock:
    """What bounds answers that may go on for longer than a request.

    Attributes:
        first_byte: seconds until an answer begins, at each attempt.
        silence: seconds in which nothing passes, of the request or of the answer.
    """

    first_byte: float
    silence: float


@dataclass(frozen=True, slots=True)
class RouterTarget:
    """One revision as the router sees it.

    Attributes:
        revision: the revision's name; Envoy's cluster has the same.
        version: the version that it belongs to.
        addresses: Pod addresses of its workers.
        ports: the ports on each of them where a replica may listen; those without a listener are merely unhealthy.
        model: whether our own server answers: predictions have no side effects, so that a request that was sent may be
            sent again elsewhere.
        hold: how requests to it wait while it starts, or None where they do not.
        fallback: the revision of the same version that is asked for its share while none of its own replicas answers
            its health check; "" for none.
        calls: whether its replicas answer gRPC calls by HTTP/2 there, and nothing else.
        copied: whether Envoy itself may send it copies of whole bodies. The user's word counts, not who gets them now.
    """

    revision: str
    version: str
    addresses: tuple[str, ...]
    ports: tuple[int, ...]
    model: bool = False
    hold: Hold | None = None
    fallback: str = ""
    calls: bool = False
    copied: bool = False


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
class Cors:
    """What pages of other origins may ask from a browser.

    Attributes:
        origins: the pages' origins, exact or with a first label `*`; `ANY_ORIGIN` is any.
        methods: methods that they may ask with.
        headers: headers that they may send.
        exposed: headers of answers that they may read.
        credentials: whether the browser sends its cookies along.
        max_age: seconds that a browser remembers a preflight.
    """

    origins: tuple[str, ...]
    methods: tuple[str, ...]
    headers: tuple[str, ...]
    exposed: tuple[str, ...]
    credentials: bool
    max_age: float


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
        version_header: whether a request may choose its version by the header `x-eagleray-version`, and a revision by
            `x-eagleray-revision`.
        answer_headers: whether answers say by these who gave them.
        request_timeout: seconds until a complete answer; 0 = no limit.
        stream: what bounds an answer in its place, or None.
        max_request_bytes: larger bodies are answered 413.
        max_header_bytes: more of them, names and values together, are answered 431; Envoy takes whole KiB.
        max_headers: so are more headers than this.
        trusted_hops: proxies in front whose X-Forwarded-* are believed; with 0 those of clients are overwritten.
        cors: what pages of other origins may ask, or None where a browser lets them ask nothing.
        unavailable: what a client is told (503) while the split is empty.
        model: whether all its versions are models, which have paths that tell their health; an application has its own.
        holds: whether a holder in the router's Pods lets requests wait. Set also while none is to wait, as `compares`.
        hold_timeout: the longest that a request may wait, in seconds; 0 without a holder.
        ignored: paths, and beginnings of a `User-Agent`, of requests by which nobody asks for a prediction.
        logged_percent: share of the requests that were answered well that get a line in the log.
        access: who is let in.
        limits: how much they may ask.
        size: what Envoy may use in a router Pod.
        retry_body_bytes: bodies up to here are kept until the answer begins, for a second attempt.
        prefixes: beginnings of paths that are taken off, the longest first.

    Raises:
        InvalidRouterConfigError: duplicate revisions, a hold without a holder, shares that do not sum up or name what
            is not a target, a fallback that is none of the version's other revisions, copies for what has no room.
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
    answer_headers: bool = True
    request_timeout: float = DEFAULT_TIMEOUT_SECONDS
    stream: StreamClock | None = None
    max_request_bytes: int = DEFAULT_MAX_REQUEST_BYTES
    max_header_bytes: int = DEFAULT_MAX_HEADER_BYTES
    max_headers: int = DEFAULT_MAX_HEADERS
    trusted_hops: int = 0
    cors: Cors | None = None
    unavailable: str = "no revision of this model is ready yet"
    model: bool = False
    holds: bool = False
    hold_timeout: float = 0.0
    ignored: tuple[str, ...] = ()
    logged_percent: float = 100.0
    access: Access = field(default_factory=Access)
    limits: Limits = field(default_factory=Limits)
    size: RouterSize = field(default_factory=RouterSize)
    retry_body_bytes: int = DEFAULT_RETRY_BODY_BYTES
    prefixes: tuple[str, ...] = ()

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
        if self.mirror and not self.compares and not self.target(self.mirror.revision).copied:
            raise InvalidRouterConfigError(f"mirror: revision {self.mirror.revision!r} has no room for copies")
        lanes = {lane.version for lane in self.lanes}
        lost = [rule.version for rule in self.rules if rule.version not in lanes]
        if lost:
            raise InvalidRouterConfigError(f"rules: version {lost[0]!r} has no lane")
        _check_fallbacks(self.targets)
        held = [t.revision for t in self.targets if t.hold]
        if held and not self.holds:
            raise InvalidRouterConfigError(f"targets: revision {held[0]!r} is on hold, and there is no holder")
        if self.request_timeout < 0 or self.max_request_bytes < 1 or self.trusted_hops < 0:
            raise InvalidRouterConfigError("request_timeout and trusted_hops must be ≥ 0, and max_request_bytes ≥ 1")
        if self.max_headers < 1 or self.max_header_bytes < KIB or self.max_header_bytes % KIB:
            raise InvalidRouterConfigError("max_headers must be ≥ 1, and max_header_bytes a multiple of 1024")

    @property
    def guarded(self) -> bool:
        """Whether the operator's own requests have a door of theirs, as clients' does not lead where they go."""
        return self.access.guarded or not self.version_header

    def target(self, revision: str) -> RouterTarget:
        """The target of that name, which must be one."""
        return next(t for t in self.targets if t.revision == revision)


def _check_shares(where: str, shares: tuple[Share, ...], known: Container[str]) -> None:
    slots = [share.slots for share in shares]
    if shares and (min(slots) < 1 or sum(slots) != SLOTS):
        raise InvalidRouterConfigError(f"{where}: shares must be above 0 and sum up to {SLOTS}, these are {slots}")
    strangers = [share.revision for share in shares if share.revision not in known]
    if strangers:
        raise InvalidRouterConfigError(f"{where}: revision {strangers[0]!r} is no target")


def _check_fallbacks(targets: tuple[RouterTarget, ...]) -> None:
    versions = {t.revision: t.version for t in targets}
    for t in targets:
        if t.fallback and (t.fallback == t.revision or versions.get(t.fallback) != t.version):
            raise InvalidRouterConfigError(f"targets: {t.fallback!r} is no other revision of version {t.version!r}")

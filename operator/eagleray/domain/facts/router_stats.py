"""What routers count."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field


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

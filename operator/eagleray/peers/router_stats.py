"""A router Pod's statistics: what it runs, and per revision who answers, how many, how fast."""

import math
import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any, Final

from eagleray.domain.facts.router_stats import RevisionStats, RouterStats
from eagleray.peers.address import http_url
from eagleray.peers.http import ROUTERS, Http, Request
from eagleray.peers.shape import MOST, ShapeError, items, loads, mapping, text, whole
from eagleray.router.bootstrap import ADMIN_CLUSTER, LATENCY_EDGES_MS
from eagleray.router.compare import EXCHANGES_CLUSTER, REPORT_CLUSTER
from eagleray.router.failover import BETWEEN
from eagleray.router.hold import CHECKS_CLUSTER, HELD_CLUSTER
from eagleray.router.made import CREDENTIALS_CLUSTER
from eagleray.router.routes import STATS_PATH

SECONDS: Final = 2.0
MOST_STATS: Final = 20_000
MOST_BINS: Final = 4096
# A tenth of what Envoy would send unasked. `external` are the requests of clients; a mirrored copy is `internal`, and
# both are in the names without either. The routes of copies say nothing here: a listener that was removed keeps its own
# for minutes, and the comparer sees by itself who answers.
_FILTER: Final = (
    r"^(cluster\.[^.]+\.(version_text|membership_healthy|upstream_rq_(active|retry)"
    r"|external\.upstream_rq_(completed|5xx|504|time)|grpc\.(2|4|8|13|14|15))"
    r"|http\.(ingress|ops)\..+\.version_text|http\.ingress\.downstream_rq_active"
    r"|(cluster_manager|listener_manager)\..ds\.version_text)$"
)
# `detailed` gives every bin that is not empty: the other forms have no number of answers, no sum, and all empty bins.
_QUERY: Final = {"format": "json", "histogram_buckets": "detailed", "filter": _FILTER}
_OWN_CLUSTERS: Final = {
    *(ADMIN_CLUSTER, EXCHANGES_CLUSTER, REPORT_CLUSTER, CHECKS_CLUSTER, HELD_CLUSTER),
    CREDENTIALS_CLUSTER,
}
_CLUSTER: Final = re.compile(r"cluster\.([^.]+)\.(.+)")
_COUNTS: Final = {
    "membership_healthy": "healthy_endpoints",
    "upstream_rq_active": "active",
    "upstream_rq_retry": "retries",
    "external.upstream_rq_completed": "requests",
    "external.upstream_rq_5xx": "errors",
    "external.upstream_rq_504": "timeouts",
    # Of calls that replicas answer themselves: UNKNOWN, DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED, INTERNAL, UNAVAILABLE,
    # DATA_LOSS.
    **{f"grpc.{status}": "failed_calls" for status in (2, 4, 8, 13, 14, 15)},
}
_VERSION: Final = "version_text"
_TIME: Final = "external.upstream_rq_time"
_ACTIVE: Final = "http.ingress.downstream_rq_active"


async def router_stats(http: Http, owner: Hashable, ip: str, port: int) -> RouterStats:
    """Read one router Pod's statistics.

    Args:
        http: asks.
        owner: the object whose budget it is.
        ip: the Pod's address.
        port: its ops port.

    Raises:
        PeerError: one of its kinds, by what went wrong: its figures are missing, which is not the same as zero.
    """
    request = Request(peer=f"router {ip}", url=http_url(ip, port, STATS_PATH, _QUERY), seconds=SECONDS)
    return await http.ask(ROUTERS, owner, request, parse_router_stats)


def parse_router_stats(body: bytes) -> RouterStats:
    """Turn Envoy's `/stats?format=json&histogram_buckets=detailed` into `RouterStats`.

    Raises:
        ShapeError: it is not a router's.
    """
    figures: defaultdict[str, _Figures] = defaultdict(_Figures)
    versions: set[str] = set()
    active = 0
    for entry in items(mapping(loads(body), "it").get("stats"), "stats", MOST_STATS):
        stat = mapping(entry, "stats[]")
        if "histograms" in stat:
            _add_histograms(figures, stat["histograms"])
            continue
        name, value = text(stat.get("name"), "stats[].name"), stat.get("value")
        if cluster := _CLUSTER.fullmatch(name):
            figures[_revision(cluster[1])].add(cluster[2], value)
        elif name == _ACTIVE:
            active = whole(value, name)
        elif name.endswith(_VERSION):
            versions.add(text(value, name))
    if not versions:
        raise ShapeError("no configuration version")
    version = versions.pop() if len(versions) == 1 else ""
    revisions = {name: each.stats() for name, each in sorted(figures.items()) if name not in _OWN_CLUSTERS}
    return RouterStats(version, revisions, active)


@dataclass(slots=True)
class _Figures:
    """What is read of one revision, until all of it is."""

    config_version: str = ""
    counts: dict[str, int] = field(default_factory=dict)
    answers: int = 0
    sum_ms: float = 0.0
    between_edges: list[int] = field(default_factory=lambda: [0] * (len(LATENCY_EDGES_MS) + 1))

    def add(self, name: str, value: object) -> None:
        if name in _COUNTS:
            self.counts[_COUNTS[name]] = self.counts.get(_COUNTS[name], 0) + whole(value, name)
        elif name == _VERSION:
            self.config_version = text(value, name)

    def add_bin(self, entry: Any) -> None:  # noqa: ANN401 -- JSON
        """Add answers that took about as long.

        Envoy counts whole milliseconds, rounded down, in bins whose lower edge is whole. The time of each is what Envoy
        itself takes for it: the harmonic mean of the bin's edges.
        """
        low, width, count = _bin(entry)
        self.answers += count
        self.sum_ms += count * 2 * low * (low + width) / (2 * low + width) if low else 0.0
        self.between_edges[bisect_right(LATENCY_EDGES_MS, round(low))] += count

    def stats(self) -> RevisionStats:
        counts = {**self.counts}
        total = self.answers + counts.pop("timeouts", 0)
        # A call that no replica answered is among both.
        counts["errors"] = max(counts.get("errors", 0), counts.pop("failed_calls", 0))
        below = zip(map(float, LATENCY_EDGES_MS), accumulate(self.between_edges), strict=False)
        return RevisionStats(
            self.config_version,
            latency_sum_ms=self.sum_ms,
            latency_count=self.answers,
            latency_buckets=_used([*below, (math.inf, total)]) if total else (),
            **counts,
        )


def _revision(cluster: str) -> str:
    """Whose figures a cluster's are: where another revision stands in, still those of whom the share is."""
    return cluster.partition(BETWEEN)[0]


def _add_histograms(figures: Mapping[str, _Figures], histograms: object) -> None:
    for entry in items(mapping(histograms, "histograms").get("details"), "histograms.details", MOST_STATS):
        histogram = mapping(entry, "histogram")
        cluster = _CLUSTER.fullmatch(text(histogram.get("name"), "histogram.name"))
        if cluster and cluster[2] == _TIME:
            revision = figures[_revision(cluster[1])]
            for one in items(histogram.get("totals"), "histogram.totals", MOST_BINS):
                revision.add_bin(one)


def _bin(entry: Any) -> tuple[float, float, int]:  # noqa: ANN401 -- JSON
    """Lower edge in ms, width, answers: hundreds a look, so that this is as short as it can be."""
    try:
        low, width, count = entry["lower_bound"], entry["width"], entry["count"]
        if 0 <= low <= MOST and 0 <= width <= MOST and 0 <= count <= MOST and isinstance(count, int):
            return low, width, count
    except (TypeError, KeyError) as e:
        raise ShapeError("a bin of a histogram is none") from e
    raise ShapeError("a bin of a histogram has figures that cannot be")


def _used(buckets: list[tuple[float, int]]) -> tuple[tuple[float, int], ...]:
    """Both edges of every bucket that is not empty: what is kept for every look of half an hour should be small."""
    counts = [0, *(count for _, count in buckets), math.nan]
    return tuple(b for i, b in enumerate(buckets) if not counts[i] == counts[i + 1] == counts[i + 2])

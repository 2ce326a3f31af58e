"""Client for a router Pod's statistics: what it runs, and per revision who answers, how many, how fast."""

import asyncio
import math
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

import aiohttp
from yarl import URL

from eagleray.domain.traffic.router import OPS_PORT, RevisionStats, RouterStats
from eagleray.router.bootstrap import ADMIN_CLUSTER, BELOW_EDGE_MS, LATENCY_EDGES_MS
from eagleray.router.compare import EXCHANGES_CLUSTER, REPORT_CLUSTER
from eagleray.router.hold import CHECKS_CLUSTER, HELD_CLUSTER

DEADLINE_SECONDS = 2.0
# Envoy's names, before it turns them into Prometheus' form: a tenth of what it would send unasked. `external` are the
# requests of clients; a mirrored copy is `internal`, and both are in the names without either. The routes of copies say
# nothing here: a listener that was removed keeps its own for minutes, and the comparer sees by itself who answers.
_FILTER = (
    r"^(cluster\.[^.]+\.(version_text|membership_healthy|upstream_rq_(active|retry)"
    r"|external\.upstream_rq_(completed|5xx|504|time))"
    r"|http\.(ingress|ops)\..+\.version_text|http\.ingress\.downstream_rq_active"
    r"|(cluster_manager|listener_manager)\..ds\.version_text)$"
)
_OWN_CLUSTERS = {ADMIN_CLUSTER, EXCHANGES_CLUSTER, REPORT_CLUSTER, CHECKS_CLUSTER, HELD_CLUSTER}
_TIME = "envoy_cluster_external_upstream_rq_time"
_COUNTS = {
    "envoy_cluster_membership_healthy": "healthy_endpoints",
    "envoy_cluster_upstream_rq_active": "active",
    "envoy_cluster_upstream_rq_retry": "retries",
    "envoy_cluster_external_upstream_rq_completed": "requests",
    "envoy_cluster_external_upstream_rq_xx": "errors",
    "envoy_cluster_external_upstream_rq": "timeouts",
    f"{_TIME}_count": "latency_count",
}
# Most lines are buckets, hundreds a look: the parser of prometheus_client would take three times as long.
_LINE = re.compile(r"(\w+)(?:\{(.*)\})? (\S+)")
_LABEL = re.compile(r'(\w+)="([^"]*)"')


class RouterUnreachableError(Exception):
    """A router Pod gave no usable answer: its figures are missing, which is not the same as zero."""


async def scrape(session: aiohttp.ClientSession, pod_ip: str, port: int = OPS_PORT) -> RouterStats:
    """Read one router Pod's statistics.

    Args:
        session: the client to ask with.
        pod_ip: the Pod's address.
        port: its ops port.

    Raises:
        RouterUnreachableError: no answer within `DEADLINE_SECONDS`, or not one of a router.
    """
    url = URL.build(
        scheme="http",
        host=pod_ip,
        port=port,
        path="/stats/prometheus",
        query={"text_readouts": "", "filter": _FILTER},
    )
    try:
        async with asyncio.timeout(DEADLINE_SECONDS), session.get(url) as response:
            response.raise_for_status()
            text = await response.text()
        return parse(text)
    except TimeoutError as e:
        raise RouterUnreachableError(f"router Pod at {pod_ip} gave no statistics within {DEADLINE_SECONDS} s") from e
    except (aiohttp.ClientError, OSError, ValueError) as e:
        raise RouterUnreachableError(f"router Pod at {pod_ip}: {e}") from e


def parse(text: str) -> RouterStats:
    """Turn Envoy's `/stats/prometheus?text_readouts` into `RouterStats`.

    Raises:
        ValueError: the text is no Prometheus exposition or not a router's.
    """
    versions: set[str] = set()
    revisions: defaultdict[str, _Figures] = defaultdict(_Figures)
    active = 0
    for name, labels, value in _samples(text):
        cluster = labels.get("envoy_cluster_name", "")
        if name.startswith("envoy_cluster_") and cluster:
            revisions[cluster].add(name, labels, value)
        elif name.endswith("_version_text"):
            versions.add(labels.get("text_value", ""))
        elif name == "envoy_http_downstream_rq_active":
            active = int(value)
    if not versions:
        raise ValueError("the statistics name no configuration version")
    version = versions.pop() if len(versions) == 1 else ""
    found = {name: figures.stats() for name, figures in sorted(revisions.items()) if name not in _OWN_CLUSTERS}
    return RouterStats(version, found, active)


def _samples(text: str) -> Iterator[tuple[str, dict[str, str], float]]:
    for line in text.splitlines():
        if not line or line.startswith("#"):
            continue
        found = _LINE.fullmatch(line)
        if found is None:
            raise ValueError(f"no line of statistics: {line[:80]!r}")
        name, labels, value = found.groups()
        yield name, dict(_LABEL.findall(labels or "")), float(value)


@dataclass(slots=True)
class _Figures:
    """What is read of one revision, until all of it is."""

    config_version: str = ""
    counts: dict[str, int] = field(default_factory=dict)
    latency_sum_ms: float = 0.0
    buckets: list[tuple[float, int]] = field(default_factory=list)

    def add(self, name: str, labels: dict[str, str], value: float) -> None:
        if name == f"{_TIME}_bucket":
            self.buckets.append((float(labels.get("le", "")) + BELOW_EDGE_MS, int(value)))
        elif name in _COUNTS:
            self.counts[_COUNTS[name]] = int(value)
        elif name == f"{_TIME}_sum":
            self.latency_sum_ms = value
        elif name == "envoy_cluster_version_text":
            self.config_version = labels.get("text_value", "")

    def stats(self) -> RevisionStats:
        counts = {**self.counts}
        timeouts = counts.pop("timeouts", 0)
        total = counts.get("latency_count", 0) + timeouts
        # Envoy has no histogram of a revision that never answered in time.
        finite = [bucket for bucket in self.buckets if bucket[0] < math.inf] or [(float(LATENCY_EDGES_MS[-1]), 0)]
        buckets = _used([*finite, (math.inf, total)]) if total else ()
        return RevisionStats(self.config_version, latency_sum_ms=self.latency_sum_ms, latency_buckets=buckets, **counts)


def _used(buckets: list[tuple[float, int]]) -> tuple[tuple[float, int], ...]:
    """Both edges of every bucket that is not empty: what is kept for every look of half an hour should be small."""
    counts = [0, *(count for _, count in buckets), math.nan]
    return tuple(b for i, b in enumerate(buckets) if not counts[i] == counts[i + 1] == counts[i + 2])

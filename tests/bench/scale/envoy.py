"""The statistics of a stub router Pod, in the two forms that Envoy has for them."""

import math
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import orjson

from eagleray.router.bootstrap import BELOW_EDGE_MS, LATENCY_EDGES_MS

# What each router Pod of a model under load has.
RATE = 20.0
ANSWER_MS = 100
# So long ago the load began that no look finds it new.
_BEGAN = time.time() - 600
_TIME = "external.upstream_rq_time"


@dataclass(frozen=True, slots=True)
class Figures:
    """One revision as a router Pod counts it.

    Attributes:
        revision: its name.
        healthy: replicas that answer.
        requests: requests answered so far.
        active: requests in progress.
    """

    revision: str
    healthy: int
    requests: int = 0
    active: int = 0


def loaded(revision: str, healthy: int) -> Figures:
    """A revision under a steady load, as uneven as that of real callers."""
    passed = time.time() - _BEGAN
    active = max(0, round(random.gauss(RATE * ANSWER_MS / 1000, 0.7)))
    return Figures(revision, healthy, int(RATE * passed + 5 * math.sin(passed / 3)), active)


def as_json(version: str, revisions: list[Figures], *, detailed: bool) -> bytes:
    """`/stats?format=json`.

    Args:
        version: of the configuration that the router runs.
        revisions: its revisions.
        detailed: whether the query says `histogram_buckets=detailed`, and not `cumulative`.
    """
    stats: list[Any] = [{"name": name, "value": value} for name, value in _plain(version, revisions)]
    timed = [f for f in revisions if f.requests]
    if timed:
        bins = [_bins(f) if detailed else _cumulative(f) for f in timed]
        stats.append({"histograms": {"details": bins} if detailed else bins})
    return orjson.dumps({"stats": stats})


def _plain(version: str, revisions: list[Figures]) -> Iterator[tuple[str, str | int]]:
    for name in ("cluster_manager.cds", "listener_manager.lds", "http.ingress.rds.ingress", "http.ops.rds.ops"):
        yield f"{name}.version_text", version
    yield "http.ingress.downstream_rq_active", sum(f.active for f in revisions)
    for figures in revisions:
        cluster = f"cluster.{figures.revision}."
        yield f"{cluster}version_text", version
        yield f"{cluster}membership_healthy", figures.healthy
        yield f"{cluster}upstream_rq_active", figures.active
        yield f"{cluster}upstream_rq_retry", 0
        if figures.requests:
            yield f"{cluster}external.upstream_rq_completed", figures.requests


def _bins(figures: Figures) -> dict[str, Any]:
    fast = _up_to(ANSWER_MS, figures.requests)
    totals = [
        {"lower_bound": ANSWER_MS - 10, "width": 1, "count": fast},
        {"lower_bound": ANSWER_MS, "width": 10, "count": figures.requests - fast},
    ]
    return {"name": f"cluster.{figures.revision}.{_TIME}", "totals": totals, "intervals": [], "percentiles": []}


def _cumulative(figures: Figures) -> dict[str, Any]:
    buckets = [{"upper_bound": b, "interval": 0, "cumulative": n} for b, n in _buckets(figures.requests)]
    return {"name": f"cluster.{figures.revision}.{_TIME}", "buckets": buckets}


def _buckets(requests: int) -> Iterator[tuple[float, int]]:
    for edge in LATENCY_EDGES_MS:
        yield edge - BELOW_EDGE_MS, _up_to(edge, requests)


def _up_to(edge: int, requests: int) -> int:
    """Requests that took less than `edge` ms: most of them a little less than `ANSWER_MS`, the others a little more."""
    return 0 if edge < ANSWER_MS else int(requests * 0.9) if edge == ANSWER_MS else requests


def as_prometheus(version: str, revisions: list[Figures]) -> bytes:
    """`/stats/prometheus?text_readouts`."""
    text = f'text_value="{version}"'
    active = sum(f.active for f in revisions)
    lines = [
        f"envoy_cluster_manager_cds_version_text{{{text}}} 0",
        f"envoy_listener_manager_lds_version_text{{{text}}} 0",
        f'envoy_http_rds_version_text{{envoy_rds_route_config="ingress",{text}}} 0',
        f'envoy_http_rds_version_text{{envoy_rds_route_config="ops",{text}}} 0',
        f'envoy_http_downstream_rq_active{{envoy_http_conn_manager_prefix="ingress"}} {active}',
    ]
    for figures in revisions:
        lines += _lines(text, figures)
    return ("\n".join(lines) + "\n").encode()


def _lines(text: str, figures: Figures) -> Iterator[str]:
    label = f'envoy_cluster_name="{figures.revision}"'
    yield f"envoy_cluster_version_text{{{label},{text}}} 0"
    yield f"envoy_cluster_membership_healthy{{{label}}} {figures.healthy}"
    yield f"envoy_cluster_upstream_rq_active{{{label}}} {figures.active}"
    yield f"envoy_cluster_upstream_rq_retry{{{label}}} 0"
    if not figures.requests:
        return
    name = "envoy_cluster_external_upstream_rq"
    yield f"{name}_completed{{{label}}} {figures.requests}"
    for edge, count in _buckets(figures.requests):
        yield f'{name}_time_bucket{{{label},le="{edge}"}} {count}'
    yield f'{name}_time_bucket{{{label},le="+Inf"}} {figures.requests}'
    yield f"{name}_time_sum{{{label}}} {figures.requests * ANSWER_MS}"
    yield f"{name}_time_count{{{label}}} {figures.requests}"

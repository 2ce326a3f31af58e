"""Client for a router Pod's statistics: what it runs, and per revision who answers, how many, how fast."""

import asyncio
from collections import defaultdict
from collections.abc import Iterator, Mapping

import aiohttp
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample
from yarl import URL

from eagleray.domain.router import OPS_PORT, RevisionStats, RouterStats
from eagleray.router.bootstrap import ADMIN_CLUSTER

DEADLINE_SECONDS = 2.0
# Envoy's names, before it turns them into Prometheus' form: a tenth of what it would send unasked.
_FILTER = (
    r"^(cluster\.[^.]+\.(version_text|membership_healthy|upstream_rq_(active|completed|5xx|retry|time))"
    r"|http\..+\.version_text|http\.ingress\.downstream_rq_active|(cluster_manager|listener_manager)\..ds\.version_text)$"
)
_FIELDS: Mapping[str, str] = {
    "envoy_cluster_membership_healthy": "healthy_endpoints",
    "envoy_cluster_upstream_rq_active": "active",
    "envoy_cluster_upstream_rq_completed": "requests",
    "envoy_cluster_upstream_rq_retry": "retries",
    "envoy_cluster_upstream_rq_time_count": "latency_count",
    "envoy_cluster_upstream_rq_time_sum": "latency_sum_ms",
}


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
    revisions: defaultdict[str, dict[str, float | str]] = defaultdict(dict)
    active = 0
    for sample in _samples(text):
        # The parser gives every counter the suffix that Envoy leaves out.
        name, labels = sample.name.removesuffix("_total"), sample.labels
        cluster = labels.get("envoy_cluster_name", "")
        if name == "envoy_cluster_version_text":
            revisions[cluster]["config_version"] = labels.get("text_value", "")
        elif name.endswith("_version_text"):
            versions.add(labels.get("text_value", ""))
        elif name == "envoy_http_downstream_rq_active":
            active = int(sample.value)
        elif name in _FIELDS:
            revisions[cluster][_FIELDS[name]] = sample.value
        elif name == "envoy_cluster_upstream_rq_xx":
            revisions[cluster]["errors"] = sample.value
    if not versions:
        raise ValueError("the statistics name no configuration version")
    version = versions.pop() if len(versions) == 1 else ""
    found = {name: _revision(v) for name, v in sorted(revisions.items()) if name != ADMIN_CLUSTER}
    return RouterStats(version, found, active)


def _samples(text: str) -> Iterator[Sample]:
    for family in text_string_to_metric_families(text):
        yield from family.samples


def _revision(values: Mapping[str, float | str]) -> RevisionStats:
    counts = {k: int(v) for k, v in values.items() if k not in {"config_version", "latency_sum_ms"}}
    return RevisionStats(
        config_version=str(values.get("config_version", "")),
        latency_sum_ms=float(values.get("latency_sum_ms", 0)),
        **counts,
    )

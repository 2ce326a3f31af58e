"""What the replicas on a Ray node use and do, as its agent exports it (Ray 2.60: `modules/reporter`, Serve)."""

import asyncio
from collections import Counter
from typing import Final

import aiohttp
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample
from yarl import URL

from eagleray.domain.ray_cluster.ray_nodes import NodeUse
from eagleray.ray.errors import RejectedError, UnreachableError

DEADLINE_SECONDS: Final = 2.0
# One sample for each kind of process; 100 is one core. The node's own figure is a share of the whole machine's cores.
_CPU: Final = "ray_component_cpu_percentage"
_REPLICA: Final = "ray::ServeReplica:"
_GPU: Final = "ray_node_gpus_utilization"
_ONGOING: Final = "ray_serve_replica_processing_queries"
_QUEUED: Final = "ray_serve_deployment_queued_queries"
# All that is read of 300 KB.
_WANTED: Final = tuple(f"{name}{{" for name in (_CPU, _GPU, _ONGOING, _QUEUED))


async def fetch_node_use(session: aiohttp.ClientSession, pod_ip: str, port: int) -> NodeUse:
    """Read what the replicas in a worker Pod use and do.

    Args:
        session: the client to ask with.
        pod_ip: the Pod's address.
        port: where its agent exports.

    Raises:
        UnreachableError: no answer within `DEADLINE_SECONDS`.
        RejectedError: an answer that is not one of Ray's agent.
    """
    url = URL.build(scheme="http", host=pod_ip, port=port, path="/metrics")
    try:
        async with asyncio.timeout(DEADLINE_SECONDS), session.get(url) as response:
            response.raise_for_status()
            text = await response.text()
    except TimeoutError as e:
        raise UnreachableError(f"Ray's agent at {pod_ip} gave no metrics within {DEADLINE_SECONDS} s") from e
    except (aiohttp.ClientError, OSError) as e:
        raise UnreachableError(f"Ray's agent at {pod_ip}: {e}") from e
    return parse_node_use(text)


def parse_node_use(text: str) -> NodeUse:
    """Add up what the replicas' processes use, and the requests of each Serve deployment.

    Raises:
        RejectedError: no process of a node is in it: it is not Ray's, or its agent has not looked yet.
    """
    lines = "\n".join(line for line in text.splitlines() if line.startswith(_WANTED))
    samples = [sample for family in text_string_to_metric_families(lines) for sample in family.samples]
    processes = [s for s in samples if s.name == _CPU]
    if not processes:
        raise RejectedError("Ray's agent tells no use of CPU yet")
    return NodeUse(
        cores=sum(s.value for s in processes if s.labels.get("Component", "").startswith(_REPLICA)) / 100,
        # A share of a GPU (MIG) does not tell: -1.
        gpus=tuple(s.value for s in samples if s.name == _GPU and s.value >= 0),
        ongoing=_by_deployment(samples, _ONGOING),
        queued=_by_deployment(samples, _QUEUED),
    )


def _by_deployment(samples: list[Sample], name: str) -> dict[str, float]:
    found: Counter[str] = Counter()
    for sample in samples:
        if sample.name == name:
            found[sample.labels.get("deployment", "")] += sample.value  # type: ignore[assignment]  # counts are whole
    return dict(found)

"""What the replicas on a Ray node use and do, as its agent exports it (Ray 2.60: `modules/reporter`, Serve)."""

import math
import re
from collections import defaultdict
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from typing import Final

from eagleray.domain.facts.ray_nodes import NodeUse
from eagleray.peers.address import http_url
from eagleray.peers.http import NODES, Http, Request
from eagleray.peers.shape import ShapeError, text

SECONDS: Final = 5.0
MOST_SAMPLES: Final = 8192
# One sample for each kind of process; 100 is one core. The node's own figure is a share of the whole machine's cores.
_CPU: Final = "ray_component_cpu_percentage"
_REPLICA: Final = "ray::ServeReplica:"
_GPU: Final = "ray_node_gpus_utilization"
_ONGOING: Final = "ray_serve_replica_processing_queries"
_QUEUED: Final = "ray_serve_deployment_queued_queries"
# All that is read of 300 KB.
_WANTED: Final = tuple(f"{name}{{" for name in (_CPU, _GPU, _ONGOING, _QUEUED))
_LINE: Final = re.compile(r"(\w+)\{(.*)\} (\S+)")
_LABEL: Final = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


@dataclass(frozen=True, slots=True)
class _Sample:
    """One figure: its name, its labels, and what it is."""

    name: str
    labels: dict[str, str]
    value: float


async def node_use(http: Http, owner: Hashable, ip: str, port: int) -> NodeUse:
    """Read what the replicas in a worker Pod use and do.

    Args:
        http: asks.
        owner: the object whose budget it is.
        ip: the Pod's address.
        port: where its agent exports.

    Raises:
        PeerError: one of its kinds, by what went wrong.
    """
    request = Request(peer=f"Ray's agent {ip}", url=http_url(ip, port, "/metrics"), seconds=SECONDS)
    return await http.ask(NODES, owner, request, parse_node_use)


def parse_node_use(body: bytes) -> NodeUse:
    """Add up what the replicas' processes use, and the requests of each Serve deployment.

    Raises:
        ShapeError: no process of a node is in it: it is not Ray's, or its agent has not looked yet.
    """
    samples = list(_samples(body.decode(errors="replace")))
    processes = [s for s in samples if s.name == _CPU]
    if not processes:
        raise ShapeError("no use of CPU yet")
    return NodeUse(
        cores=sum(s.value for s in processes if s.labels.get("Component", "").startswith(_REPLICA)) / 100,
        # A share of a GPU (MIG) does not tell: -1.
        gpus=tuple(s.value for s in samples if s.name == _GPU and s.value >= 0),
        ongoing=_by_deployment(samples, _ONGOING),
        queued=_by_deployment(samples, _QUEUED),
    )


def _samples(exported: str) -> Iterator[_Sample]:
    lines = [line for line in exported.splitlines() if line.startswith(_WANTED)]
    if len(lines) > MOST_SAMPLES:
        raise ShapeError(f"more than {MOST_SAMPLES} samples")
    for line in lines:
        parts = _LINE.fullmatch(line)
        if parts is None:
            raise ShapeError("a line is no sample")
        name, labels, value = parts.groups()
        yield _Sample(name, dict(_LABEL.findall(labels)), _value(value))


def _value(written: str) -> float:
    try:
        value = float(written)
    except ValueError as e:
        raise ShapeError("a sample has no number") from e
    if not math.isfinite(value):
        raise ShapeError("a sample is not finite")
    return value


def _by_deployment(samples: list[_Sample], name: str) -> dict[str, float]:
    sums: defaultdict[str, float] = defaultdict(float)
    for sample in samples:
        if sample.name == name:
            sums[text(sample.labels.get("deployment", ""), "deployment")] += max(0.0, sample.value)
    return dict(sums)

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from eagleray.domain.facts.ray_nodes import NodeUse
from eagleray.peers.errors import UnreachableError
from eagleray.peers.node_metrics import MOST_SAMPLES, parse_node_use
from eagleray.peers.peers import Peers
from eagleray.peers.places import Ports
from eagleray.peers.shape import ShapeError

# Of a worker Pod of Ray 2.60, labels of no interest left out.
TEXT = """\
# HELP ray_component_cpu_percentage Total CPU usage of the components on a node.
# TYPE ray_component_cpu_percentage gauge
ray_component_cpu_percentage{Component="raylet",Version="2.60.0",ip="10.244.2.135",pid="19"} 0.6
ray_component_cpu_percentage{Component="ray::DashboardAgent",Version="2.60.0",ip="10.244.2.135",pid=""} 0.6
ray_component_cpu_percentage{Component="ray::ServeReplica:churn:Model",Version="2.60.0",ip="10.244.2.135",pid=""} 97.5
ray_component_cpu_percentage{Component="ray::ServeReplica:churn:Model.handle",Version="2.60.0",pid=""} 2.5e+01
ray_node_cpu_utilization{IsHeadNode="false",ip="10.244.2.135"} 3.6
"""


def test_the_replicas_processes_are_added_up() -> None:
    assert parse_node_use(TEXT.encode()).cores == pytest.approx(1.225)


def test_a_node_without_replicas_uses_none() -> None:
    assert parse_node_use(b'ray_component_cpu_percentage{Component="raylet"} 5\n') == NodeUse()


@pytest.mark.parametrize(
    "text",
    [
        "up 1\n",
        "",
        TEXT + "ray_node_gpus_utilization{} 1\n" * (MOST_SAMPLES + 1),
        *(
            TEXT + f"ray_node_gpus_utilization{line}\n"
            for line in ("{a=1", "{} x", "{} NaN", "{} 1e400", "{} 1 2", "{}")
        ),
    ],
)
def test_what_is_not_rays_is_not_taken_for_zero(text: str) -> None:
    with pytest.raises(ShapeError):
        parse_node_use(text.encode())


async def test_it_is_fetched() -> None:
    async def metrics(_: web.Request) -> web.Response:
        return web.Response(text=TEXT)

    app = web.Application()
    app.router.add_get("/metrics", metrics)
    async with TestServer(app) as server:
        peers = Peers(Ports(metrics=server.port or 0))
        assert await peers.node_use("ns/m", "127.0.0.1") == parse_node_use(TEXT.encode())
        await server.close()
        with pytest.raises(UnreachableError):
            await peers.node_use("ns/m", "127.0.0.1")
        await peers.close()


def test_gpus_and_requests_are_read_where_they_are_told() -> None:
    more = """\
ray_node_gpus_utilization{GpuDeviceName="NVIDIA H100",GpuIndex="0"} 85.0
ray_node_gpus_utilization{GpuDeviceName="NVIDIA H100 MIG 1g.10gb",GpuIndex="1"} -1.0
ray_serve_replica_processing_queries{application="m",deployment="Scorer",replica="a"} 3.0
ray_serve_replica_processing_queries{application="m",deployment="Scorer",replica="b"} 2.0
ray_serve_deployment_queued_queries{actor_id="}\\" 1",application="m",deployment="Scorer",handle="x"} 4.0
"""
    found = parse_node_use((TEXT + more).encode())
    assert (found.gpus, found.ongoing, found.queued) == ((85.0,), {"Scorer": 5.0}, {"Scorer": 4.0})

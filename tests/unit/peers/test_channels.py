"""Calls to Ray's processes, against servers of their own."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest

from eagleray.domain.facts.ray_nodes import NodeState, NodeStatus
from eagleray.peers import channels, gcs
from eagleray.peers.channels import Channels, RayProcess
from eagleray.peers.errors import HostileError, RejectedError, UnauthorizedError, UnreachableError
from eagleray.peers.gcs import DrainAnswer
from eagleray.peers.peers import Peers
from eagleray.peers.places import Ports, RayHead
from eagleray.peers.proto import autoscaler_state_pb2 as pb
from eagleray.peers.proto import node_manager_pb2 as node_pb
from fakes.grpc_server import serving

TOKEN = "t0ken"  # noqa: S105 -- of the servers below
HEAD = RayHead("127.0.0.1", TOKEN)
GCS = "ray.rpc.autoscaler.AutoscalerStateService"


async def guarded(context: grpc.aio.ServicerContext) -> None:
    if ("authorization", f"Bearer {TOKEN}") not in context.invocation_metadata():
        await context.abort(grpc.StatusCode.UNAUTHENTICATED, "\x1b[31mInvalidAuthToken")


class Ray:
    """A GCS with nodes, one of them busy, and a raylet."""

    def __init__(self) -> None:
        self.drained: list[pb.DrainNodeRequest] = []
        self.ended: list[bool] = []
        self.state: bytes = pb.GetClusterResourceStateReply(
            cluster_resource_state=pb.ClusterResourceState(
                node_states=[
                    pb.NodeState(node_id=b"\x01", instance_id="head", status=pb.RUNNING),
                    pb.NodeState(node_id=b"\x02", instance_id="w0-1", status=pb.IDLE),
                    pb.NodeState(node_id=b"\x03", instance_id="w0-2", status=99),
                ]
            )
        ).SerializeToString()
        self.open = asyncio.Event()
        self.open.set()
        self.calls = 0
        self.most = 0

    async def get_state(self, _: bytes, context: grpc.aio.ServicerContext) -> bytes:
        await guarded(context)
        self.calls += 1
        self.most = max(self.most, self.calls)
        await self.open.wait()
        self.calls -= 1
        return self.state

    async def drain(self, request: pb.DrainNodeRequest, _: object) -> pb.DrainNodeReply:
        self.drained.append(request)
        if request.node_id == b"\x02":
            return pb.DrainNodeReply(is_accepted=True)
        return pb.DrainNodeReply(rejection_reason_message="The node is\n no longer idle.\x1b[0m")

    async def shut_down(
        self, request: node_pb.ShutdownRayletRequest, context: grpc.aio.ServicerContext
    ) -> node_pb.ShutdownRayletReply:
        await guarded(context)
        self.ended.append(request.graceful)
        await context.abort(grpc.StatusCode.UNAVAILABLE, "Socket closed")
        return node_pb.ShutdownRayletReply()

    def handlers(self) -> dict[str, Any]:
        return {
            "GetClusterResourceState": grpc.unary_unary_rpc_method_handler(self.get_state),
            "DrainNode": grpc.unary_unary_rpc_method_handler(
                self.drain, pb.DrainNodeRequest.FromString, pb.DrainNodeReply.SerializeToString
            ),
            "ShutdownRaylet": grpc.unary_unary_rpc_method_handler(
                self.shut_down,
                node_pb.ShutdownRayletRequest.FromString,
                node_pb.ShutdownRayletReply.SerializeToString,
            ),
        }


@pytest.fixture
async def ray() -> AsyncIterator[tuple[Ray, Peers]]:
    servicer = Ray()
    raylet = "ray.rpc.NodeManagerService"
    async with serving({GCS: servicer.handlers()}) as gcs_at, serving({raylet: servicer.handlers()}) as raylet_at:
        ports = Ports(gcs=int(gcs_at.split(":")[1]), raylet=int(raylet_at.split(":")[1]))
        peers = Peers(ports)
        yield servicer, peers
        servicer.open.set()
        await peers.close()


async def test_nodes(ray: tuple[Ray, Peers]) -> None:
    assert await ray[1].node_states("ns/m", HEAD) == (
        NodeState("head", b"\x01", NodeStatus.RUNNING),
        NodeState("w0-1", b"\x02", NodeStatus.IDLE),
        NodeState("w0-2", b"\x03", NodeStatus.UNSPECIFIED),
    )


@pytest.mark.parametrize(
    ("pod", "answer", "node_id"),
    [
        ("w0-1", DrainAnswer(accepted=True), b"\x02"),
        ("w0-2", DrainAnswer(accepted=False, message="The node is no longer idle."), b"\x03"),
        ("w0-9", DrainAnswer(accepted=False, message="Ray knows no node in Pod w0-9"), None),
    ],
)
async def test_drain(pod: str, answer: DrainAnswer, node_id: bytes | None, ray: tuple[Ray, Peers]) -> None:
    assert await ray[1].drain("ns/m", HEAD, pod) == answer
    asked = [(r.node_id, r.reason, r.reason_message) for r in ray[0].drained]
    assert asked == ([(node_id, 1, "scaled down")] if node_id else [])


async def test_a_raylet_ends_at_once_and_without_an_answer(ray: tuple[Ray, Peers]) -> None:
    await ray[1].shut_down_raylet("ns/m", HEAD.ip, TOKEN)
    assert ray[0].ended == [False]
    with pytest.raises(UnauthorizedError, match="ShutdownRaylet"):
        await ray[1].shut_down_raylet("ns/m", HEAD.ip, "wrong")


async def test_another_clusters_token(ray: tuple[Ray, Peers]) -> None:
    with pytest.raises(UnauthorizedError, match=r"UNAUTHENTICATED InvalidAuthToken$"):
        await ray[1].node_states("ns/m", RayHead(HEAD.ip, "other"))


async def test_nobody_listens() -> None:
    peers = Peers(Ports(gcs=1, raylet=1))
    with pytest.raises(UnreachableError, match=r"GCS 127\.0\.0\.1: GetClusterResourceState: UNAVAILABLE"):
        await peers.node_states("ns/m", HEAD)
    await peers.shut_down_raylet("ns/m", HEAD.ip, TOKEN)
    await peers.close()


async def test_heads_have_addresses_of_the_sixth_version_too() -> None:
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(GCS, Ray().handlers()),))
    peers = Peers(Ports(gcs=server.add_insecure_port("[::1]:0")))
    await server.start()
    assert len(await peers.node_states("ns/m", RayHead("::1", TOKEN))) == 3
    await peers.close()
    await server.stop(None)


async def test_not_a_gcs() -> None:
    async with serving({"another.Service": {}}) as address:
        peers = Peers(Ports(gcs=int(address.split(":")[1])))
        with pytest.raises(RejectedError, match="UNIMPLEMENTED"):
            await peers.node_states("ns/m", HEAD)
        await peers.close()


@pytest.mark.parametrize(
    "state",
    [
        b"\xff" * 100,
        b"\x0a\x05\x1a\x03\x12\x01\xff",  # a name that is no UTF-8
        b"x" * (channels.MAX_BYTES + 1),
        pb.GetClusterResourceStateReply(
            cluster_resource_state=pb.ClusterResourceState(node_states=[pb.NodeState()] * (gcs.MOST_NODES + 1))
        ).SerializeToString(),
    ],
    ids=["nonsense", "no-text", "too-long", "too-many"],
)
async def test_hostile_answers(state: bytes, ray: tuple[Ray, Peers]) -> None:
    ray[0].state = state
    with pytest.raises(HostileError):
        await ray[1].node_states("ns/m", HEAD)


async def test_names_of_nodes_are_cut_and_cleaned(ray: tuple[Ray, Peers]) -> None:
    state = pb.ClusterResourceState(node_states=[pb.NodeState(instance_id="\x1b[31m" + "x" * 300)])
    ray[0].state = pb.GetClusterResourceStateReply(cluster_resource_state=state).SerializeToString()
    (node,) = await ray[1].node_states("ns/m", HEAD)
    assert node.pod.startswith("xxx")
    assert len(node.pod) <= 253


async def test_a_head_that_hangs_costs_its_own_object_only(ray: tuple[Ray, Peers]) -> None:
    hanging, peers = ray
    hanging.open.clear()
    mine = [asyncio.create_task(peers.node_states("ns/hostile", HEAD)) for _ in range(20)]
    async with asyncio.timeout(60):
        while hanging.calls < channels._AT_ONCE:  # noqa: ASYNC110 -- the server is another library's
            await asyncio.sleep(0.01)
    well = Ray()
    async with serving({GCS: well.handlers()}) as address:
        others = Channels()
        process = RayProcess("GCS", GCS, HEAD.ip, int(address.split(":")[1]), TOKEN)
        reply = await others.call(
            "ns/m",
            process,
            "GetClusterResourceState",
            pb.GetClusterResourceStateRequest(),
            pb.GetClusterResourceStateReply,
        )
        assert len(reply.cluster_resource_state.node_states) == 3
        await others.close()
    assert hanging.most == channels._AT_ONCE
    hanging.open.set()
    ended = await asyncio.gather(*mine, return_exceptions=True)
    assert {type(e) for e in ended} <= {UnreachableError, tuple}


async def test_channels_are_kept_bounded_and_let_go_with_their_object(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channels, "MOST_CHANNELS", 3)
    servicer = Ray()
    async with serving({GCS: servicer.handlers()}) as address:
        kept = Channels()

        async def ask(owner: str) -> None:
            process = RayProcess("GCS", GCS, HEAD.ip, int(address.split(":")[1]), TOKEN)
            request, reply = pb.GetClusterResourceStateRequest(), pb.GetClusterResourceStateReply
            await kept.call(owner, process, "GetClusterResourceState", request, reply)

        for owner in ("a", "b", "a", "c", "a"):
            await ask(owner)
        assert len(kept) == 3
        await ask("d")
        assert len(kept) == 3
        await kept.forget("b")
        assert len(kept) == 3
        await kept.forget("a")
        assert len(kept) == 2
        await asyncio.gather(*(ask(f"many-{n}") for n in range(20)))
        assert len(kept) == 3
        await kept.close()
        assert len(kept) == 0

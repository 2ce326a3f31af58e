"""The gRPC client against a server of its own."""

from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest

from eagleray.domain.ray_cluster.ray_nodes import NodeState, NodeStatus
from eagleray.ray.errors import RejectedError, UnauthorizedError, UnreachableError
from eagleray.ray.gcs import DrainAnswer, DrainReason, GcsClient, ResourceDemand
from eagleray.ray.proto import autoscaler_state_pb2 as pb
from fakes.grpc_server import serving

TOKEN = "t0ken"  # noqa: S105 -- of the server below


class Gcs:
    """A GCS with two nodes, one of them busy, and work that waits."""

    def __init__(self) -> None:
        self.drained: list[pb.DrainNodeRequest] = []

    async def state(self, _: Any, context: grpc.aio.ServicerContext) -> pb.GetClusterResourceStateReply:
        if ("authorization", f"Bearer {TOKEN}") not in context.invocation_metadata():
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, "InvalidAuthToken")
        request = pb.ResourceRequest(resources_bundle={"GPU": 1.0, "CPU": 2.0})
        return pb.GetClusterResourceStateReply(
            cluster_resource_state=pb.ClusterResourceState(
                node_states=[
                    pb.NodeState(node_id=b"\x01", instance_id="head", status=pb.RUNNING),
                    pb.NodeState(node_id=b"\x02", instance_id="w0-1", status=pb.IDLE),
                    pb.NodeState(node_id=b"\x03", instance_id="w0-2", status=99),
                ],
                pending_resource_requests=[pb.ResourceRequestByCount(request=request, count=3)],
            )
        )

    async def drain(self, request: pb.DrainNodeRequest, _: object) -> pb.DrainNodeReply:
        self.drained.append(request)
        if request.node_id == b"\x02":
            return pb.DrainNodeReply(is_accepted=True)
        return pb.DrainNodeReply(rejection_reason_message="The node is no longer idle.")


@pytest.fixture
async def gcs() -> AsyncIterator[tuple[Gcs, str]]:
    """A running server and its address."""
    servicer = Gcs()
    handlers = {
        "GetClusterResourceState": grpc.unary_unary_rpc_method_handler(
            servicer.state,
            pb.GetClusterResourceStateRequest.FromString,
            pb.GetClusterResourceStateReply.SerializeToString,
        ),
        "DrainNode": grpc.unary_unary_rpc_method_handler(
            servicer.drain, pb.DrainNodeRequest.FromString, pb.DrainNodeReply.SerializeToString
        ),
    }
    async with serving("ray.rpc.autoscaler.AutoscalerStateService", handlers) as address:
        yield servicer, address


async def test_nodes(gcs: tuple[Gcs, str]) -> None:
    async with GcsClient(gcs[1], TOKEN) as client:
        assert await client.node_states() == (
            NodeState("head", b"\x01", NodeStatus.RUNNING),
            NodeState("w0-1", b"\x02", NodeStatus.IDLE),
            NodeState("w0-2", b"\x03", NodeStatus.UNSPECIFIED),
        )


async def test_demands(gcs: tuple[Gcs, str]) -> None:
    async with GcsClient(gcs[1], TOKEN) as client:
        assert await client.pending_demands() == (ResourceDemand((("CPU", 2.0), ("GPU", 1.0)), 3),)


async def test_drain(gcs: tuple[Gcs, str]) -> None:
    async with GcsClient(gcs[1], TOKEN) as client:
        answer = await client.drain_node(b"\x02", DrainReason.IDLE_TERMINATION, "scaled down", 5)
        assert answer == DrainAnswer(accepted=True, message="")
        answer = await client.drain_node(b"\x01", DrainReason.IDLE_TERMINATION, "scaled down")
        assert answer == DrainAnswer(accepted=False, message="The node is no longer idle.")
    first = gcs[0].drained[0]
    assert (first.reason, first.reason_message, first.deadline_timestamp_ms) == (1, "scaled down", 5)


async def test_another_clusters_token(gcs: tuple[Gcs, str]) -> None:
    async with GcsClient(gcs[1], "other") as client:
        with pytest.raises(UnauthorizedError, match="InvalidAuthToken"):
            await client.node_states()


async def test_nobody_listens() -> None:
    async with GcsClient("127.0.0.1:1", TOKEN) as client:
        with pytest.raises(UnreachableError, match="GetClusterResourceState: UNAVAILABLE"):
            await client.node_states()


async def test_not_a_gcs() -> None:
    server = grpc.aio.server()
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with GcsClient(f"127.0.0.1:{port}", TOKEN) as client:
        with pytest.raises(RejectedError, match="UNIMPLEMENTED"):
            await client.node_states()
    await server.stop(None)

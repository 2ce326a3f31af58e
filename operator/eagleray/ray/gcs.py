"""Client of the AutoscalerStateService in a Ray head's GCS (`src/ray/protobuf/autoscaler.proto`, 2.60)."""

from dataclasses import dataclass
from enum import Enum

from eagleray.domain.ray_cluster.ray_nodes import NodeState, NodeStatus
from eagleray.domain.status.text import clean
from eagleray.ray.grpc_client import RayClient
from eagleray.ray.proto import autoscaler_state_pb2 as pb


class DrainReason(Enum):
    """Why a node is drained."""

    IDLE_TERMINATION = pb.DRAIN_NODE_REASON_IDLE_TERMINATION
    """It is not needed: refused unless it is idle, and then it leaves at once."""
    PREEMPTION = pb.DRAIN_NODE_REASON_PREEMPTION
    """It must go: never refused; replicas move away first, and Ray does not enforce the deadline."""


@dataclass(frozen=True, slots=True)
class DrainAnswer:
    """What Ray says to a request to drain.

    Attributes:
        accepted: whether the node leaves.
        message: why it does not, else "".
    """

    accepted: bool
    message: str


@dataclass(frozen=True, slots=True)
class ResourceDemand:
    """Work that waits for room.

    Attributes:
        resources: what one piece of it needs, by Ray's name of the resource.
        count: how many pieces wait.
    """

    resources: tuple[tuple[str, float], ...]
    count: int


class GcsClient(RayClient):
    """Talks to one head's GCS."""

    process = "GCS"
    service = "ray.rpc.autoscaler.AutoscalerStateService"

    async def node_states(self) -> tuple[NodeState, ...]:
        """Read the state of every node, dead ones included.

        Raises:
            RayError: one of its kinds, by what went wrong.
        """
        state = await self._cluster_resource_state()
        return tuple(
            NodeState(pod=n.instance_id, node_id=n.node_id, status=_status(n.status)) for n in state.node_states
        )

    async def pending_demands(self) -> tuple[ResourceDemand, ...]:
        """Read what waits for room on some node.

        Raises:
            RayError: one of its kinds, by what went wrong.
        """
        state = await self._cluster_resource_state()
        return tuple(
            ResourceDemand(tuple(sorted(r.request.resources_bundle.items())), r.count)
            for r in state.pending_resource_requests
        )

    async def drain_node(self, node_id: bytes, reason: DrainReason, message: str, deadline_ms: int = 0) -> DrainAnswer:
        """Ask Ray to empty a node and let it go.

        Args:
            node_id: Ray's id of the node.
            reason: decides whether Ray may refuse.
            message: for Ray's log and for people.
            deadline_ms: when the node will be gone, in Unix milliseconds; 0 = not known.

        Raises:
            RayError: one of its kinds, by what went wrong.
        """
        request = pb.DrainNodeRequest(
            node_id=node_id, reason=reason.value, reason_message=message, deadline_timestamp_ms=deadline_ms
        )
        reply: pb.DrainNodeReply = await self.call("DrainNode", request, pb.DrainNodeReply)
        return DrainAnswer(reply.is_accepted, clean(reply.rejection_reason_message))

    async def _cluster_resource_state(self) -> pb.ClusterResourceState:
        reply = await self.call(
            "GetClusterResourceState", pb.GetClusterResourceStateRequest(), pb.GetClusterResourceStateReply
        )
        return reply.cluster_resource_state


def _status(number: int) -> NodeStatus:
    return NodeStatus(pb.NodeStatus.Name(number)) if number in pb.NodeStatus.values() else NodeStatus.UNSPECIFIED

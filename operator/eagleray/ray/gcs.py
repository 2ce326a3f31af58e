"""Client of the AutoscalerStateService in a Ray head's GCS (`src/ray/protobuf/autoscaler.proto`, 2.60)."""

from dataclasses import dataclass
from enum import Enum
from typing import Final, Self, TypeVar

import grpc
from google.protobuf.message import DecodeError, Message

from eagleray.domain.ray_nodes import NodeState, NodeStatus
from eagleray.domain.text import clean
from eagleray.ray.errors import NotFoundError, RayError, RejectedError, UnauthorizedError, UnreachableError
from eagleray.ray.proto import autoscaler_state_pb2 as pb

_Reply = TypeVar("_Reply", bound=Message)

DEADLINE_SECONDS: Final = 3.0
_SERVICE: Final = "/ray.rpc.autoscaler.AutoscalerStateService/"
_REFUSED: Final = {
    grpc.StatusCode.UNAUTHENTICATED: UnauthorizedError,
    grpc.StatusCode.PERMISSION_DENIED: UnauthorizedError,
    grpc.StatusCode.NOT_FOUND: NotFoundError,
    grpc.StatusCode.UNIMPLEMENTED: RejectedError,
    grpc.StatusCode.INVALID_ARGUMENT: RejectedError,
}


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


class GcsClient:
    """Talks to one head's GCS; close it, or use it as an asynchronous context.

    Args:
        address: host and port, such as `10.0.0.7:6379`.
        token: the cluster's token.
        deadline: seconds that a call may take.
    """

    def __init__(self, address: str, token: str, deadline: float = DEADLINE_SECONDS) -> None:
        # Pods are reached by their own address: a proxy of the environment has no business here.
        self._channel = grpc.aio.insecure_channel(address, options=[("grpc.enable_http_proxy", 0)])
        self._address = address
        self._metadata = (("authorization", f"Bearer {token}"),)
        self._deadline = deadline

    async def __aenter__(self) -> Self:
        """Give the client itself."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the client."""
        await self.close()

    async def close(self) -> None:
        """Close the connection."""
        await self._channel.close()

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
        reply: pb.DrainNodeReply = await self._call("DrainNode", request, pb.DrainNodeReply)
        return DrainAnswer(reply.is_accepted, clean(reply.rejection_reason_message))

    async def _cluster_resource_state(self) -> pb.ClusterResourceState:
        reply = await self._call(
            "GetClusterResourceState", pb.GetClusterResourceStateRequest(), pb.GetClusterResourceStateReply
        )
        return reply.cluster_resource_state

    async def _call(self, method: str, request: Message, reply: type[_Reply]) -> _Reply:
        call = self._channel.unary_unary(
            _SERVICE + method,
            request_serializer=type(request).SerializeToString,
            response_deserializer=reply.FromString,
        )
        try:
            answer: _Reply = await call(request, timeout=self._deadline, metadata=self._metadata)
        except grpc.aio.AioRpcError as e:
            raise self._error(method, e) from e
        except DecodeError as e:
            raise RejectedError(f"{self._address} answers {method} in a form that is not Ray 2.60's") from e
        return answer

    def _error(self, method: str, error: grpc.aio.AioRpcError) -> RayError:
        kind = _REFUSED.get(error.code(), UnreachableError)
        details = clean(error.details() or "no details", 300)
        return kind(f"GCS {self._address} {method}: {error.code().name}: {details}")


def _status(number: int) -> NodeStatus:
    return NodeStatus(pb.NodeStatus.Name(number)) if number in pb.NodeStatus.values() else NodeStatus.UNSPECIFIED

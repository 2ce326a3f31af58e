"""What a Ray head's GCS knows of its nodes (`src/ray/protobuf/autoscaler.proto`, AutoscalerStateService, 2.60)."""

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Final

from eagleray.domain.facts.ray_nodes import NodeState, NodeStatus
from eagleray.domain.facts.text import clean
from eagleray.peers.channels import Channels, RayProcess
from eagleray.peers.errors import HostileError
from eagleray.peers.http import WORDS
from eagleray.peers.places import RayHead
from eagleray.peers.proto import autoscaler_state_pb2 as pb

MOST_NODES: Final = 10_000
_MOST_NAME: Final = 253


@dataclass(frozen=True, slots=True)
class DrainAnswer:
    """What Ray says to a request to drain.

    Attributes:
        accepted: whether the node leaves.
        message: why it does not, else "".
    """

    accepted: bool
    message: str = ""


class Gcs:
    """Asks heads' GCS.

    Args:
        channels: calls them.
        port: where they listen.
    """

    def __init__(self, channels: Channels, port: int) -> None:
        self._channels = channels
        self._port = port

    async def node_states(self, owner: Hashable, head: RayHead) -> tuple[NodeState, ...]:
        """Read the state of every node, dead ones included.

        Raises:
            PeerError: one of its kinds, by what went wrong.
        """
        reply = await self._channels.call(
            owner,
            self._process(head),
            "GetClusterResourceState",
            pb.GetClusterResourceStateRequest(),
            pb.GetClusterResourceStateReply,
        )
        nodes = reply.cluster_resource_state.node_states
        if len(nodes) > MOST_NODES:
            raise HostileError(f"GCS {head.ip}: the answer has more than {MOST_NODES} nodes")
        return tuple(NodeState(clean(n.instance_id, _MOST_NAME), n.node_id, _status(n.status)) for n in nodes)

    async def drain(self, owner: Hashable, head: RayHead, pod: str) -> DrainAnswer:
        """Ask Ray to let the node of a Pod go if it is idle; then it leaves at once.

        Raises:
            PeerError: one of its kinds, by what went wrong.
        """
        node = next((node for node in await self.node_states(owner, head) if node.pod == pod), None)
        if node is None:
            return DrainAnswer(accepted=False, message=f"Ray knows no node in Pod {pod}")
        request = pb.DrainNodeRequest(
            node_id=node.node_id, reason=pb.DRAIN_NODE_REASON_IDLE_TERMINATION, reason_message="scaled down"
        )
        reply = await self._channels.call(owner, self._process(head), "DrainNode", request, pb.DrainNodeReply)
        return DrainAnswer(reply.is_accepted, "" if reply.is_accepted else clean(reply.rejection_reason_message, WORDS))

    def _process(self, head: RayHead) -> RayProcess:
        return RayProcess("GCS", "ray.rpc.autoscaler.AutoscalerStateService", head.ip, self._port, head.token)


def _status(number: int) -> NodeStatus:
    return NodeStatus(pb.NodeStatus.Name(number)) if number in pb.NodeStatus.values() else NodeStatus.UNSPECIFIED

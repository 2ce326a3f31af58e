"""What a node's raylet is told (`src/ray/protobuf/node_manager.proto`, NodeManagerService, 2.60)."""

from collections.abc import Hashable
from contextlib import suppress

from eagleray.peers.channels import Channels, RayProcess
from eagleray.peers.errors import UnreachableError
from eagleray.peers.proto import node_manager_pb2 as pb


async def shut_down(channels: Channels, owner: Hashable, raylet: RayProcess) -> None:
    """End a raylet and every replica of its node now, whatever they do.

    Not gracefully, as Ray calls it: then it would take its leave of a head that is gone, and wait for the answer.

    Raises:
        PeerError: it is refused.
    """
    with suppress(UnreachableError):  # it ends without a word
        await channels.call(
            owner, raylet, "ShutdownRaylet", pb.ShutdownRayletRequest(graceful=False), pb.ShutdownRayletReply
        )


def raylet_at(ip: str, port: int, token: str) -> RayProcess:
    """The raylet of a Pod."""
    return RayProcess("raylet", "ray.rpc.NodeManagerService", ip, port, token)

"""Client of a raylet's NodeManagerService (`src/ray/protobuf/node_manager.proto`, 2.60)."""

from contextlib import suppress

from eagleray.ray.errors import UnreachableError
from eagleray.ray.grpc_client import RayClient
from eagleray.ray.proto import node_manager_pb2 as pb


class RayletClient(RayClient):
    """Talks to the raylet of one node."""

    process = "raylet"
    service = "ray.rpc.NodeManagerService"

    async def shut_down(self) -> None:
        """End the raylet and every replica of its node now, whatever they do.

        Not gracefully, as Ray calls it: then it would take its leave of a head that is gone, and wait for the answer.

        Raises:
            RayError: it is refused.
        """
        with suppress(UnreachableError):  # it ends without a word
            await self.call("ShutdownRaylet", pb.ShutdownRayletRequest(graceful=False), pb.ShutdownRayletReply)

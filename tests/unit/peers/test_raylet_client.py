"""The client of a raylet against a server of its own."""

from collections.abc import AsyncIterator

import grpc
import pytest

from eagleray.ray.errors import UnauthorizedError
from eagleray.ray.proto import node_manager_pb2 as pb
from eagleray.ray.raylet import RayletClient
from fakes.grpc_server import serving

TOKEN = "t0ken"  # noqa: S105 -- of the server below


class Raylet:
    """Ends, as the real one does, without an answer."""

    def __init__(self) -> None:
        self.ended: list[bool] = []

    async def shut_down(
        self, request: pb.ShutdownRayletRequest, context: grpc.aio.ServicerContext
    ) -> pb.ShutdownRayletReply:
        if ("authorization", f"Bearer {TOKEN}") not in context.invocation_metadata():
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, "InvalidAuthToken")
        self.ended.append(request.graceful)
        await context.abort(grpc.StatusCode.UNAVAILABLE, "Socket closed")
        return pb.ShutdownRayletReply()


@pytest.fixture
async def raylet() -> AsyncIterator[tuple[Raylet, str]]:
    """A running server and its address."""
    servicer = Raylet()
    handler = grpc.unary_unary_rpc_method_handler(
        servicer.shut_down, pb.ShutdownRayletRequest.FromString, pb.ShutdownRayletReply.SerializeToString
    )
    async with serving("ray.rpc.NodeManagerService", {"ShutdownRaylet": handler}) as address:
        yield servicer, address


async def test_it_ends_at_once_and_without_an_answer(raylet: tuple[Raylet, str]) -> None:
    async with RayletClient(raylet[1], TOKEN) as client:
        await client.shut_down()
    assert raylet[0].ended == [False]


async def test_nobody_is_there_any_more() -> None:
    async with RayletClient("127.0.0.1:1", TOKEN) as client:
        await client.shut_down()


async def test_a_wrong_token_is_said(raylet: tuple[Raylet, str]) -> None:
    async with RayletClient(raylet[1], "wrong") as client:
        with pytest.raises(UnauthorizedError, match="ShutdownRaylet"):
            await client.shut_down()

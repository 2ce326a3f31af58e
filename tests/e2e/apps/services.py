"""A gRPC service as Ray Serve's guide has it: each kind of call, by the messages that Ray itself brings for trying.

Served with grpc_servicer_functions: ray.serve.generated.serve_pb2_grpc:add_UserDefinedServiceServicer_to_server.
"""

import os
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import grpc
from ray import serve
from ray.serve.generated.serve_pb2 import UserDefinedMessage, UserDefinedMessage2, UserDefinedResponse
from ray.serve.generated.serve_pb2 import UserDefinedResponse2 as Edition
from ray.serve.grpc_util import RayServegRPCContext

# A part of a CPU, as in gallery.py.
PART = {"num_cpus": 0.1}
EDITION = os.environ.get("EDITION", "1")


def _answer(message: UserDefinedMessage) -> UserDefinedResponse:
    return UserDefinedResponse(greeting=f"Hello {message.name} from {message.foo}", num_x2=message.num * 2)


@serve.deployment(ray_actor_options=PART, max_ongoing_requests=100)
class Greeter:
    """Answers every kind of call; the second edition takes long to start, and says how far it is."""

    def __init__(self) -> None:
        for step in range(25 if EDITION == "2" else 0):
            Path(os.environ["EAGLERAY_PROGRESS_FILE"]).write_text(f"step {step} of 25")
            time.sleep(1)

    def __call__(self, message: UserDefinedMessage) -> UserDefinedResponse:
        """One for one."""
        return _answer(message)

    def Method1(self, message: UserDefinedMessage, grpc_context: RayServegRPCContext) -> UserDefinedResponse:  # noqa: N802
        """One that fails with a status of its own, after `num` milliseconds."""
        time.sleep(message.num / 1000)
        grpc_context.set_code(grpc.StatusCode.FAILED_PRECONDITION)
        grpc_context.set_details(f"{message.name} is not ready")
        raise ValueError(message.name)

    def Method2(self, _: UserDefinedMessage2) -> Edition:  # noqa: N802
        """Which edition of the application answers."""
        return Edition(greeting=EDITION)

    def Streaming(self, message: UserDefinedMessage) -> Iterator[UserDefinedResponse]:  # noqa: N802
        """`num` for one."""
        for number in range(message.num):
            yield UserDefinedResponse(greeting=message.name, num_x2=2 * number)

    async def ClientStreaming(self, messages: AsyncIterator[UserDefinedMessage]) -> UserDefinedResponse:  # noqa: N802
        """One for many."""
        names, total = [], 0
        async for message in messages:
            names.append(message.name)
            total += message.num
        return UserDefinedResponse(greeting=" ".join(names), num_x2=2 * total)

    async def BidiStreaming(self, messages: AsyncIterator[UserDefinedMessage]) -> AsyncIterator[UserDefinedResponse]:  # noqa: N802
        """One for each, as it comes."""
        async for message in messages:
            yield _answer(message)


app = Greeter.bind()

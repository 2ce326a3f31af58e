"""What clients of Ray's gRPC services have in common: token, deadline, and errors that name what failed."""

from typing import ClassVar, Final, Self, TypeVar

import grpc
from google.protobuf.message import DecodeError, Message

from eagleray.domain.status.text import clean
from eagleray.ray.errors import NotFoundError, RayError, RejectedError, UnauthorizedError, UnreachableError

_Reply = TypeVar("_Reply", bound=Message)

DEADLINE_SECONDS: Final = 3.0
_REFUSED: Final = {
    grpc.StatusCode.UNAUTHENTICATED: UnauthorizedError,
    grpc.StatusCode.PERMISSION_DENIED: UnauthorizedError,
    grpc.StatusCode.NOT_FOUND: NotFoundError,
    grpc.StatusCode.UNIMPLEMENTED: RejectedError,
    grpc.StatusCode.INVALID_ARGUMENT: RejectedError,
}


class RayClient:
    """Talks to one service of one Ray process; close it, or use it as an asynchronous context.

    Args:
        address: host and port, such as `10.0.0.7:6379`.
        token: the cluster's token.
        deadline: seconds that a call may take.
    """

    process: ClassVar[str]
    """What kind of process it is, for messages."""
    service: ClassVar[str]
    """The service's full name."""

    def __init__(self, address: str, token: str, deadline: float = DEADLINE_SECONDS) -> None:
        # Pods are reached by their own address: a proxy of the environment has no business here.
        self._channel = grpc.aio.insecure_channel(address, options=[("grpc.enable_http_proxy", 0)])
        self._where = f"{self.process} {address}"
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

    async def call(self, method: str, request: Message, reply: type[_Reply]) -> _Reply:
        """Call a method.

        Raises:
            RayError: one of its kinds, by what went wrong.
        """
        call = self._channel.unary_unary(
            f"/{self.service}/{method}",
            request_serializer=type(request).SerializeToString,
            response_deserializer=reply.FromString,
        )
        try:
            answer: _Reply = await call(request, timeout=self._deadline, metadata=self._metadata)
        except grpc.aio.AioRpcError as e:
            raise self._error(method, e) from e
        except DecodeError as e:
            raise RejectedError(f"{self._where} answers {method} in a form that is not Ray 2.60's") from e
        return answer

    def _error(self, method: str, error: grpc.aio.AioRpcError) -> RayError:
        kind = _REFUSED.get(error.code(), UnreachableError)
        details = clean(error.details() or "no details", 300)
        return kind(f"{self._where} {method}: {error.code().name}: {details}")

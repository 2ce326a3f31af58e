"""gRPC to Ray's processes: one channel for each address, kept for the next call; token, deadline and bounds for all."""

import asyncio
from collections import OrderedDict
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, TypeVar

import grpc
from google.protobuf.message import DecodeError, Message

from eagleray.domain.facts.text import clean
from eagleray.peers.address import grpc_target
from eagleray.peers.budget import Budget
from eagleray.peers.errors import (
    HostileError,
    PeerError,
    RejectedError,
    UnauthorizedError,
    UnknownError,
    UnreachableError,
)
from eagleray.peers.http import WORDS

_Reply = TypeVar("_Reply", bound=Message)

MAX_BYTES: Final = 4 * 1024 * 1024
"""The largest message that is taken."""
DEADLINE_SECONDS: Final = 3.0
MOST_CHANNELS: Final = 256
_AT_ONCE: Final = 4
_OPTIONS: Final = (
    # Pods are reached by their own address: a proxy of the environment has no business here.
    ("grpc.enable_http_proxy", 0),
    ("grpc.max_receive_message_length", MAX_BYTES),
    ("grpc.client_idle_timeout_ms", 60_000),
    ("grpc.enable_retries", 0),
)
_REFUSALS: Final = {
    grpc.StatusCode.UNAUTHENTICATED: UnauthorizedError,
    grpc.StatusCode.PERMISSION_DENIED: UnauthorizedError,
    grpc.StatusCode.NOT_FOUND: UnknownError,
    grpc.StatusCode.UNIMPLEMENTED: RejectedError,
    grpc.StatusCode.INVALID_ARGUMENT: RejectedError,
    grpc.StatusCode.RESOURCE_EXHAUSTED: HostileError,
}


@dataclass(frozen=True, slots=True)
class RayProcess:
    """A process of Ray that is called.

    Attributes:
        name: what kind it is, for messages.
        service: the full name of its service.
        ip: its Pod's address.
        port: where it listens.
        token: the cluster's token.
    """

    name: str
    service: str
    ip: str
    port: int
    token: str


@dataclass(slots=True)
class _Channel:
    """A channel, and how many calls it has."""

    channel: grpc.aio.Channel
    calls: int = 0


class Channels:
    """Calls Ray's processes."""

    def __init__(self) -> None:
        self._channels: OrderedDict[tuple[Hashable, str], _Channel] = OrderedDict()
        self._budget = Budget(_AT_ONCE)
        self._closing: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        """How many channels are kept."""
        return len(self._channels)

    async def call(
        self, owner: Hashable, process: RayProcess, method: str, request: Message, reply: type[_Reply]
    ) -> _Reply:
        """Call a method.

        Args:
            owner: the object whose budget it is.
            process: whom to call.
            method: its name.
            request: what it is told.
            reply: the type of its answer.

        Raises:
            PeerError: one of its kinds, by what went wrong.
        """
        where = f"{process.name} {process.ip}: {method}"
        try:
            async with asyncio.timeout(DEADLINE_SECONDS), self._budget.of(owner):
                with self._channel(owner, grpc_target(process.ip, process.port)) as channel:
                    call = channel.unary_unary(
                        f"/{process.service}/{method}", request_serializer=type(request).SerializeToString
                    )
                    metadata = (("authorization", f"Bearer {process.token}"),)
                    answer = await call(request, timeout=DEADLINE_SECONDS, metadata=metadata)
            return reply.FromString(answer)
        except TimeoutError as e:
            raise UnreachableError(f"{where}: no answer within {DEADLINE_SECONDS:g} s") from e
        except grpc.aio.AioRpcError as e:
            raise _error(where, e) from e
        except DecodeError as e:
            raise HostileError(f"{where}: the answer is not one of Ray 2.60") from e

    async def forget(self, owner: Hashable) -> None:
        """Close the channels of an object that is gone, and end its calls."""
        mine = [key for key in self._channels if key[0] == owner]
        await asyncio.gather(*(self._channels.pop(key).channel.close() for key in mine))

    async def close(self) -> None:
        """Close every channel."""
        channels = [kept.channel for kept in self._channels.values()]
        self._channels.clear()
        await asyncio.gather(*(channel.close() for channel in channels), *self._closing)

    @contextmanager
    def _channel(self, owner: Hashable, target: str) -> Iterator[grpc.aio.Channel]:
        key = (owner, target)
        kept = self._channels.get(key)
        if kept is None:
            kept = self._channels[key] = _Channel(grpc.aio.insecure_channel(target, options=_OPTIONS))
        self._channels.move_to_end(key)
        kept.calls += 1
        try:
            yield kept.channel
        finally:
            kept.calls -= 1
            self._trim()

    def _trim(self) -> None:
        """Let go of those that were used longest ago, but of none that has a call."""
        over = len(self._channels) - MOST_CHANNELS
        idle = [key for key, kept in self._channels.items() if not kept.calls][: max(0, over)]
        for key in idle:
            task = asyncio.create_task(self._channels.pop(key).channel.close())
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)


def _error(where: str, error: grpc.aio.AioRpcError) -> PeerError:
    code: grpc.StatusCode = error.code()
    words = clean(error.details() or "", WORDS)
    return _REFUSALS.get(code, UnreachableError)(f"{where}: {code.name} {words}".rstrip())

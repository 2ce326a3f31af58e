"""Connections that take no more of a peer than an answer has: on the wire, too, where nobody sees it."""

import asyncio
import errno
import os
import socket
from collections.abc import Callable
from functools import partial
from typing import Any, Final

import aiohttp
from aiohttp.abc import AbstractResolver
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import AddrInfoType

# What an answer may have on top of its body: its head, answers before the answer, the sizes of its chunks.
_OVERHEAD_BYTES: Final = 64 * 1024
_OVERHEAD_SHARE: Final = 8
# So much comes at a time: what one peer sends keeps all others waiting no longer than that takes.
_BUFFER_BYTES: Final = 64 * 1024


class TooMuchError(aiohttp.ClientConnectionError):
    """A peer sent more than an answer has."""


class Connector(aiohttp.TCPConnector):
    """Makes the connections.

    Without a limit of their number: a budget for each object is the limit, so that none takes another's.

    Args:
        resolver: looks names up.
        kept_seconds: how long a connection waits for the next question; 0 where it is closed after each.
        is_closed: whether nobody may be asked at an address.
    """

    def __init__(self, resolver: AbstractResolver, kept_seconds: float, is_closed: Callable[[str], bool]) -> None:
        how: dict[str, Any] = {"keepalive_timeout": kept_seconds} if kept_seconds else {"force_close": True}
        super().__init__(limit=0, resolver=resolver, socket_factory=partial(connection, is_closed), **how)
        self._factory = partial(_handler, self._loop)


class _Handler(ResponseHandler):
    """The receiving side of a connection; bodies are bounded by who reads them."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self._received = 0

    def set_response_params(self, **params: Any) -> None:  # noqa: ANN401 -- aiohttp's own
        """A question begins."""
        self._received = 0
        self._payload = None
        super().set_response_params(**params)

    def data_received(self, data: bytes) -> None:
        """Count what comes and is no body."""
        super().data_received(data)
        self._received += len(data)
        body = self._payload.total_bytes if self._payload is not None else 0
        if self._received - body > _OVERHEAD_BYTES + body // _OVERHEAD_SHARE:
            self._refuse()

    def _refuse(self) -> None:
        error = TooMuchError()
        if self._payload is not None:
            self._payload.set_exception(error)
        self.set_exception(error)
        if self.transport is not None:
            self.transport.abort()


def _handler(loop: asyncio.AbstractEventLoop) -> ResponseHandler:
    return _Handler(loop)


def connection(is_closed: Callable[[str], bool], info: AddrInfoType) -> socket.socket:
    """A socket for an address, whatever name it came from.

    Args:
        is_closed: whether nobody may be asked there.
        info: the address.

    Raises:
        OSError: nobody may be asked there.
    """
    family, kind, protocol, _, address = info
    if is_closed(str(address[0]).partition("%")[0]):
        raise OSError(errno.EACCES, os.strerror(errno.EACCES))
    made = socket.socket(family, kind, protocol)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_BYTES)
    return made

"""The one way by which HTTP requests leave the operator for anything that is not the API server.

No redirect is followed, no cookie kept, nothing unpacked; an answer has a size and a deadline, an object a budget.
"""

import asyncio
import errno
import os
from collections.abc import Callable, Hashable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http import HTTPStatus
from types import MappingProxyType
from typing import Final, TypeVar

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from eagleray.domain.facts.text import clean
from eagleray.peers.address import is_refused
from eagleray.peers.budget import Budget, Room
from eagleray.peers.errors import (
    HostileError,
    PeerError,
    RejectedError,
    UnauthorizedError,
    UnknownError,
    UnreachableError,
)
from eagleray.peers.fence import Fence
from eagleray.peers.resolver import Resolver
from eagleray.peers.shape import ShapeError
from eagleray.peers.wire import Connector, TooMuchError

_T = TypeVar("_T")

# What is parsed at once; parsing more would keep everybody else waiting.
_INLINE_BYTES: Final = 64 * 1024
# Larger answers are held in memory only so many at a time, and only so many of one object.
_SMALL_BYTES: Final = 512 * 1024
_LARGE_AT_ONCE: Final = 16
_LARGE_OF_ONE: Final = 2
_PARSERS: Final = 2
# What is read of an answer that is no success, for its words.
_WORDS_BYTES: Final = 1024
WORDS: Final = 100
"""Characters of a peer's own words that are printed."""
# Serve answers requests that look like a browser's only where they change nothing.
_USER_AGENT: Final = "eagleray-operator"
_REFUSALS: Final[Mapping[int, type[PeerError]]] = {
    HTTPStatus.UNAUTHORIZED: UnauthorizedError,
    HTTPStatus.FORBIDDEN: UnauthorizedError,
    HTTPStatus.NOT_FOUND: UnknownError,
    HTTPStatus.REQUEST_TIMEOUT: UnreachableError,
    HTTPStatus.TOO_MANY_REQUESTS: UnreachableError,
}


@dataclass(frozen=True, slots=True)
class Purpose:
    """What is asked for; each has connections of its own.

    Attributes:
        name: for messages.
        at_once: questions of one object at once.
        max_bytes: the largest answer.
        kept_bytes: how much of it is kept.
        kept_seconds: how long a connection waits for the next question; 0 where it is closed after each.
    """

    name: str
    at_once: int
    max_bytes: int
    kept_bytes: int = 2**63
    kept_seconds: float = 0


# What is asked for ever is asked every half a minute at least: half of what a question costs is its connection.
_ROUND_SECONDS: Final = 40.0

CONTROL: Final = Purpose("control", at_once=8, max_bytes=2 * 1024 * 1024, kept_seconds=_ROUND_SECONDS)
DEPLOY: Final = Purpose("deploy", at_once=8, max_bytes=64 * 1024)
ROUTERS: Final = Purpose("routers", at_once=16, max_bytes=1024 * 1024, kept_seconds=_ROUND_SECONDS)
STREAMS: Final = Purpose("streams", at_once=64, max_bytes=64 * 1024, kept_seconds=_ROUND_SECONDS)
NODES: Final = Purpose("nodes", at_once=16, max_bytes=2 * 1024 * 1024, kept_seconds=_ROUND_SECONDS)
WARM_UP: Final = Purpose("warm-up", at_once=16, max_bytes=16 * 1024 * 1024, kept_bytes=_WORDS_BYTES)
PROVIDERS: Final = Purpose("providers", at_once=4, max_bytes=1024 * 1024)
PURPOSES: Final = (CONTROL, DEPLOY, ROUTERS, STREAMS, NODES, WARM_UP, PROVIDERS)


@dataclass(frozen=True, slots=True)
class Request:
    """One question.

    Attributes:
        peer: who is asked, for messages, such as `Ray head 10.0.0.7`.
        url: where.
        seconds: how long it may take, all of it: the wait for the object's budget, too.
        method: its method.
        headers: its headers; those that keep the answer plain cannot be changed.
        body: its body, if any.
        quotes: whether the words of a refusal may be printed.
    """

    peer: str
    url: URL
    seconds: float
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    body: bytes | None = None
    quotes: bool = False

    def __str__(self) -> str:
        """Who is asked for what."""
        return f"{self.peer}: {self.method} {clean(self.url.path, WORDS)}"


class Http:
    """Sends requests.

    Args:
        fence: what users may not have asked.
    """

    def __init__(self, fence: Fence | None = None) -> None:
        self.fence = fence or Fence()
        self._resolver = Resolver()
        closed = dict.fromkeys(PURPOSES, is_refused) | {PROVIDERS: self.fence.is_closed}
        self._sessions = {purpose: _session(purpose, self._resolver, closed[purpose]) for purpose in PURPOSES}
        self._budgets = {purpose: Budget(purpose.at_once) for purpose in PURPOSES}
        self._large = asyncio.Semaphore(_LARGE_AT_ONCE)
        self._large_of = Budget(_LARGE_OF_ONE)
        self._parsers = ThreadPoolExecutor(_PARSERS, thread_name_prefix="parse")

    async def ask(self, purpose: Purpose, owner: Hashable, request: Request, parse: Callable[[bytes], _T]) -> _T:
        """Ask a peer.

        Args:
            purpose: what for.
            owner: the object whose budget it is.
            request: the question.
            parse: turns the body of a success into what it says; raises `ShapeError` where it says nothing.

        Raises:
            PeerError: one of its kinds, by what went wrong.
        """
        asked, room = False, Room(self._large_of.of(owner), self._large)
        try:
            async with asyncio.timeout(request.seconds), self._budgets[purpose].of(owner), room:
                asked = True
                return await self._parsed(parse, await self._exchange(purpose, request, room))
        except TimeoutError as e:
            waited = "" if asked else f": {purpose.at_once} other questions of this object were under way"
            raise UnreachableError(f"{request}: no answer within {request.seconds:g} s{waited}") from e
        except ShapeError as e:
            raise HostileError(f"{request}: the answer cannot be used: {e}") from e

    async def close(self) -> None:
        """Close every connection."""
        for session in self._sessions.values():
            await session.close()
        await self._resolver.close()
        self._parsers.shutdown(wait=False, cancel_futures=True)

    async def _exchange(self, purpose: Purpose, request: Request, room: Room) -> bytes:
        headers = CIMultiDict(request.headers)
        headers["Accept-Encoding"] = "identity"
        try:
            async with self._sessions[purpose].request(
                request.method, request.url, headers=headers, data=request.body, allow_redirects=False
            ) as response:
                await _check(request, response)
                return await _body(purpose, request, response, room)
        except TooMuchError as e:
            raise HostileError(f"{request}: much more is sent than an answer has") from e
        except (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError, OSError) as e:
            raise UnreachableError(f"{request}: {_why(e)}") from e
        except aiohttp.ClientResponseError as e:
            raise HostileError(f"{request}: the answer is no HTTP") from e
        except (aiohttp.InvalidURL, ValueError) as e:
            raise RejectedError(f"{request}: it cannot be sent: {clean(str(e), WORDS)}") from e

    async def _parsed(self, parse: Callable[[bytes], _T], body: bytes) -> _T:
        if len(body) <= _INLINE_BYTES:
            return parse(body)
        return await asyncio.get_running_loop().run_in_executor(self._parsers, parse, body)


def _session(purpose: Purpose, resolver: Resolver, is_closed: Callable[[str], bool]) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=Connector(resolver, purpose.kept_seconds, is_closed),
        headers={"User-Agent": _USER_AGENT},
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None),
        auto_decompress=False,
        trust_env=False,
        read_bufsize=_INLINE_BYTES,
    )


async def _check(request: Request, response: aiohttp.ClientResponse) -> None:
    """Refuse what is no success, and what leads elsewhere or is packed."""
    status = response.status
    if status < HTTPStatus.OK or HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        raise HostileError(f"{request}: answered {status}: the operator goes nowhere else")
    if response.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise HostileError(f"{request}: answered with packed content, which nobody asked for")
    if status >= HTTPStatus.BAD_REQUEST:
        words = await _words(response) if request.quotes else ""
        raise _kind(status)(f"{request}: answered {status} {words}".rstrip())


async def _body(purpose: Purpose, request: Request, response: aiohttp.ClientResponse, room: Room) -> bytes:
    """Read an answer as it comes."""
    body, size = bytearray(), 0
    async for part in response.content.iter_any():
        size += len(part)
        if size > purpose.max_bytes:
            raise HostileError(f"{request}: the answer has more than {purpose.max_bytes} bytes")
        body += part[: max(0, purpose.kept_bytes - len(body))]
        if len(body) > _SMALL_BYTES:
            await room.take()
    return bytes(body)


async def _words(response: aiohttp.ClientResponse) -> str:
    body = bytearray()
    async for part in response.content.iter_any():
        body += part
        if len(body) >= _WORDS_BYTES:
            break
    return clean(body[:_WORDS_BYTES].decode(errors="replace"), WORDS)


def _kind(status: int) -> type[PeerError]:
    """The type of a refusal; a 5xx may pass: Serve gives 503 while its controller starts."""
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return UnreachableError
    return _REFUSALS.get(status, RejectedError)


def _why(error: Exception) -> str:
    """What went wrong, in words that no peer chose."""
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return "it closed the connection"
    if isinstance(error, aiohttp.ClientPayloadError):
        return "the answer broke off"
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "its name is not known"
    number = error.errno if isinstance(error, OSError) else None
    if number == errno.EACCES:
        return "nobody is asked at its address: it is local, a metadata service, or the cluster's own API"
    return os.strerror(number) if number else "no connection"

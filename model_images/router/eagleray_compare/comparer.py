"""Asks the mirrored version what a user asked, and counts whether it says the same."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator

import aiohttp
from yarl import URL

from eagleray_compare.answers import Answer, Difference, compare, shortened
from eagleray_compare.exchange import (
    MAX_BODY_BYTES,
    REVISION_HEADER,
    Budget,
    Exchange,
    Order,
    SkippedError,
    refuse_encoded,
)
from eagleray_compare.proto.ext_proc_pb2 import ProcessingRequest
from eagleray_compare.tally import Sample, Tallies

# Copies at the mirrored version at one time, and those besides that may wait for their turn.
AT_ONCE = 32
WAITING = 128
# Longer than any request in a router Pod.
DEADLINE_SECONDS = 600.0
MAX_SAMPLE_BODY = 1024
MAX_SAMPLE_URL = 256
# Says that the router itself answered: no replica did.
UNANSWERED_HEADER = "x-eagleray-unanswered"
# What belongs to one connection, or is said anew by the client.
_HOP_BY_HOP = frozenset(
    ("connection", "content-length", "keep-alive", "proxy-connection", "te", "transfer-encoding", "upgrade", "host")
)
_OWN_DEFAULTS = ("accept", "accept-encoding", "content-type", "user-agent")
_log = logging.getLogger(__name__)


class _UnansweredError(Exception):
    """No replica of the mirrored revision answered a copy."""


class Comparer:
    """Compares exchanges with what the mirrored version says.

    Args:
        session: the client, of `client()`.
        base: where the router takes copies.
        budget: bytes that may be kept at one time.
    """

    def __init__(self, session: aiohttp.ClientSession, base: str, budget: Budget | None = None) -> None:
        self._session = session
        self._base = base
        self._budget = budget or Budget()
        self._free = asyncio.Semaphore(AT_ONCE)
        self._tasks: set[asyncio.Task[None]] = set()
        self.tallies = Tallies()

    async def observe(self, order: Order, pieces: AsyncIterator[ProcessingRequest]) -> None:
        """Follow one exchange to its end; the comparison goes on after that by itself."""
        exchange = Exchange(self._budget, time.monotonic)
        reason = "unfinished"
        try:
            async for piece in pieces:
                exchange.add(piece)
                if exchange.complete:
                    self._start(order, exchange)
                    reason = ""
                    return
        except SkippedError as e:
            reason = str(e)
        finally:  # also where the router gives the exchange up, which cancels this
            if reason:
                exchange.release()
                self.tallies.of(order.revision).skipped[reason] += 1

    def _start(self, order: Order, exchange: Exchange) -> None:
        if len(self._tasks) >= AT_ONCE + WAITING:
            raise SkippedError("busy")
        task = asyncio.create_task(self._compare(order, exchange))
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            _log.error("a comparison failed", exc_info=error)

    async def _compare(self, order: Order, exchange: Exchange) -> None:
        tally = self.tallies.of(order.revision)
        try:
            async with self._free:
                answer, seconds = await self._ask(order, exchange)
            # Beside the event loop: a large answer takes a while, and the times of other exchanges are read here.
            difference = await asyncio.to_thread(compare, exchange.answer, answer, order.tolerance)
            sample = _sample(order, exchange, answer, difference) if difference else None
            tally.add(exchange.seconds, seconds, sample)
        except SkippedError as e:
            tally.skipped[str(e)] += 1
        except (_UnansweredError, aiohttp.ClientError, TimeoutError, OSError):
            tally.failed += 1
        finally:
            exchange.release()

    async def _ask(self, order: Order, exchange: Exchange) -> tuple[Answer, float]:
        """Ask the mirrored version; its answer, and the seconds that it took."""
        asked = exchange.request
        if not asked[":path"].startswith("/"):
            raise SkippedError("path")
        headers = {n: v for n, v in asked.items() if not n.startswith(":") and n not in _HOP_BY_HOP}
        started = time.monotonic()
        async with self._session.request(
            asked[":method"],
            URL(self._base + asked[":path"], encoded=True),
            headers={"host": asked[":authority"], **headers},
            data=bytes(exchange.request_body) or None,
            allow_redirects=False,
        ) as response:
            if UNANSWERED_HEADER in response.headers or response.headers.get(REVISION_HEADER) != order.revision:
                raise _UnansweredError
            refuse_encoded(response.headers)
            body = bytearray()
            async for piece in response.content.iter_any():
                body += piece
                if len(body) > MAX_BODY_BYTES:
                    raise SkippedError("large")
        return Answer(response.status, bytes(body)), time.monotonic() - started


def client() -> aiohttp.ClientSession:
    """A client that sends what it is given and nothing of its own, and takes answers as they come."""
    return aiohttp.ClientSession(
        timeout=aiohttp.ClientTimeout(total=DEADLINE_SECONDS),
        connector=aiohttp.TCPConnector(limit=AT_ONCE),
        skip_auto_headers=_OWN_DEFAULTS,
        auto_decompress=False,
        cookie_jar=aiohttp.DummyCookieJar(),
    )


def _sample(order: Order, exchange: Exchange, answer: Answer, difference: Difference) -> Sample:
    path = exchange.request[":path"]
    bodies = (exchange.request_body, exchange.response_body, answer.body)
    request, user, mirror = (
        shortened(body[: 4 * MAX_SAMPLE_BODY].decode(errors="replace"), MAX_SAMPLE_BODY) for body in bodies
    )
    return Sample(
        at=time.time(),
        method=exchange.request[":method"],
        url=shortened(path if order.bodies else path.partition("?")[0], MAX_SAMPLE_URL),
        revision=exchange.response.get(REVISION_HEADER, ""),
        difference=difference,
        bodies=(request, user, mirror) if order.bodies else None,
    )

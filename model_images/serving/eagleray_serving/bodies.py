"""Bodies of requests: read and unpacked within a bound, and parsed beside the event loop where that takes long.

Answers are written there too where they are large.
"""

import asyncio
import re
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from starlette.exceptions import HTTPException
from starlette.requests import Request

from eagleray_serving.errors import InvalidInputError
from eagleray_serving.outputs import Answer

MAX_BODY_HEADER: Final = "x-eagleray-max-body-bytes"
"""Request header by which the router tells what it takes itself; nobody else's reaches a replica through it."""
MAX_BODY_BYTES: Final = 100 * 2**20
"""Largest request body in bytes, as sent and unpacked, where no router says otherwise."""
LARGE_BODY_BYTES: Final = 256 * 2**10
"""Largest body in bytes that the event loop parses itself: a few milliseconds."""
LARGE_ANSWER_VALUES: Final = 2**14
"""Most values of an answer that the event loop writes itself: a few milliseconds where they are text."""

_THREADS = 2
# What zlib calls each: https://www.rfc-editor.org/rfc/rfc9110#section-8.4.1
_WINDOWS = {"gzip": 16 + zlib.MAX_WBITS, "x-gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}
_COUNT = re.compile("[0-9]{1,15}")
_ACCEPTED = {"accept-encoding": "gzip, deflate"}

Parsed = TypeVar("Parsed")
Written = TypeVar("Written")


class Bodies:
    """Parses and writes bodies: large and packed ones in a few threads, so that others are answered meanwhile."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="bodies")

    async def parsed(self, request: Request, parse: Callable[[bytes], Parsed]) -> Parsed:
        """What a function makes of a request's body.

        Args:
            request: The request.
            parse: Takes the body as its sender had it before packing.

        Raises:
            HTTPException: It is packed in a way that is not known here.
            InvalidInputError: It is too large, is not what its Content-Encoding says, or ``parse`` refuses it.
        """
        encoding = request.headers.get("content-encoding", "identity").strip().lower()
        if encoding != "identity" and encoding not in _WINDOWS:
            message = f"Content-Encoding '{encoding}' is not taken; send the body as it is, or by gzip or deflate"
            raise HTTPException(415, message, _ACCEPTED)
        most = _most(request)
        body = await _read(request, most)
        if encoding == "identity":
            return await self.aside(len(body), lambda: parse(body))
        return await self.aside(None, lambda: parse(_unpacked(body, encoding, most)))

    async def aside(self, size: int | None, work: Callable[[], Parsed]) -> Parsed:
        """What a function makes of so many bytes, in a thread where they are many; None where nobody knows."""
        if size is not None and size <= LARGE_BODY_BYTES:
            return work()
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    async def written(self, answer: Answer, write: Callable[[], Written]) -> Written:
        """What a function makes of an answer.

        Args:
            answer: What the model answered.
            write: Takes long where that is large.
        """
        if sum(values.size for values in answer.values()) <= LARGE_ANSWER_VALUES:
            return write()
        return await asyncio.get_running_loop().run_in_executor(self._threads, write)


def _most(request: Request) -> int:
    said = request.headers.get(MAX_BODY_HEADER, "")
    return int(said) if _COUNT.fullmatch(said) else MAX_BODY_BYTES


async def _read(request: Request, most: int) -> bytes:
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > most:
            raise _too_large(most, "")
        chunks.append(chunk)
    return b"".join(chunks)


def _unpacked(body: bytes, encoding: str, most: int) -> bytes:
    reader = zlib.decompressobj(_WINDOWS[encoding])
    try:
        whole = reader.decompress(body, most + 1)
    except zlib.error as error:
        raise InvalidInputError(f"the body is not {encoding}: {error}", status=400) from None
    if len(whole) > most:
        raise _too_large(most, " when it is unpacked")
    if not reader.eof or reader.unused_data:
        why = "it goes on after its end" if reader.eof else "it breaks off"
        raise InvalidInputError(f"the body is not {encoding}: {why}", status=400)
    return whole


def _too_large(most: int, when: str) -> InvalidInputError:
    message = f"the body has more than {most} bytes{when}; send fewer rows, or raise spec.router.maxRequestBytes"
    return InvalidInputError(message, status=413)

"""Clients that take what a router gives and give nothing back: of each kind as many as one likes."""

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

HOST = "127.0.0.1"
PIECE = b"x" * 65536
REQUEST = b"POST / HTTP/1.1\r\nHost: m\r\n"
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
SETTINGS, HEADERS, DATA, RESET, WINDOW = 4, 1, 0, 3, 8
END_HEADERS, END_STREAM = 4, 1
CANCEL = 8
# What the protocol lets everybody send before anything was said, and what is sent at once here.
INITIAL_WINDOW = 65535
FRAME = 8192
# :method POST, :path /, :scheme http, :authority m, as HPACK has them without its table.
POST = b"\x83\x84\x86\x41\x01m"
Sent = list[int]
Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Client = Callable[[int, Sent], Awaitable[None]]


def field(name: bytes, value: bytes) -> bytes:
    """A header as HPACK has it, without its table; both shorter than 127 bytes."""
    return b"\x00" + bytes([len(name)]) + name + bytes([len(value)]) + value


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    """A frame of HTTP/2."""
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


@contextlib.asynccontextmanager
async def at_work(client: Client, port: int, count: int) -> AsyncIterator[Sent]:
    """So many clients that do the same, each by itself, while the block runs; what they have sent is counted."""
    sent: Sent = []
    tasks = [asyncio.create_task(_alone(client, port, sent)) for _ in range(count)]
    try:
        yield sent
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _alone(client: Client, port: int, sent: Sent) -> None:
    # A router that refuses a client closes its connection at any moment.
    with contextlib.suppress(OSError, asyncio.IncompleteReadError, ExceptionGroup):
        await client(port, sent)


@contextlib.asynccontextmanager
async def connected(port: int) -> AsyncIterator[Connection]:
    """A connection to the router."""
    reader, writer = await asyncio.open_connection(HOST, port, limit=4096)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


async def for_ever() -> None:
    """Do nothing more."""
    await asyncio.Event().wait()


def uploads(size: int, *, chunked: bool, version: str = "") -> Client:
    """Clients that send a body as fast as it is taken."""
    asked = REQUEST + (b"x-eagleray-version: %s\r\n" % version.encode() if version else b"")
    length = b"Transfer-Encoding: chunked" if chunked else b"Content-Length: %d" % size
    piece = b"%x\r\n%s\r\n" % (len(PIECE), PIECE) if chunked else PIECE

    async def upload(port: int, sent: Sent) -> None:
        async with connected(port) as (_, writer):
            writer.write(asked + length + b"\r\n\r\n")
            for _ in range(size // len(PIECE)):
                writer.write(piece)
                await writer.drain()
                sent.append(len(PIECE))
            await for_ever()

    return upload


async def slow_body(port: int, sent: Sent) -> None:
    """Sends a byte of a large body each second."""
    async with connected(port) as (_, writer):
        writer.write(REQUEST + b"Content-Length: 1000000\r\n\r\n")
        while True:
            writer.write(b"x")
            await writer.drain()
            sent.append(1)
            await asyncio.sleep(1)


async def silent(port: int, sent: Sent) -> None:
    """Says nothing."""
    async with connected(port):
        sent.append(0)
        await for_ever()


async def slow_reader(port: int, sent: Sent) -> None:
    """Asks, and does not read the answer."""
    async with connected(port) as (reader, writer):
        reader._transport.pause_reading()  # type: ignore[attr-defined]
        writer.write(REQUEST + b"Content-Length: 0\r\n\r\n")
        sent.append(0)
        await for_ever()


async def kept(port: int, sent: Sent) -> None:
    """Asks once, and keeps its connection."""
    async with connected(port) as (reader, writer):
        writer.write(b"GET / HTTP/1.1\r\nHost: m\r\nx-eagleray-version: none\r\n\r\n")
        await reader.readuntil(b"\r\n\r\n")
        sent.append(0)
        await for_ever()


async def rapid_reset(port: int, sent: Sent) -> None:
    """Opens streams of HTTP/2 and takes each back at once (CVE-2023-44487), on one connection after the other."""
    while True:
        with contextlib.suppress(ConnectionError):
            async with connected(port) as (_, writer):
                writer.write(PREFACE + frame(SETTINGS, 0, 0))
                for stream in range(1, 20_000, 2):
                    asked = frame(HEADERS, END_HEADERS | END_STREAM, stream, POST)
                    writer.write(asked + frame(RESET, 0, stream, struct.pack(">I", CANCEL)))
                    await writer.drain()
                    sent.append(1)


class Room:
    """How much a connection of HTTP/2, and each of its streams, may send: who sends more is cut off."""

    def __init__(self, streams: Sequence[int]) -> None:
        self.left = dict.fromkeys([0, *streams], INITIAL_WINDOW)
        self._more = asyncio.Event()

    async def read(self, reader: asyncio.StreamReader) -> None:
        """Take over what the router allows, for as long as it does."""
        while True:
            head = await reader.readexactly(9)
            kind, stream = head[3], int.from_bytes(head[5:])
            payload = await reader.readexactly(int.from_bytes(head[:3]))
            if kind == WINDOW and stream in self.left:
                self.left[stream] += int.from_bytes(payload)
                self._more.set()

    async def take(self, stream: int, size: int) -> None:
        """Wait until so many bytes may be sent, and count them."""
        while min(self.left[0], self.left[stream]) < size:
            self._more.clear()
            await self._more.wait()
        self.left[0] -= size
        self.left[stream] -= size


def streams(count: int, size: int, version: str = "") -> Client:
    """Clients of HTTP/2, each with so many requests at one time, whose bodies they send as fast as they are taken."""
    headers = POST + (field(b"x-eagleray-version", version.encode()) if version else b"")
    numbers = range(1, 2 * count, 2)

    async def upload(writer: asyncio.StreamWriter, room: Room, number: int, sent: Sent) -> None:
        for _ in range(size // FRAME):
            await room.take(number, FRAME)
            writer.write(frame(DATA, 0, number, PIECE[:FRAME]))
            await writer.drain()
            sent.append(FRAME)

    async def ask(port: int, sent: Sent) -> None:
        room = Room(numbers)
        async with connected(port) as (reader, writer), asyncio.TaskGroup() as group:
            writer.write(PREFACE + frame(SETTINGS, 0, 0))
            group.create_task(room.read(reader))
            for number in numbers:
                writer.write(frame(HEADERS, END_HEADERS, number, headers))
                group.create_task(upload(writer, room, number, sent))

    return ask

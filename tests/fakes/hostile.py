"""A server that answers as no well-meaning peer does, in every way that is known to us; the standard library alone.

The first part of a path names the way, whatever follows, so that a client that asks for a path of its own can be led
here: it is told the way when the server is made. Run as a program, it serves in a Pod: `python hostile.py PORT [WAY]`.
"""

import gzip
import json
import socket
import socketserver
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Self

ELSEWHERE = "/html"
ESCAPES = "\x1b]0;owned\x07\x1b[31mred\x9b0m\u202e\x00 words that are longer than anybody will ever read: " + "x" * 2000
_CHUNK = b"x" * 65536
_DEEP = b"[" * 100_000 + b"]" * 100_000


def _answer(body: bytes, status: str = "200 OK", *headers: str) -> Iterator[bytes]:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
    yield "\r\n".join(lines).encode() + body


def _redirect() -> Iterator[bytes]:
    return _answer(b"secret", "307 Temporary Redirect", f"Location: {ELSEWHERE}", "Set-Cookie: a=b")


def _bomb() -> Iterator[bytes]:
    # 300 MiB unpacked.
    packed = gzip.compress(b" " * 2**20, 9) * 300
    return _answer(packed, "200 OK", "Content-Encoding: gzip", "Content-Type: application/json")


def _endless() -> Iterator[bytes]:
    yield b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    while True:
        yield b"10000\r\n" + _CHUNK + b"\r\n"


def _endless_error() -> Iterator[bytes]:
    yield b"HTTP/1.1 500 Internal Server Error\r\nTransfer-Encoding: chunked\r\n\r\n"
    while True:
        yield b"10000\r\n" + _CHUNK + b"\r\n"


def _slow() -> Iterator[bytes]:
    yield b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n"
    while True:
        time.sleep(0.01)
        yield b" "


def _silent() -> Iterator[bytes]:
    while True:
        time.sleep(0.01)
        yield b""


def _headers() -> Iterator[bytes]:
    yield b"HTTP/1.1 200 OK\r\n"
    while True:
        yield b"X-Header: " + b"y" * 1000 + b"\r\n"


def _header() -> Iterator[bytes]:
    yield b"HTTP/1.1 200 OK\r\nX-Header: "
    while True:
        yield _CHUNK


def _informed() -> Iterator[bytes]:
    while True:
        yield b"HTTP/1.1 103 Early Hints\r\n\r\n" * 1000


def _crumbs() -> Iterator[bytes]:
    yield b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    while True:
        yield b"1\r\nx\r\n" * 10_000


def _extended() -> Iterator[bytes]:
    yield b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;"
    while True:
        yield _CHUNK


def _trailers() -> Iterator[bytes]:
    yield b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n"
    while True:
        yield b"X-Trailer: " + b"y" * 1000 + b"\r\n"


def _broken() -> Iterator[bytes]:
    yield b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{"


def _nonsense() -> Iterator[bytes]:
    yield b"\x16\x03\x01\x00\xffSSH-2.0-nonsense\r\n\r\n"


def _old_ray() -> Iterator[bytes]:
    return _answer(b"404: Not Found", "404 Not Found")


WAYS: dict[str, Callable[[], Iterator[bytes]]] = {
    "redirect": _redirect,
    "cookie": lambda: _answer(b"{}", "200 OK", "Set-Cookie: token=stolen; Path=/"),
    "bomb": _bomb,
    "endless": _endless,
    "endless-error": _endless_error,
    "slow": _slow,
    "silent": _silent,
    "headers": _headers,
    "header": _header,
    "informed": _informed,
    "crumbs": _crumbs,
    "extended": _extended,
    "trailers": _trailers,
    "broken": _broken,
    "nonsense": _nonsense,
    "old-ray": _old_ray,
    "escapes": lambda: _answer(ESCAPES.encode(errors="replace"), "500 Internal Server Error"),
    "list": lambda: _answer(b"[]"),
    "null": lambda: _answer(b"null"),
    "empty": lambda: _answer(b""),
    "html": lambda: _answer(b"<html>welcome</html>"),
    "deep": lambda: _answer(_DEEP),
    "wide": lambda: _answer(b"[" + b"[]," * 600_000 + b"[]]"),
    "huge-number": lambda: _answer(b'{"applications": 1' + b"0" * 400 + b"}"),
    "not-a-number": lambda: _answer(b'{"applications": NaN}'),
    "wrong-types": lambda: _answer(json.dumps({"applications": {"a": [1], "b": "c"}, "held": {"a": "1"}}).encode()),
}
"""By name: what is sent, whatever was asked."""


class Hostile:
    """A server on a port of its own; it serves while the block runs.

    Args:
        way: how it answers everybody; "" leaves the choice to the first part of the path.
        host: where it listens.
        port: likewise; 0 takes any.

    Attributes:
        port: where it listens.
        requests: what it was sent, each up to the end of its headers.
    """

    def __init__(self, way: str = "", host: str = "127.0.0.1", port: int = 0) -> None:
        self.requests: list[str] = []
        outer = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                outer._serve(self.request, way)

        class Server(socketserver.ThreadingTCPServer):
            allow_reuse_address = True
            daemon_threads = True
            address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
            request_queue_size = 1024

            def handle_error(self, request: object, client_address: object) -> None:
                """Clients that go are no error."""

        self._ended = threading.Event()
        self._server = Server((host, port), Handler)
        self.port: int = self._server.server_address[1]

    def __enter__(self) -> Self:
        """Serve beside the caller."""
        threading.Thread(target=self.serve, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        """End, and whatever is being sent."""
        self._ended.set()
        self._server.shutdown()
        self._server.server_close()

    def serve(self) -> None:
        """Serve until it is ended."""
        self._server.serve_forever(poll_interval=0.01)

    def _serve(self, connection: socket.socket, way: str) -> None:
        asked = b""
        while b"\r\n\r\n" not in asked:
            part = connection.recv(65536)
            if not part:
                return
            asked += part
        self.requests.append(asked.decode(errors="replace"))
        path = asked.split(b" ")[1].decode()
        answer = WAYS.get(way or path.strip("/").partition("/")[0], lambda: _answer(b"", "404 Not Found"))
        for part in answer():
            if self._ended.is_set():
                return
            connection.sendall(part)


if __name__ == "__main__":
    Hostile("".join(sys.argv[2:3]), "::", int(sys.argv[1])).serve()

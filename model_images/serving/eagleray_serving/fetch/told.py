"""How far the downloads of this process are, for the operator to ask: docs/adr/0026-progress-of-a-download.md."""

import json
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from socketserver import TCPServer
from typing import Any, ClassVar

from eagleray_serving.fetch.progress import say

PATH = "/progress"
_WINDOW_SECONDS = 30.0
_SAMPLE_SECONDS = 1.0
# One that connects and says nothing keeps others waiting no longer than this.
_PATIENCE_SECONDS = 2.0


@dataclass(slots=True)
class _Part:
    """One download.

    Args:
        done: Bytes that are there.
        total: Bytes in all, if somebody knows.
        ended: Whether it waits for no more.
    """

    done: int = 0
    total: int | None = None
    ended: bool = False


class Downloads:
    """All downloads of a process, some side by side; any thread may note and ask.

    Args:
        expected: How many there are to be at least; what a cache keeps is copied after it was downloaded.
        clock: Seconds that only grow.
    """

    def __init__(self, expected: int = 1, clock: Callable[[], float] = time.monotonic) -> None:
        self._expected = expected
        self._clock = clock
        self._lock = threading.Lock()
        self._parts: dict[Hashable, _Part] = {}
        self._brought = 0
        self._moved_at = clock()
        self._samples = deque([(clock(), 0)])

    def note(self, which: Hashable, done: int, total: int | None) -> None:
        """Note how far one is."""
        with self._lock:
            part = self._parts.setdefault(which, _Part())
            now, more = self._clock(), done - part.done
            if more > 0 or not part.done:
                self._moved_at = now
            self._brought += max(0, more)
            part.done, part.total, part.ended = done, total, False
            if now - self._samples[-1][0] >= _SAMPLE_SECONDS:
                self._samples.append((now, self._brought))
                while now - self._samples[0][0] > _WINDOW_SECONDS:
                    self._samples.popleft()

    def end(self, which: Hashable) -> None:
        """Note that one is there, whatever is still done with it."""
        with self._lock:
            self._parts.setdefault(which, _Part()).ended = True

    def told(self) -> dict[str, Any]:
        """What is told: bytes that are there, and in all; bytes a second of late; seconds since the last byte."""
        with self._lock:
            parts, now = list(self._parts.values()), self._clock()
            totals = [part.total for part in parts if part.total is not None]
            whole = len(totals) == len(parts) >= self._expected
            since, before = next((s for s in self._samples if now - s[0] <= _WINDOW_SECONDS), (now, self._brought))
            return {
                "done": sum(part.done for part in parts),
                "total": sum(totals) if whole else None,
                "rate": (self._brought - before) / max(now - since, _SAMPLE_SECONDS),
                "still": now - self._moved_at if any(not part.ended for part in parts) else 0.0,
            }


def listen(downloads: Downloads, port: int) -> None:
    """Tell whoever asks, until the process ends; a port that cannot be had keeps nothing from being fetched."""
    handler = type("Handler", (_Handler,), {"downloads": downloads})
    try:
        server = _Server(("", port), handler)
    except OSError as error:
        say(f"nobody is told how far it is: port {port}: {error.strerror}")
        return
    threading.Thread(target=server.serve_forever, daemon=True).start()


class _Server(TCPServer):
    allow_reuse_address = True
    address_family = socket.AF_INET6 if socket.has_dualstack_ipv6() else socket.AF_INET

    def server_bind(self) -> None:
        if self.address_family == socket.AF_INET6:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        super().server_bind()


class _Handler(BaseHTTPRequestHandler):
    downloads: ClassVar[Downloads]
    timeout = _PATIENCE_SECONDS

    def do_GET(self) -> None:
        if self.path != PATH:
            self.send_error(404)
            return
        body = json.dumps(self.downloads.told()).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """The log is about the download."""

"""Health and metrics over HTTP, on their own threads: a stuck event loop must fail its probe, not hang it."""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

MAX_SILENCE = 30.0
_STOP_POLL = 0.05
TEXT = "text/plain; charset=utf-8"
PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"


class Stage(StrEnum):
    """What the process is about."""

    STARTING = "starting"
    STANDBY = "standby"
    SYNCING = "syncing"
    LEADING = "leading"
    STOPPING = "stopping"


_READY = frozenset({Stage.STANDBY, Stage.LEADING})


class Health:
    """What the event loop says about itself, readable from any thread.

    Args:
        max_work: seconds after which a key in one worker's hands counts as stuck.
        clock: a steady clock.
    """

    def __init__(self, *, max_work: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._max_work = max_work
        self._clock = clock
        self._beat = clock()
        self._longest = 0.0
        self.stage = Stage.STARTING

    def beat(self, longest_work: float) -> None:
        """The event loop turns; its longest present work is this many seconds old."""
        self._longest = longest_work
        self._beat = self._clock()

    def problem(self) -> str:
        """Why the process should be restarted, "" where it should not."""
        silence = self._clock() - self._beat
        if silence > MAX_SILENCE:
            return f"the event loop has not turned for {silence:.0f} s"
        if self._longest > self._max_work:
            return f"one reconcile has been running for {self._longest:.0f} s"
        return ""

    def healthz(self) -> "HttpAnswer":
        """Liveness."""
        problem = self.problem()
        return HttpAnswer(503 if problem else 200, (problem or "ok").encode())

    def readyz(self) -> "HttpAnswer":
        """Readiness: standing by, or leading with every object seen once."""
        return HttpAnswer(200 if self.stage in _READY else 503, self.stage.encode())


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """An HTTP answer.

    Attributes:
        status: HTTP status.
        body: the body.
        content_type: its type.
    """

    status: int
    body: bytes
    content_type: str = TEXT


Routes = Mapping[str, Callable[[], HttpAnswer]]


class HttpServer:
    """A small HTTP server on its own thread.

    Args:
        port: the port on every address; 0 picks a free one.
        routes: answers by path.
    """

    def __init__(self, port: int, routes: Routes) -> None:
        self._server = ThreadingHTTPServer(("", port), _handler(routes))
        self._server.daemon_threads = True
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(_STOP_POLL,), name=f"http-{port}", daemon=True
        )

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return int(self._server.server_address[1])

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def stop(self) -> None:
        """Stop answering and free the port."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def _handler(routes: Routes) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # A client that connects and says nothing must not keep its thread.
        timeout = 10

        def do_GET(self) -> None:
            route = routes.get(self.path.partition("?")[0])
            answer = route() if route else HttpAnswer(404, b"not found")
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.content_type)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)

        def log_message(self, *_: object) -> None:  # probes every few seconds are not worth a line
            pass

    return Handler

"""What servers of tests on loopback have in common."""

import ssl
import threading
from abc import ABC, abstractmethod
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


class QuietHandler(BaseHTTPRequestHandler, ABC):
    """Answers every method in one way and in one piece, and logs nothing."""

    @abstractmethod
    def respond(self) -> None:
        """Answer the request."""

    def do_GET(self) -> None:
        """Called by the base class."""
        self.respond()

    do_HEAD = do_POST = do_GET  # noqa: N815 - names that the base class looks for

    def answer(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        """Send an answer.

        Args:
            status: its status.
            body: its body, which an answer to HEAD lacks.
            headers: its headers, its length among them.
        """
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Say nothing."""


class HttpServer:
    """A server in a thread.

    Args:
        handler: answers its requests.
        attributes: what the handler's class is to have.

    Attributes:
        address: where it listens, `host:port`.
    """

    def __init__(self, handler: type[QuietHandler], **attributes: Any) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type(handler.__name__, (handler,), attributes))
        self.address = f"127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def by_tls(self, certificate: Path, key: Path) -> None:
        """From now on take connections by TLS alone."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)

    def refuse(self) -> None:
        """Stop listening."""
        self._server.server_close()

    def close(self) -> None:
        """End it."""
        self._server.shutdown()
        self._server.server_close()

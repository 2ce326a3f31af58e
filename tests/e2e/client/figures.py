"""Answers with the figure that it was told, as a Prometheus server does, and as Kubernetes' API of external metrics.

python figures.py PORT [TLS PORT]: the second is for the API server, which comes by TLS. `PUT /` tells the word: a
number, or nothing for an error. Ends with standard input.
"""

import json
import os
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

GROUP = "external.metrics.k8s.io/v1beta1"


class Figures(BaseHTTPRequestHandler):
    """One word for everybody."""

    word = ""

    def do_PUT(self) -> None:
        """Take the word to answer with."""
        Figures.word = self.rfile.read(int(self.headers["content-length"])).decode()
        self._reply(200, {})

    def do_GET(self) -> None:
        """Answer a query."""
        if not Figures.word:
            self._reply(500, {})
        elif self.path.startswith("/apis/"):
            self._reply(200, self._metrics() if "/namespaces/" in self.path else self._resources())
        else:
            vector = [{"metric": {}, "value": [time.time(), Figures.word]}]
            self._reply(200, {"status": "success", "data": {"resultType": "vector", "result": vector}})

    def _resources(self) -> dict[str, object]:
        return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": GROUP, "resources": []}

    def _metrics(self) -> dict[str, object]:
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        item = {"metricName": "queue", "metricLabels": {}, "timestamp": now, "value": Figures.word}
        return {"kind": "ExternalMetricValueList", "apiVersion": GROUP, "metadata": {}, "items": [item]}

    def _reply(self, status: int, said: dict[str, object]) -> None:
        body = json.dumps(said).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def serve(port: int, context: ssl.SSLContext | None = None) -> None:
    """Serve in a thread of its own."""
    server = ThreadingHTTPServer(("", port), Figures)
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()


def certified() -> ssl.SSLContext:
    """A context with a certificate of its own making, which nobody checks."""
    folder = Path(tempfile.mkdtemp())
    key, certificate = str(folder / "key.pem"), str(folder / "certificate.pem")
    request = ("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=figures")
    subprocess.run([*request, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


def main() -> None:
    """Run the command."""
    plain, *tls = sys.argv[1:]
    serve(int(plain))
    for port in tls:
        serve(int(port), certified())
    sys.stdout.write("started\n")
    sys.stdout.flush()
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    main()

"""Asks at every door that a router has for clients.

python doors.py ADDRESS PORT [--key KEY] [--ca FILE] [--revision NAME]

Prints by door, as JSON, the word for the cause with which the router refused, or else the status; of a call its code.
"""

import argparse
import json
import socket
import ssl
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import grpc

TIMEOUT_SECONDS = 20
_WEBSOCKET = (
    *("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13"),
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
)
# By door: the first line of its request, and further headers; REVISION stands for one that is there.
HTTP_1: dict[str, tuple[str, ...]] = {
    "a request": ("POST /infer HTTP/1.1", "Content-Type: application/json"),
    "HTTP/1.0": ("GET / HTTP/1.0",),
    "a page": ("GET / HTTP/1.1", "Origin: https://app.example.com"),
    "OPTIONS": ("OPTIONS / HTTP/1.1",),
    "liveness": ("GET /v2/health/live HTTP/1.1",),
    "readiness": ("GET /v2/health/ready HTTP/1.1", "User-Agent: kube-probe/1.34"),
    "Serve's health": ("GET /-/healthz HTTP/1.1",),
    "an odd path": ("GET //v2/../%2e%2e/v2/health/live?a=b HTTP/1.1",),
    "by revision": ("GET / HTTP/1.1", "x-eagleray-revision: REVISION"),
    "by a revision that is not there": ("GET / HTTP/1.1", "x-eagleray-revision: nothing"),
    "by version": ("GET / HTTP/1.1", "x-eagleray-version: default"),
    "a copy": ("GET / HTTP/1.1", "x-eagleray-mirror: true", "x-envoy-internal: true"),
    "a forger": ("GET / HTTP/1.1", "x-eagleray-client: team-a", "x_eagleray_client: team-a", "x-warmup-token: a"),
    "a body too large": ("POST / HTTP/1.1", "Content-Length: 1099511627776"),
    "CONNECT": ("CONNECT a:80 HTTP/1.1",),
    "a WebSocket": ("GET / HTTP/1.1", *_WEBSOCKET),
    "a WebSocket by revision": ("GET / HTTP/1.1", "x-eagleray-revision: REVISION", *_WEBSOCKET),
}
CALL, HTTP_2 = "a call", "HTTP/2"
DOORS = (*HTTP_1, HTTP_2, CALL)
METHOD = "/inference.GRPCInferenceService/ServerLive"
_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_DATA, _HEADERS, _SETTINGS, _END_STREAM, _WHOLE = 0, 1, 4, 1, 5
_OK_OF_2 = b"\x88"


@dataclass(frozen=True, slots=True)
class Way:
    """How a router is asked.

    Args:
        address: where.
        port: where.
        key: the key, or "" for none.
        ca: the file of the authority whose certificates are believed, or "" for no TLS.
        revision: the name of a revision.
    """

    address: str
    port: int
    key: str = ""
    ca: str = ""
    revision: str = ""

    def connection(self, *protocols: str) -> socket.socket:
        """A connection, with TLS where there is an authority."""
        plain = socket.create_connection((self.address, self.port), TIMEOUT_SECONDS)
        if not self.ca:
            return plain
        context = ssl.create_default_context(cafile=self.ca)
        context.set_alpn_protocols(protocols)
        return context.wrap_socket(plain, server_hostname=self.address)


def asked(way: Way) -> dict[str, str]:
    """What every door answers."""
    found = {door: by_1(way, lines) for door, lines in HTTP_1.items()}
    return {**found, HTTP_2: by_2(way), CALL: call(way)}


def by_1(way: Way, lines: Sequence[str]) -> str:
    """What a request of HTTP/1 is answered."""
    key = [f"Authorization: Bearer {way.key}"] if way.key else []
    text = "\r\n".join([lines[0], f"Host: {way.address}", *lines[1:], *key, "", ""])
    with way.connection("http/1.1") as connection:
        connection.sendall(text.replace("REVISION", way.revision).encode())
        stream = connection.makefile("rb")
        status = stream.readline().split()[1].decode()
        fields = dict(line.lower().split(": ", 1) for line in iter(lambda: stream.readline().decode().strip(), ""))
        return word(status, stream.read(int(fields.get("content-length", 0))))


def by_2(way: Way) -> str:
    """What a request of HTTP/2 is answered."""
    key = _literal(b"authorization", f"Bearer {way.key}".encode()) if way.key else b""
    head = b"\x82\x86\x84" + _literal(b":authority", way.address.encode()) + key
    with way.connection("h2") as connection:
        connection.sendall(_PREFACE + _frame(_SETTINGS, 0, 0, b"") + _frame(_HEADERS, _WHOLE, 1, head))
        return _answer_of_2(connection.makefile("rb"))


def _answer_of_2(stream: BinaryIO) -> str:
    status, body = "not 200", b""
    while True:
        head = stream.read(9)
        payload = stream.read(int.from_bytes(head[:3], "big"))
        if head[3] == _HEADERS and payload.lstrip(b"\x20")[:1] == _OK_OF_2:
            status = "200"
        if head[3] == _DATA:
            body += payload
        if head[3] in {_HEADERS, _DATA} and head[4] & _END_STREAM:
            return word(status, body)


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def _literal(name: bytes, value: bytes) -> bytes:
    """A header as it stands (HPACK)."""
    return bytes([0]) + _text(name) + _text(value)


def _text(text: bytes) -> bytes:
    """A text with its length, of seven bits and, from 127 on, of further groups of seven."""
    length = len(text)
    if length < 127:
        return bytes([length]) + text
    head, length = b"\x7f", length - 127
    while length >= 128:
        head, length = head + bytes([length % 128 + 128]), length // 128
    return head + bytes([length]) + text


def call(way: Way) -> str:
    """How a call of gRPC ends."""
    where, metadata = f"{way.address}:{way.port}", [("authorization", f"Bearer {way.key}")] if way.key else []
    with _channel(way, where) as channel:
        method = channel.unary_unary(METHOD, request_serializer=None, response_deserializer=None)
        try:
            method(b"", metadata=metadata, timeout=TIMEOUT_SECONDS)
        except grpc.RpcError as e:
            return str(e.code().name)
    return "OK"


def _channel(way: Way, where: str) -> grpc.Channel:
    if not way.ca:
        return grpc.insecure_channel(where)
    return grpc.secure_channel(where, grpc.ssl_channel_credentials(Path(way.ca).read_bytes()))


def word(status: str, body: bytes) -> str:
    """The word for the cause of a refusal, or the status of an answer."""
    try:
        return str(json.loads(body)["error"]["reason"])
    except (ValueError, KeyError, TypeError):
        return status


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser()
    parser.add_argument("address")
    parser.add_argument("port", type=int)
    parser.add_argument("--key", default="")
    parser.add_argument("--ca", default="")
    parser.add_argument("--revision", default="")
    sys.stdout.write(json.dumps(asked(Way(**vars(parser.parse_args())))) + "\n")


if __name__ == "__main__":
    main()

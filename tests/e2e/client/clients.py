"""Asks as clients and proxies really do, byte by byte: python clients.py ADDRESS PORT GROUP...

What is asked answers {"method", "path", "bytes", "headers"} of the request that it got, an application "scheme" too.
Its router is set up as SETTINGS say. Prints what is wrong, by client, as JSON: {} where all got what they must.
"""

import argparse
import contextlib
import json
import socket
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO

TIMEOUT_SECONDS = 20
LIMIT = 1024 * 1024
PAGE = "https://app.example.com"
STRANGER = "https://elsewhere.example.org"
SETTINGS = {"maxRequestBytes": LIMIT, "cors": {"allowOrigins": [PAGE]}}
# True of any router; where whoever asks is the client; where `trustedHops: 1` lets a proxy say who is; and of
# applications there.
ANY, EDGE, BEHIND_PROXY, APPLICATION = GROUPS = ("any", "edge", "behind-proxy", "application")


@dataclass(frozen=True, slots=True)
class Row:
    """One request as somebody sends it, and what must come of it.

    Attributes:
        client: who sends it.
        sent: its bytes; HOST stands for where it goes.
        status: the answer's.
        seen: what the application sees of it; `headers` are some of them, where None means that one is not there.
        reason: why the router refuses it, or "" where the application answers.
        says: a part of the router's sentence.
        told: headers of the answer; None means that one is not there.
        times: how often it is sent on one connection.
        group: the routers of which it is true.
    """

    client: str
    sent: bytes
    status: int = 200
    seen: Mapping[str, Any] = field(default_factory=dict)
    reason: str = ""
    says: str = ""
    told: Mapping[str, str | None] = field(default_factory=dict)
    times: int = 1
    group: str = ANY


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer; `interim` are the statuses below 200 that came before."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    interim: tuple[int, ...] = ()


def asks(line: str, *headers: str, body: str = "") -> bytes:
    """A request of HTTP/1."""
    return "\r\n".join([line, *headers, "", body]).encode("latin-1")


def json_of(line: str, *headers: str, host: str = "Host: HOST") -> bytes:
    """A POST of `{}` in JSON."""
    return asks(line, host, *headers, "Content-Type: application/json", "Content-Length: 2", body="{}")


def chunked(*headers: str, size: int = 2) -> bytes:
    """A body of unknown length, in one chunk."""
    body = f"{size:x}\r\n{'x' * size}\r\n0\r\n\r\n"
    return asks("POST /infer HTTP/1.1", "Host: HOST", *headers, "Transfer-Encoding: chunked", body=body)


def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    """A frame of HTTP/2."""
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def literal(index: int, value: bytes) -> bytes:
    """A header whose name is in HPACK's static table, its value as it stands."""
    return bytes([index, len(value)]) + value


PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
SETTINGS_FRAME, HEADERS_FRAME, DATA_FRAME, PING_FRAME, END_STREAM = 4, 1, 0, 6, 1
GET_BY_HTTP = b"\x82\x86"
POSTED = {"method": "POST", "path": "/infer", "bytes": 2}
GOT = {"method": "GET", "path": "/", "bytes": 0}
NO_UPGRADE = {"upgrade": None}
H2C = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA")
PREFLIGHT = ("Host: HOST", "Access-Control-Request-Method: POST", "Access-Control-Request-Headers: content-type")
FORGED = (
    *("X-Forwarded-Proto: https", "X-Forwarded-For: 192.0.2.7", "X-Forwarded-Host: models.example.com"),
    *("X-Forwarded-Prefix: /x", "Forwarded: for=192.0.2.7", "X-Real-IP: 192.0.2.7"),
)
ODD = "/a//b/../c/./%2e%2e/%2Fd;v=1?q=a+b&q=%zz&=&"
TLS_HELLO = bytes.fromhex("160301004a0100004603035f") + b"\x00" * 66

ROWS = (
    Row("nginx as it comes", json_of("POST /infer HTTP/1.0", "Connection: close"), seen=POSTED),
    Row("nginx with keepalive", json_of("POST /infer HTTP/1.1", "Connection: "), seen=POSTED, times=2),
    Row("ab", asks("GET / HTTP/1.0", "Host: HOST", "User-Agent: ApacheBench/2.3", "Accept: */*"), seen=GOT),
    Row("ab -k", asks("GET / HTTP/1.0", "Connection: Keep-Alive", "Host: HOST"), seen=GOT, times=2),
    Row("an old health check", asks("GET / HTTP/1.0"), seen=GOT),
    Row("Apache HttpClient 5.4", json_of("POST /infer HTTP/1.1", "Accept-Encoding: gzip, x-gzip, deflate",
        "Connection: keep-alive, Upgrade", "Upgrade: TLS/1.2", "User-Agent: Apache-HttpClient/5.4 (Java/21.0.4)"),
        seen={**POSTED, "headers": {**NO_UPGRADE, "accept-encoding": "gzip, x-gzip, deflate"}}, times=2),
    Row("Java's HttpClient", json_of("POST /infer HTTP/1.1", *H2C, "User-Agent: Java-http-client/21"),
        seen={**POSTED, "headers": NO_UPGRADE}, times=2),
    Row("Go", chunked("User-Agent: Go-http-client/1.1", "Accept-Encoding: gzip"), seen=POSTED, times=2),
    Row(".NET", json_of("POST /infer HTTP/1.1", "Expect: 100-continue"), seen={**POSTED, "headers": {"expect": None}}),
    Row("curl", json_of("POST /infer HTTP/1.1", "User-Agent: curl/8.5.0", "Accept: */*"), seen=POSTED, times=2),
    Row("curl --http1.0", json_of("POST /infer HTTP/1.0", "User-Agent: curl/8.5.0"), seen=POSTED),
    Row("curl --http2", json_of("POST /infer HTTP/1.1", *H2C), seen={**POSTED, "headers": NO_UPGRADE}),
    Row("curl -T -", chunked("Expect: 100-continue"), seen=POSTED),
    Row("curl --http2-prior-knowledge", PREFACE + frame(SETTINGS_FRAME, 0, 0, b"") + frame(
        HEADERS_FRAME, 5, 1, GET_BY_HTTP + literal(4, b"/a%2Fb?c=d") + literal(1, b"HOST")),
        seen={"method": "GET", "path": "/a%2Fb?c=d"}),
    Row("a protocol that nobody knows", asks("GET / HTTP/1.1", "Host: HOST", "Connection: Upgrade", "Upgrade: foo/9"),
        seen={**GOT, "headers": NO_UPGRADE}),
    Row("a page", json_of("POST /infer HTTP/1.1", f"Origin: {PAGE}"), seen=POSTED,
        told={"access-control-allow-origin": PAGE, "access-control-expose-headers":
              "x-request-id, x-eagleray-revision, x-eagleray-version"}),
    Row("its preflight", asks("OPTIONS /infer HTTP/1.1", f"Origin: {PAGE}", *PREFLIGHT), told={
        "access-control-allow-origin": PAGE, "access-control-allow-methods": "DELETE, GET, HEAD, PATCH, POST, PUT",
        "access-control-max-age": "600", "x-eagleray-revision": None}, times=2),
    Row("a strange page", json_of("POST /infer HTTP/1.1", f"Origin: {STRANGER}"), seen=POSTED,
        told={"access-control-allow-origin": None}),
    Row("its preflight, too", asks("OPTIONS /infer HTTP/1.1", f"Origin: {STRANGER}", *PREFLIGHT),
        told={"access-control-allow-origin": None, "x-eagleray-revision": None}),
    Row("HEAD", asks("HEAD / HTTP/1.1", "Host: HOST"), times=2),
    Row("OPTIONS", asks("OPTIONS / HTTP/1.1", "Host: HOST"), seen={"method": "OPTIONS"}),
    Row("a client of a proxy", asks("GET http://HOST/a/b?c=d HTTP/1.1", "Host: HOST"), seen={"path": "/a/b?c=d"}),
    Row("an odd path", asks(f"GET {ODD} HTTP/1.1", "Host: HOST"), seen={"path": ODD}),
    Row("a packed body", json_of("POST /infer HTTP/1.1", "Content-Encoding: gzip", "Accept-Encoding: br"),
        seen={**POSTED, "headers": {"content-encoding": "gzip", "accept-encoding": "br"}}),
    Row("a forger", asks("GET / HTTP/1.1", "Host: HOST", *FORGED), group=EDGE, seen={"headers": {
        "x-forwarded-proto": "http", "x-forwarded-host": None, "x-forwarded-prefix": None, "forwarded": None,
        "x-real-ip": None}}),
    Row("an ingress with TLS", asks("GET / HTTP/1.1", "Host: HOST", *FORGED), group=BEHIND_PROXY, seen={"headers": {
        "x-forwarded-proto": "https", "x-forwarded-host": "models.example.com", "x-forwarded-prefix": "/x",
        "x-real-ip": "192.0.2.7"}}),
    Row("an application behind TLS", asks("GET / HTTP/1.1", "Host: HOST", *FORGED), group=APPLICATION,
        seen={"scheme": "https"}),
    Row("too much, and says so", asks("POST / HTTP/1.1", "Host: HOST", f"Content-Length: {LIMIT + 1}"), 413,
        reason="RequestTooLarge", says=f"more than {LIMIT} bytes"),
    Row("too much, in chunks", chunked(size=LIMIT + 1), 413, reason="RequestTooLarge", says=f"more than {LIMIT} bytes"),
    Row("too much for a page", asks("POST / HTTP/1.1", "Host: HOST", f"Origin: {PAGE}", f"Content-Length: {LIMIT + 1}"),
        413, reason="RequestTooLarge", told={"access-control-allow-origin": PAGE}),
    Row("a large cookie", asks("GET / HTTP/1.1", "Host: HOST", f"Cookie: a={'x' * 70_000}"), 431,
        reason="HeadersTooLarge", says="61440 bytes"),
    Row("many headers", asks("GET / HTTP/1.1", "Host: HOST", *(f"x-{n}: 1" for n in range(101))), 431,
        reason="HeadersTooLarge", says="more than 100"),
    Row("no host", asks("GET / HTTP/1.1"), 400, reason="BadRequest", says="send the header Host"),
    Row("a smuggler", asks("POST / HTTP/1.1", "Host: HOST", "Content-Length: 3", "Transfer-Encoding: chunked",
        body="0\r\n\r\n"), 400, reason="BadRequest", says="length twice"),
    Row("a strange coding", asks("POST / HTTP/1.1", "Host: HOST", "Transfer-Encoding: gzip"), 501,
        reason="BadRequest", says="send Content-Length"),
    Row("no path", asks("OPTIONS * HTTP/1.1", "Host: HOST"), 404, reason="NotFound", says="begins with /"),
    Row("CONNECT", asks("CONNECT example.com:443 HTTP/1.1", "Host: HOST"), 403, reason="UpgradeRefused",
        says="WebSocket alone"),
    Row("a fragment", asks("GET /a#b HTTP/1.1", "Host: HOST"), 400, reason="BadRequest", says="has no #"),
    Row("an URL of https", asks("GET https://HOST/a HTTP/1.1", "Host: HOST"), 403, reason="BadRequest",
        says="no TLS", group=EDGE),
    Row("headers that never end", asks("GET / HTTP/1.1", "Host: HOST")[:-2], 408, reason="RequestTimeout",
        says="did not come in time"),
    Row("TLS", TLS_HELLO, 400, reason="BadRequest", says="without TLS"),
    Row("no HTTP", b"HELO mail.example.com\r\n\r\n", 400, reason="BadRequest", says="no HTTP"),
)  # fmt: skip


def replies(row: Row, address: str, port: int) -> Iterator[Reply]:
    """Send a row as often as it says, on one connection."""
    with socket.create_connection((address, port), TIMEOUT_SECONDS) as connection:
        stream = connection.makefile("rb")
        binary = row.sent.startswith(PREFACE)
        # Frames tell their length: there HOST is the name that is asked for.
        sent = row.sent if binary else row.sent.replace(b"HOST", address.encode())
        for _ in range(row.times):
            # Whoever is refused meanwhile may still be told why.
            with contextlib.suppress(OSError):
                connection.sendall(sent)
            yield reply_of_2(stream) if binary else reply_of_1(stream, has_body=not row.sent.startswith(b"HEAD"))


def reply_of_1(stream: BinaryIO, *, has_body: bool) -> Reply:
    """Read an answer of HTTP/1, whose length it says or the connection's end."""
    interim: list[int] = []
    while True:
        status = int(stream.readline().split()[1])
        lines = iter(lambda: stream.readline().strip().decode(), "")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        if status >= 200:
            break
        interim.append(status)
    if headers.get("transfer-encoding") == "chunked":
        body = b""
        while size := int(stream.readline(), 16):
            body += stream.read(size)
            stream.readline()
        stream.readline()
    else:
        body = stream.read(int(headers.get("content-length", -1))) if has_body else b""
    return Reply(status, headers, body, tuple(interim))


def reply_of_2(stream: BinaryIO) -> Reply:
    """Read an answer of HTTP/2, of whose headers only a status of 200 is understood."""
    status, body = 0, b""
    while True:
        head = stream.read(9)
        payload = stream.read(int.from_bytes(head[:3], "big"))
        if head[3] == HEADERS_FRAME:
            status = 200 if payload.lstrip(b"\x20")[:1] == b"\x88" else 0
        if head[3] == DATA_FRAME:
            body += payload
        if head[3] in {HEADERS_FRAME, DATA_FRAME} and head[4] & END_STREAM:
            return Reply(status, {}, body)


def faults(row: Row, reply: Reply) -> Iterator[str]:
    """What is wrong with an answer."""
    if reply.status != row.status:
        yield f"status {reply.status}, not {row.status}: {reply.body.decode(errors='replace')[:300]}"
        return
    yield from differences("answer", row.told, reply.headers)
    if b"\r\nExpect: 100-continue\r\n" in row.sent and reply.interim != (100,):
        yield f"nobody said 100 Continue: {reply.interim}"
    if row.reason:
        error = json.loads(reply.body)["error"]
        if error["reason"] != row.reason or row.says not in error["message"] or not error["request_id"]:
            yield f"told {error}"
    if row.seen:
        seen = json.loads(reply.body)
        yield from differences("request", {k: v for k, v in row.seen.items() if k != "headers"}, seen)
        headers = {name.lower(): value for name, value in seen["headers"].items()}
        yield from differences("request", row.seen.get("headers", {}), headers)


def differences(where: str, wanted: Mapping[str, Any], found: Mapping[str, Any]) -> Iterator[str]:
    """Each thing that is not as wanted."""
    for name, value in wanted.items():
        if found.get(name) != value:
            yield f"{where}: {name} is {found.get(name)!r}, not {value!r}"


def wrong(row: Row, address: str, port: int) -> list[str]:
    """What is wrong with the answers to a row."""
    try:
        return [fault for reply in replies(row, address, port) for fault in faults(row, reply)]
    except (OSError, ValueError, IndexError, KeyError) as e:
        return [f"no answer that can be read: {e!r}"]


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser()
    parser.add_argument("address")
    parser.add_argument("port", type=int)
    parser.add_argument("groups", nargs="+", choices=GROUPS)
    args = parser.parse_args()
    found = {row.client: wrong(row, args.address, args.port) for row in ROWS if row.group in args.groups}
    sys.stdout.write(json.dumps({client: faults for client, faults in found.items() if faults}) + "\n")


if __name__ == "__main__":
    main()

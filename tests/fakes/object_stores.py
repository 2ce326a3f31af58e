"""Hugging Face's Hub, Google Cloud Storage and Azure Blob Storage, as far as a download needs them."""

import hashlib
import json
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

from fakes.http_server import HttpServer, QuietHandler

REPOSITORY, REVISION = "acme/churn", "v2"
BUCKET = "bucket"
ACCOUNT, CONTAINER = "account", "container"
_NO_ENTRY = {"X-Error-Code": "EntryNotFound"}
_MODIFIED = "Sat, 01 Nov 2025 00:00:00 GMT"


class ObjectStores(HttpServer):
    """One server with the same files in a repository, a bucket and a container.

    Attributes:
        files: contents by path.
        credentials: of every request, what it was authorized by.
        denied: the status for whoever asks, if nobody may.
        url: where it listens.
    """

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = files
        self.credentials: set[str] = set()
        self.denied = 0
        super().__init__(_Handler, stores=self)
        self.url = f"http://{self.address}"


class _Handler(QuietHandler):
    stores: ObjectStores

    def respond(self) -> None:
        stores, split = self.stores, urlsplit(self.path)
        stores.credentials.add(self.headers.get("Authorization", ""))
        path, query = unquote(split.path), parse_qs(split.query)
        if stores.denied:
            self._send(stores.denied, b"{}")
        elif path.startswith((f"/{REPOSITORY}/", f"/api/models/{REPOSITORY}")):
            self._hub(path)
        elif path.startswith((f"/storage/v1/b/{BUCKET}/o", f"/download/storage/v1/b/{BUCKET}/o")):
            self._google(path, query)
        elif path.startswith(f"/{ACCOUNT}/{CONTAINER}"):
            self._azure(path, query)
        else:
            self._send(404, b"{}")

    def _hub(self, path: str) -> None:
        api = f"/api/models/{REPOSITORY}"
        if path == f"{api}/revision/{REVISION}":
            self._json({"id": REPOSITORY, "sha": "1" * 40})
        elif path.startswith(f"{api}/tree/{REVISION}"):
            under = path.removeprefix(f"{api}/tree/{REVISION}").strip("/")
            found = [_entry(n, c) for n, c in self.stores.files.items() if n.startswith(f"{under}/")]
            self._json(found) if found else self._send(404, b"{}", _NO_ENTRY)
        elif path.startswith(f"{api}/paths-info/{REVISION}"):
            asked = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())["paths"]
            self._json([_entry(n, c) for n, c in self.stores.files.items() if n in asked])
        else:
            self._content(path.removeprefix(f"/{REPOSITORY}/resolve/{REVISION}/"))

    def _google(self, path: str, query: dict[str, list[str]]) -> None:
        name = path.partition(f"/b/{BUCKET}/o")[2].removeprefix("/")
        if query.get("alt") == ["media"]:
            self._content(name)
        elif name in self.stores.files:
            self._json(_item(name, self.stores.files[name]))
        elif name:
            self._send(404, b"{}")
        else:
            prefix = query.get("prefix", [""])[0]
            self._json({"items": [_item(n, c) for n, c in self.stores.files.items() if n.startswith(prefix)]})

    def _azure(self, path: str, query: dict[str, list[str]]) -> None:
        if query.get("comp") != ["list"]:
            self._content(path.removeprefix(f"/{ACCOUNT}/{CONTAINER}/"))
            return
        prefix = query.get("prefix", [""])[0]
        blobs = "".join(_blob(n, c) for n, c in self.stores.files.items() if n.startswith(prefix))
        body = (
            f'<EnumerationResults ContainerName="{CONTAINER}"><Blobs>{blobs}</Blobs><NextMarker/></EnumerationResults>'
        )
        self._send(200, body.encode(), {"Content-Type": "application/xml"})

    def _content(self, name: str) -> None:
        content = self.stores.files.get(name)
        if content is None:
            self._send(404, b"{}", _NO_ENTRY | {"x-ms-error-code": "BlobNotFound"})
            return
        asked = self.headers.get("x-ms-range") or self.headers.get("Range")
        headers = {"ETag": f'"{_hash(content)}"', "Last-Modified": _MODIFIED, "x-ms-blob-type": "BlockBlob"}
        if not asked:
            self._send(200, content, headers)
            return
        first, _, last = asked.removeprefix("bytes=").partition("-")
        part = content[int(first) : int(last) + 1 if last else None]
        end = int(first) + len(part) - 1
        self._send(206, part, {**headers, "Content-Range": f"bytes {first}-{end}/{len(content)}"})

    def _json(self, answer: Any) -> None:
        self._send(200, json.dumps(answer).encode(), {"Content-Type": "application/json"})

    def _send(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.answer(status, body, {**(headers or {}), "Content-Length": str(len(body))})


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:40]


def _entry(name: str, content: bytes) -> dict[str, Any]:
    return {"type": "file", "path": name, "size": len(content), "oid": _hash(content)}


def _item(name: str, content: bytes) -> dict[str, Any]:
    return {"name": name, "bucket": BUCKET, "size": str(len(content)), "etag": _hash(content), "generation": "1"}


def _blob(name: str, content: bytes) -> str:
    properties = {
        "Content-Length": len(content),
        "Etag": _hash(content),
        "Last-Modified": _MODIFIED,
        "BlobType": "BlockBlob",
    }
    inner = "".join(f"<{key}>{value}</{key}>" for key, value in properties.items())
    return f"<Blob><Name>{escape(name)}</Name><Properties>{inner}</Properties></Blob>"

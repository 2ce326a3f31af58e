"""What registries hold, and a registry of tests on loopback."""

import base64
import hashlib
import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fakes.http_server import HttpServer, QuietHandler

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
TAR = "application/vnd.oci.image.layer.v1.tar"
EMPTY = "application/vnd.oci.empty.v1+json"


@dataclass
class Stored:
    """A manifest and the blobs that it lists.

    Attributes:
        manifest: its bytes.
        blobs: content by digest.
    """

    manifest: bytes
    blobs: dict[str, bytes]

    @property
    def digest(self) -> str:
        return digest(self.manifest)


def digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def tar(files: Mapping[str, bytes], links: Mapping[str, str] | None = None) -> bytes:
    """A gzipped archive of files, and of symbolic links by name and target."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
        for name, target in (links or {}).items():
            info = tarfile.TarInfo(name)
            info.type, info.linkname = tarfile.SYMTYPE, target
            archive.addfile(info)
    return buffer.getvalue()


def stored(layers: Sequence[tuple[bytes, str, dict[str, str]]]) -> Stored:
    """A manifest of layers, each with its content, media type and annotations."""
    config = b"{}"
    listed = [_descriptor(content, kind) | {"annotations": notes} for content, kind, notes in layers]
    manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "config": _descriptor(config, EMPTY), "layers": listed}
    blobs = {digest(content): content for content in (config, *(content for content, _, _ in layers))}
    return Stored(json.dumps(manifest).encode(), blobs)


def artifact(files: Mapping[str, bytes]) -> Stored:
    """Files by name, as `oras push` stores them."""
    return stored([(content, TAR, {"org.opencontainers.image.title": name}) for name, content in files.items()])


def image(*layers: bytes) -> Stored:
    """An image of gzipped archives."""
    return stored([(layer, f"{TAR}+gzip", {}) for layer in layers])


def index(manifests: Mapping[str, Stored]) -> Stored:
    """One for each architecture."""
    listed = [
        _descriptor(each.manifest, MANIFEST) | {"platform": {"os": "linux", "architecture": name}}
        for name, each in manifests.items()
    ]
    listed.insert(0, _descriptor(b"attestation", MANIFEST) | {"platform": {"os": "unknown", "architecture": "unknown"}})
    content = {"schemaVersion": 2, "mediaType": INDEX, "manifests": listed}
    blobs = {name: blob for each in manifests.values() for name, blob in each.blobs.items()}
    return Stored(json.dumps(content).encode(), blobs)


def _descriptor(content: bytes, kind: str) -> dict[str, Any]:
    return {"mediaType": kind, "digest": digest(content), "size": len(content)}


@dataclass
class Behaviour:
    """How a registry behaves.

    Attributes:
        challenge: how it asks for credentials: `Basic`, `Bearer`, or nothing.
        login: `user:password` that it lets in; empty for anybody who has a token.
        breaks: how many blobs break off after 1,000 bytes.
        ranges_served: whether it sends what a range asks for, and not all.
        redirects: whether blobs are on another host.
        realm: where it sends for a token; "" for itself.
    """

    challenge: str = ""
    login: str = ""
    breaks: int = 0
    ranges_served: bool = True
    redirects: bool = False
    realm: str = ""


@dataclass
class Asked:
    """One request: its path, range and credentials."""

    path: str
    range: str | None
    authorization: str | None


class OciRegistry(HttpServer):
    """A registry that holds `repository`, remembers what it was asked, and behaves as the test says.

    Attributes:
        manifests: content by tag or digest.
        blobs: content by digest.
        behaviour: how it behaves.
        asked: all requests, in order.
    """

    repository = "models/churn"

    def __init__(self) -> None:
        self.manifests: dict[str, bytes] = {}
        self.blobs: dict[str, bytes] = {}
        self.behaviour = Behaviour()
        self.asked: list[Asked] = []
        super().__init__(_Handler, registry=self)

    def put(self, name: str, what: Stored) -> str:
        """Store something under a tag; its URI, by its digest."""
        self.manifests |= {name: what.manifest, what.digest: what.manifest}
        self.blobs |= what.blobs
        return self.uri(what.digest)

    def uri(self, name: str) -> str:
        separator = "@" if name.startswith("sha256:") else ":"
        return f"oci://{self.address}/{self.repository}{separator}{name}"

    def of_blobs(self) -> list[Asked]:
        return [asked for asked in self.asked if "/blobs/" in asked.path]


@dataclass
class _Answer:
    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


class _Handler(QuietHandler):
    registry: OciRegistry

    def respond(self) -> None:
        self.registry.asked.append(Asked(self.path, self.headers.get("Range"), self.headers.get("Authorization")))
        answer = self._answer()
        self.answer(answer.status, answer.body, {"Content-Length": str(len(answer.body)), **answer.headers})

    def _answer(self) -> _Answer:
        if self.path.startswith("/token"):
            return _Answer(200, b'{"token": "t0k"}') if self._let_in("Basic") else _Answer(401)
        if self.path.startswith("/elsewhere/"):
            return self._blob(self.path.rpartition("/")[2])
        how = self.registry.behaviour
        if how.challenge and not self._let_in(how.challenge):
            realm = how.realm or f"http://{self.registry.address}/token"
            asks = f'{how.challenge} realm="{realm}",service="r",scope="repository:pull"'
            return _Answer(401, headers={"WWW-Authenticate": asks})
        kind, _, name = self.path.removeprefix(f"/v2/{self.registry.repository}/").partition("/")
        if kind == "blobs" and how.redirects:
            port = self.registry.address.rpartition(":")[2]
            return _Answer(307, headers={"Location": f"http://localhost:{port}/elsewhere/{name}"})
        found = self.registry.manifests.get(name) if kind == "manifests" else None
        return self._blob(name) if kind == "blobs" else _Answer(404) if found is None else _Answer(200, found)

    def _let_in(self, kind: str) -> bool:
        login = self.registry.behaviour.login
        secret = base64.b64encode(login.encode()).decode() if kind == "Basic" else "t0k"
        return self.headers.get("Authorization") == f"{kind} {secret}" or (kind == "Basic" and not login)

    def _blob(self, name: str) -> _Answer:
        content = self.registry.blobs.get(name)
        if content is None:
            return _Answer(404)
        how, asked = self.registry.behaviour, self.headers.get("Range")
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked and how.ranges_served else 0
        rest = content[start:]
        body = rest[:1000] if how.breaks else rest
        how.breaks = max(0, how.breaks - 1)
        return _Answer(206 if start else 200, body, {"Content-Length": str(len(rest))})

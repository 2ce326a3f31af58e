"""Downloads from registries: an artifact, as `oras push` makes it, or an image with the model in its folder /models.

The client is ours: oras-py goes on with nothing that broke off, has no timeouts, and knows no registry that asks for
a password itself. Whatever comes is compared with its digest.
"""

import hashlib
import json
import os
import platform
import shutil
import ssl
import urllib.error
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from eagleray_serving.fetch import archive, checksum
from eagleray_serving.fetch.errors import FetchError, Reason, TransientError
from eagleray_serving.fetch.files import remove
from eagleray_serving.fetch.login import REGISTRY
from eagleray_serving.fetch.over_http import PARTIAL, HttpDownload
from eagleray_serving.fetch.registry import PLAIN_HTTP, Registry, reference
from eagleray_serving.fetch.told import Downloads
from eagleray_serving.fetch.uri import ModelUri

MODELS = "models"
"""The folder of an image that holds the model, as KServe's "modelcars" have it."""

_TITLE = "org.opencontainers.image.title"
_UNPACK = "io.deis.oras.content.unpack"
_EMPTY = "application/vnd.oci.empty.v1+json"
_IMAGE_LAYERS = ("application/vnd.oci.image.layer.", "application/vnd.docker.image.rootfs.")
_MANIFESTS = (
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
_MAX_MANIFEST_BYTES = 4 * 2**20
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


@dataclass(frozen=True, slots=True)
class Layer:
    """One part of what a manifest lists.

    Args:
        number: Its place in the list.
        digest: ``sha256:…`` of its bytes.
        size: How many bytes.
        title: The file's name, where it is one; the folder's, where it is packed.
        packed: Whether it is an archive to unpack.
        below: The only folder of the archive that is wanted; empty for all of it.
    """

    number: int
    digest: str
    size: int
    title: str
    packed: bool
    below: str


class OciDownload(HttpDownload):
    """What a reference names, into a folder; a later try goes on where the one before broke off.

    Credentials are variables, see ``Registry``.
    """

    advice: ClassVar = {
        401: f"it lets in who has the right Secret in model.credentials, with {REGISTRY} or of type "
        "kubernetes.io/dockerconfigjson",
        403: "the registry refuses access; check the Secret that model.credentials names",
        404: "there is no such repository, tag or digest; check spec.model.uri",
    }

    def __init__(self, uri: ModelUri, to: Path, max_bytes: int, downloads: Downloads | None = None) -> None:
        super().__init__(uri, to, max_bytes, downloads)
        self._reference = reference(uri)
        self._registry = Registry(self._reference, os.environ)
        self._layers: Sequence[Layer] = ()
        self._right: set[Layer] = set()

    def _bring(self) -> None:
        try:
            self._layers = self._layers or self._listed()
            self._fetch_layers()
        except urllib.error.URLError as error:
            if isinstance(error.reason, ssl.SSLError):
                raise TransientError(
                    f"no TLS ({error.reason}); where the registry speaks none, set {PLAIN_HTTP}=true in the Secret"
                ) from None
            raise
        self._place()

    def _listed(self) -> Sequence[Layer]:
        try:
            manifest = self._manifest(self._reference.name)
            if "manifests" in manifest:
                manifest = self._manifest(_for_this_machine(manifest["manifests"]))
            entries = [each for each in manifest.get("layers", []) if each.get("mediaType") != _EMPTY]
            found = [_layer(number, entry) for number, entry in enumerate(entries)]
        except (KeyError, TypeError, ValueError, AttributeError):
            raise self._failed("what the registry answers is no manifest; check spec.model.uri") from None
        if not found:
            raise self._failed("it lists no layers; push the model as files (oras push), or as an image with /models")
        return found

    def _manifest(self, name: str) -> dict[str, Any]:
        with self._registry.open(f"manifests/{name}", {"Accept": ", ".join(_MANIFESTS)}) as response:
            content = response.read(_MAX_MANIFEST_BYTES)
        if name.startswith("sha256:") and f"sha256:{hashlib.sha256(content).hexdigest()}" != name:
            raise TransientError(f"the manifest is not the one of {name}")
        return dict(json.loads(content))

    def _fetch_layers(self) -> None:
        self._parts.mkdir(parents=True, exist_ok=True)
        self._begin(sum(layer.size for layer in self._layers), sum(self._had(layer) for layer in self._layers))
        for layer in self._layers:
            if layer not in self._right:  # by an earlier try
                self._fetch_layer(layer)
                self._right.add(layer)
        self._finish()

    def _fetch_layer(self, layer: Layer) -> None:
        part, had = self._part(layer), self._had(layer)
        if had < layer.size or not part.exists():
            headers = {"Range": f"bytes={had}-"} if had else {}
            with self._registry.open(f"blobs/{layer.digest}", headers) as response:
                if had and response.status != PARTIAL:
                    remove(part)
                    raise TransientError("the registry begins anew")
                with part.open("ab") as file:
                    self._receive(response, file)
        if self._had(layer) < layer.size:
            raise TransientError(f"the connection ended after {self._had(layer)} of {layer.size} bytes")
        if f"sha256:{checksum.of(part)}" != layer.digest:
            remove(part)
            raise TransientError(f"{layer.digest} came damaged")

    @property
    def _parts(self) -> Path:
        return self._to / ".layers"

    def _part(self, layer: Layer) -> Path:
        return self._parts / str(layer.number)

    def _had(self, layer: Layer) -> int:
        part = self._part(layer)
        return part.stat().st_size if part.exists() else 0

    def _place(self) -> None:
        left = self._max_bytes
        for layer in self._layers:
            if layer.packed:
                left -= self._unpack(layer, left)
            else:
                target = self._to / archive.checked(layer.title)
                target.parent.mkdir(parents=True, exist_ok=True)
                self._part(layer).replace(target)
        remove(self._parts)
        if not any(self._to.iterdir()):
            raise self._failed(f"the image has no folder /{MODELS}; copy the model there (COPY model.onnx /{MODELS}/)")

    def _unpack(self, layer: Layer, most: int) -> int:
        unpacked = self._parts / "unpacked"
        count = archive.unpack(self._part(layer), "layer.tar", unpacked, max_bytes=most, below=layer.below)
        gone = next((file.name for file in unpacked.rglob(".wh.*")), None)
        if gone:
            raise FetchError(
                Reason.ARCHIVE_REFUSED,
                f"{self._uri.shown}: a layer deletes files of /{MODELS} ('{gone}'); build the image so that none does",
            )
        shutil.copytree(unpacked, self._to, dirs_exist_ok=True, copy_function=shutil.move)
        remove(unpacked)
        return count


def _for_this_machine(manifests: Sequence[dict[str, Any]]) -> str:
    """The digest of one image of several: this machine's, or else the first, as models are the same for all."""
    wanted = _ARCHITECTURES.get(platform.machine(), platform.machine())
    known = [each for each in manifests if each.get("platform", {}).get("os") != "unknown"] or manifests
    mine = [each for each in known if each.get("platform", {}).get("architecture") == wanted]
    return str((mine or known)[0]["digest"])


def _layer(number: int, entry: dict[str, Any]) -> Layer:
    kind, notes = str(entry["mediaType"]), entry.get("annotations") or {}
    title = str(notes.get(_TITLE, ""))
    packed = not title or notes.get(_UNPACK) == "true"
    if packed and ".tar" not in kind:
        raise FetchError(
            Reason.ARCHIVE_REFUSED,
            f"a layer of type {kind} has no name ({_TITLE}) and is no tar archive; push files with `oras push`",
        )
    if packed and kind.endswith("zstd"):
        raise FetchError(Reason.ARCHIVE_REFUSED, "a layer is compressed with zstd; build the image with gzip")
    below = MODELS if packed and not title and kind.startswith(_IMAGE_LAYERS) else ""
    return Layer(number, str(entry["digest"]), int(entry["size"]), title, packed, below)

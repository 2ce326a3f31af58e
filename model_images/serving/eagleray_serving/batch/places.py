"""Where a batch prediction reads and writes: files of an object store or of a mounted volume."""

import io
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

import orjson
from fsspec.implementations.local import LocalFileSystem

from eagleray_serving.batch.errors import BatchError
from eagleray_serving.fetch import stores
from eagleray_serving.fetch.errors import FetchError
from eagleray_serving.fetch.uri import HTTP, LOCAL, OCI, ModelUri, parse_uri

MOST_FILES = 100_000
_WILD = "*?["
_READ_ONLY = (*HTTP, "hf")


@dataclass(frozen=True, slots=True)
class File:
    """A file of the input.

    Args:
        path: Where its filesystem finds it.
        name: Its path below the place, which names its output too.
        size: Bytes.
        version: What changes with its content.
    """

    path: str
    name: str
    size: int
    version: str


class Place:
    """A file, a folder, or, where the last part of the path has ``*``, the files that it matches.

    Args:
        uri: Where: ``pvc://<claim>/<path>``, or of an object store.
        pvc_root: The folder in which claims are mounted under their names.

    Raises:
        BatchError: Nothing can be read from such a URI here.
    """

    def __init__(self, uri: str, pvc_root: Path) -> None:
        with _told():
            self._uri = parse_uri(uri)
            if self._uri.scheme == OCI:
                raise BatchError(f"{self.shown}: oci:// holds models, not rows; write an object store or pvc://")
            self._path, self._filesystem = _opened(self._uri, pvc_root)

    @property
    def shown(self) -> str:
        """The URI without what may be secret."""
        return self._uri.shown

    def check_writable(self) -> None:
        """Refuse a place that takes no files.

        Raises:
            BatchError: It is one.
        """
        if self._uri.scheme in _READ_ONLY or any(mark in self._path for mark in _WILD):
            raise BatchError(f"{self.shown}: the output is a folder, s3://, gs://, az:// or pvc://")

    def check_apart(self, other: "Place") -> None:
        """Refuse two places of which one is within the other: results would be read as rows.

        Raises:
            BatchError: They are not apart.
        """
        ours, theirs = (f"{place._root}/" for place in (self, other))  # noqa: SLF001 - of the same class
        same_store = type(self._filesystem) is type(other._filesystem)  # noqa: SLF001
        if same_store and (ours.startswith(theirs) or theirs.startswith(ours)):
            raise BatchError(f"{other.shown}: the output lies in the input, or around it; write to another folder")

    def files(self) -> list[File]:
        """What is there, in order of names; what begins with ``.`` or ``_`` below the place is left out.

        Raises:
            BatchError: Nothing is there, too much, or it may not be read.
        """
        with self._explained():
            self._filesystem.invalidate_cache()
            found = self._found()
        root = self._filesystem._strip_protocol(self._root)  # noqa: SLF001 - as in fetch.stores
        files = [_file(path, root, info) for path, info in sorted(found.items()) if info["type"] == "file"]
        shown = [file for file in files if not any(part[0] in "._" for part in PurePosixPath(file.name).parts)]
        if not shown:
            raise BatchError(f"{self.shown}: there is no such file, or no file in it; check --input")
        if len(shown) > MOST_FILES:
            raise BatchError(f"{self.shown}: {len(shown)} files, and at most {MOST_FILES} are read at once; name fewer")
        return shown

    @contextmanager
    def opened(self, file: File) -> Iterator[IO[bytes]]:
        """A file, for reading.

        Raises:
            BatchError: It may not be read.
        """
        # Files of fsspec's stores read lines of any length only: what buffers them here bounds a line as it is told.
        with self._explained(), self._filesystem.open(file.path, "rb") as raw, io.BufferedReader(raw) as source:
            yield source

    def names(self) -> frozenset[str]:
        """The files of the place, by their paths below it; none where it is not there."""
        root = self._path.rstrip("/")
        with self._explained():
            self._filesystem.invalidate_cache()
            found = stores.find(self._filesystem, root) if self._filesystem.exists(root) else {}
        below = self._filesystem._strip_protocol(root)  # noqa: SLF001 - as in fetch.stores
        return frozenset(str(PurePosixPath(path).relative_to(below)) for path in found)

    def read(self, name: str) -> Any:  # noqa: ANN401 - what its JSON says
        """What a file of JSON says."""
        with self._explained():
            return orjson.loads(self._filesystem.cat_file(f"{self._path}/{name}"))

    def put(self, local: Path, name: str) -> None:
        """Put a file there, which is seen as a whole or not at all.

        Args:
            local: The file.
            name: Its path below the place.
        """
        target = f"{self._path}/{name}"
        with self._explained():
            if not isinstance(self._filesystem, LocalFileSystem):
                self._filesystem.put_file(str(local), target)
                return
            path = Path(target)
            path.parent.mkdir(parents=True, exist_ok=True)
            hidden = path.with_name(f".{path.name}.part")
            shutil.copyfile(local, hidden)
            hidden.replace(path)

    @property
    def _root(self) -> str:
        """The folder that names are told from: of a file its own, of a pattern the last before the first mark."""
        parts = PurePosixPath(self._path).parts
        wild = next((place for place, part in enumerate(parts) if any(mark in part for mark in _WILD)), len(parts))
        return str(PurePosixPath(*parts[:wild])) if wild else ""

    def _found(self) -> Mapping[str, Mapping[str, Any]]:
        if self._uri.scheme in HTTP:  # which lists nothing
            return {self._path: {"type": "file", **self._filesystem.info(self._path)}}
        if any(mark in self._path for mark in _WILD):
            return dict(self._filesystem.glob(self._path, detail=True))
        return stores.find(self._filesystem, self._path)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except BatchError:
            raise
        except FileNotFoundError:
            raise BatchError(f"{self.shown}: there is no such file or folder; check the URI") from None
        except Exception as error:
            if not stores.is_refused(error):
                raise
            remedy = f"make it readable for uid {os.getuid()}, or set an fsGroup"
            if self._uri.scheme not in LOCAL:
                remedy = f"name a Secret with {stores.variables(self._uri)} in --credentials"
            raise BatchError(f"{self.shown}: access refused ({type(error).__name__}: {error}); {remedy}") from None


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except FetchError as error:
        raise BatchError(error.message) from None


def _opened(uri: ModelUri, pvc_root: Path) -> tuple[str, Any]:
    if uri.scheme in LOCAL:
        return str(uri.local_path(pvc_root)).rstrip("/"), LocalFileSystem()
    return uri.text if uri.scheme in HTTP else stores.path_of(uri), stores.open_filesystem(uri)


def _file(path: str, root: str, info: Mapping[str, Any]) -> File:
    name = PurePosixPath(path).relative_to(root) if path != root else PurePosixPath(PurePosixPath(path).name)
    version = (*stores.version_of(info), info.get("mtime"))
    return File(path, str(name), info["size"] or 0, repr(version))

"""Downloads from object stores."""

import importlib
import os
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from eagleray_serving.fetch.archive import MAX_FILES
from eagleray_serving.fetch.download import Download
from eagleray_serving.fetch.errors import FetchError, Reason, TransientError
from eagleray_serving.fetch.files import remove
from eagleray_serving.fetch.told import Downloads
from eagleray_serving.fetch.uri import ModelUri

_REFUSED_STATUS = frozenset({401, 403})
_NO_CREDENTIALS = frozenset(
    {
        "NoCredentialsError",  # botocore
        "PartialCredentialsError",
        "TokenRetrievalError",
        "ClientAuthenticationError",  # Azure
        "DefaultCredentialsError",  # Google
        "RefreshError",
    }
)
# What each store's client reads from the environment.
_CREDENTIALS = {
    "s3": "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    "gs": 'FSSPEC_GS, which is {"token": <the key of a service account>},',
    "az": "AZURE_STORAGE_CONNECTION_STRING",
    "hf": "HF_TOKEN",
}
# Hugging Face answers 404 for what one may not see.
_HIDDEN = {"hf": ", and HF_TOKEN in a Secret that model.credentials names if it is not public"}
_SETTINGS = {
    # A second API, asked for the kind of bucket: for a minute where only the first one is allowed out.
    "GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT": "false",
    "HF_HUB_DISABLE_TELEMETRY": "1",
}
# What stores say of an object that changes with it, as fsspec's filesystems name it.
_VERSION = ("size", "ETag", "etag", "blob_id", "generation", "created")


class StoreDownload(Download):
    """One object, or everything under a prefix into a folder.

    A later try goes on where the one before broke off, as long as the store lists the same objects.

    Args:
        uri: Of an object store.
        to: The file or folder to make.
        max_bytes: The most that all objects may have together.
        downloads: Where it is noted how far it is.
        filesystem: An fsspec filesystem; by default that of the URI's scheme, which reads credentials from the
            environment.
    """

    def __init__(
        self,
        uri: ModelUri,
        to: Path,
        max_bytes: int,
        downloads: Downloads | None = None,
        filesystem: Any = None,  # noqa: ANN401 - fsspec has no types
    ) -> None:
        super().__init__(uri, to, max_bytes, downloads)
        self._filesystem = filesystem
        self._versions: dict[str, tuple[Any, ...]] = {}

    def attempt(self) -> None:
        """Download what is missing."""
        try:
            self._filesystem = self._filesystem or open_filesystem(self._uri)
            self._copy(path_of(self._uri))
        except (FetchError, TransientError):
            raise
        except Exception as error:
            if isinstance(error, OSError) and error.filename is not None:  # the local disk
                raise
            raise self._explained(error) from None

    def _explained(self, error: Exception) -> Exception:
        """Each store has exceptions of its own; most of them carry HTTP's status."""
        first_line = str(error).strip().partition("\n")[0]
        what = f"{type(error).__name__}: {first_line}"
        if isinstance(error, FileNotFoundError):
            return self._failed(f"there is no such object; check spec.model.uri{_HIDDEN.get(self._uri.scheme, '')}")
        if is_refused(error):
            return self._failed(f"access refused ({what}); {_remedy(self._uri)}")
        return TransientError(f"the store answered {what}")

    def _copy(self, path: str) -> None:
        self._filesystem.invalidate_cache()
        found = find(self._filesystem, path)
        if not found:
            raise FileNotFoundError(path)
        if len(found) > MAX_FILES:
            raise self._failed(f"there are more than {MAX_FILES} objects; name the folder of one model, or an archive")
        root = self._filesystem._strip_protocol(path)  # noqa: SLF001 - fsspec's own name for it, part of its interface to callers
        targets = {name: self._target(PurePosixPath(name).relative_to(root)) for name in found}
        versions = {name: version_of(info) for name, info in found.items()}
        if self._versions and versions != self._versions:
            remove(self._to)
        self._versions = versions
        total = sum(info["size"] or 0 for info in found.values())
        self._begin(total, sum(_size(target) for target in targets.values()))
        for name, target in targets.items():
            self._copy_one(name, target)
        self._finish()

    def _copy_one(self, name: str, target: Path) -> None:
        had, wanted = _size(target), self._versions[name][0]
        if had and had == wanted:
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        with self._filesystem.open(name, "rb") as source, target.open("ab") as file:
            source.seek(had)
            self._receive(source, file)

    def _target(self, relative: PurePosixPath) -> Path:
        if ".." in relative.parts:
            raise self._failed(f"the object's name '{relative}' points outside the folder")
        return self._to / relative


def path_of(uri: ModelUri) -> str:
    """Where an object store's filesystem finds what is at a URI."""
    parts = urlsplit(uri.text)
    return f"{parts.netloc.rpartition('@')[2]}{unquote(parts.path)}".rstrip("/")


def find(filesystem: Any, path: str) -> dict[str, dict[str, Any]]:  # noqa: ANN401 - fsspec has no types
    """The object at a path, or those below it, and what the store says of each."""
    found = filesystem.find(path, detail=True)
    if isinstance(found, list):  # adlfs, of a single object
        return {name: filesystem.info(name) for name in found}
    return dict(found)


def version_of(info: Mapping[str, Any]) -> tuple[Any, ...]:
    """What changes with an object, of what its store says of it; the size first."""
    return tuple(info.get(key) for key in _VERSION)


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def is_refused(error: Exception) -> bool:
    """Whether a store's client raised for want of the right credentials."""
    if isinstance(error, PermissionError) or type(error).__name__ in _NO_CREDENTIALS:
        return True
    response = getattr(error, "response", None)
    status = getattr(error, "status_code", None) or getattr(error, "code", None) or getattr(response, "status_code", 0)
    return status in _REFUSED_STATUS or str(error).startswith("Forbidden")  # all that gcsfs keeps of a 403


def open_filesystem(uri: ModelUri) -> Any:  # noqa: ANN401 - fsspec has no types
    """The filesystem of a URI's store, which reads credentials from the environment.

    Raises:
        FetchError: The image has none for this store, or the environment makes no sense to it.
    """
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)
    try:
        return importlib.import_module("fsspec").filesystem(uri.scheme)
    except ImportError as error:
        raise FetchError(
            Reason.UNSUPPORTED_URI, f"{uri.shown}: this image cannot read {uri.scheme}:// ({error})"
        ) from None
    except ValueError as error:
        raise FetchError(Reason.DOWNLOAD_FAILED, f"{uri.shown}: {error}; {_remedy(uri)}") from None


def _remedy(uri: ModelUri) -> str:
    return f"name a Secret with {variables(uri)} in model.credentials"


def variables(uri: ModelUri) -> str:
    """The variables that a store's client reads credentials from, for messages."""
    return _CREDENTIALS[uri.scheme]

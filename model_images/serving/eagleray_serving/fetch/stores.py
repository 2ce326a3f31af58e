"""Downloads from object stores."""

import importlib
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from eagleray_serving.fetch.errors import FetchError, Reason, TransientError
from eagleray_serving.fetch.files import remove
from eagleray_serving.fetch.progress import Progress, check_size
from eagleray_serving.fetch.uri import ModelUri

_CHUNK = 2**20
_NO_CREDENTIALS = frozenset({"NoCredentialsError", "PartialCredentialsError", "TokenRetrievalError"})
# What stores say of an object that changes with it, as fsspec's filesystems name it.
_VERSION = ("size", "ETag", "LastModified", "created")


class StoreDownload:
    """One object, or everything under a prefix into a folder, in as many tries as it takes.

    A later try goes on where the one before broke off, as long as the store lists the same objects.

    Args:
        uri: Of an object store.
        to: The file or folder to make.
        max_bytes: The most that all objects may have together.
        filesystem: An fsspec filesystem; by default that of the URI's scheme, which reads credentials from the
            environment.
    """

    def __init__(self, uri: ModelUri, to: Path, max_bytes: int, filesystem: Any = None) -> None:  # noqa: ANN401 - fsspec has no types
        self._uri = uri
        self._to = to
        self._max_bytes = max_bytes
        self._filesystem = filesystem
        self._versions: dict[str, tuple[Any, ...]] = {}
        self.done = 0

    def attempt(self) -> None:
        """Download what is missing.

        Raises:
            FetchError: DownloadFailed or UnsupportedUri.
            TransientError: Another try makes sense.
        """
        self._filesystem = self._filesystem or _filesystem(self._uri)
        parts = urlsplit(self._uri.text)
        path = f"{parts.netloc.rpartition('@')[2]}{unquote(parts.path)}".rstrip("/")
        try:
            self._copy(path)
        except FileNotFoundError:
            raise self._failed("there is no such object; check spec.model.uri") from None
        except PermissionError as error:
            raise self._failed(f"access refused ({error}); check the credentials") from None
        except OSError as error:
            if error.errno is not None and error.filename is not None:  # the local disk
                raise
            raise TransientError(f"the store answered {type(error).__name__}: {error}") from None
        except (FetchError, TransientError):
            raise
        except Exception as error:  # noqa: BLE001 - each store has exceptions of its own
            if type(error).__name__ in _NO_CREDENTIALS:
                keys = "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
                raise self._failed(f"no credentials; name a Secret with {keys} in model.credentials") from None
            raise TransientError(f"{type(error).__name__}: {error}") from None

    def _copy(self, path: str) -> None:
        self._filesystem.invalidate_cache()
        found = self._filesystem.find(path, detail=True)
        if not found:
            raise FileNotFoundError(path)
        total = sum(info["size"] or 0 for info in found.values())
        check_size(self._uri.shown, total, self._max_bytes)
        root = self._filesystem._strip_protocol(path)  # noqa: SLF001 - fsspec's own name for it, part of its interface to callers
        targets = {name: self._target(PurePosixPath(name).relative_to(root)) for name in found}
        versions = {name: tuple(info.get(key) for key in _VERSION) for name, info in found.items()}
        if versions != self._versions:
            remove(self._to)
        self._versions = versions
        self.done = sum(_size(target) for target in targets.values())
        progress = Progress("downloaded", total, done=self.done)
        for name, target in targets.items():
            self._copy_one(name, target, progress)
        progress.finish()

    def _copy_one(self, name: str, target: Path, progress: Progress) -> None:
        had, wanted = _size(target), self._versions[name][0]
        if had and had == wanted:
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        with self._filesystem.open(name, "rb") as source, target.open("ab") as file:
            source.seek(had)
            while chunk := source.read(_CHUNK):
                file.write(chunk)
                self.done += len(chunk)
                check_size(self._uri.shown, self.done, self._max_bytes)
                progress.add(len(chunk))

    def _target(self, relative: PurePosixPath) -> Path:
        if ".." in relative.parts:
            raise self._failed(f"the object's name '{relative}' points outside the folder")
        return self._to / relative

    def _failed(self, message: str) -> FetchError:
        return FetchError(Reason.DOWNLOAD_FAILED, f"{self._uri.shown}: {message}")


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _filesystem(uri: ModelUri) -> Any:  # noqa: ANN401 - fsspec has no types
    try:
        return importlib.import_module("fsspec").filesystem(uri.scheme)
    except ImportError as error:
        raise FetchError(
            Reason.UNSUPPORTED_URI, f"{uri.shown}: this image cannot read {uri.scheme}:// ({error})"
        ) from None

"""What downloads have in common, wherever they come from."""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import IO, Protocol

from eagleray_serving.fetch.errors import FetchError, Reason
from eagleray_serving.fetch.files import bytes_in
from eagleray_serving.fetch.progress import Progress, size
from eagleray_serving.fetch.told import Downloads
from eagleray_serving.fetch.uri import ModelUri

# Small enough that also a slow link brings several in a minute.
_CHUNK = 2**18


class Source(Protocol):
    """What bytes are read from."""

    def read(self, count: int, /) -> bytes:
        """At most so many of the next bytes; none at the end."""


class Download(ABC):
    """A model that is brought in as many tries as it takes.

    Args:
        uri: Where it is.
        to: The file or folder to make; what is there is gone on with, and a checksum of the whole must prove it.
        max_bytes: The most that it may have.
        downloads: Where it is noted how far it is.
    """

    def __init__(self, uri: ModelUri, to: Path, max_bytes: int, downloads: Downloads | None = None) -> None:
        self._uri = uri
        self._to = to
        self._max_bytes = max_bytes
        self._progress = Progress("downloaded", None, done=bytes_in(to))
        self._total: int | None = None
        self.received = 0
        """Bytes that all tries have brought."""
        self._downloads = downloads or Downloads()

    @property
    def done(self) -> int:
        """Bytes that are there."""
        return self._progress.done

    @abstractmethod
    def attempt(self) -> None:
        """Bring what is missing.

        Raises:
            FetchError: Trying again will not help, or the model is too large.
            TransientError: Another try makes sense.
        """

    def _begin(self, total: int | None, done: int) -> None:
        """Begin a try that goes on after so many bytes."""
        self._check_size(total or 0)
        self._total = total
        self._progress = Progress("downloaded", total, done=done)
        self._downloads.note(self, done, total)

    def _receive(self, source: Source, file: IO[bytes]) -> None:
        while chunk := source.read(_CHUNK):
            file.write(chunk)
            self._check_size(self.done + len(chunk))
            self.received += len(chunk)
            self._progress.add(len(chunk))
            self._downloads.note(self, self.done, self._total)

    def _finish(self) -> None:
        """Note that all of it is there."""
        self._progress.finish()
        self._downloads.end(self)

    def _check_size(self, count: int) -> None:
        if count > self._max_bytes:
            most = size(self._max_bytes)
            raise self._failed(f"the model has more than {most}; the operator's models.maxSize allows no more")

    def _failed(self, message: str) -> FetchError:
        return FetchError(Reason.DOWNLOAD_FAILED, f"{self._uri.shown}: {message}")

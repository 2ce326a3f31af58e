"""What downloads have in common, wherever they come from."""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import IO, Protocol

from eagleray_serving.fetch.errors import FetchError, Reason
from eagleray_serving.fetch.progress import Progress, size
from eagleray_serving.fetch.uri import ModelUri

_CHUNK = 2**20


class Source(Protocol):
    """What bytes are read from."""

    def read(self, count: int, /) -> bytes:
        """At most so many of the next bytes; none at the end."""


class Download(ABC):
    """A model that is brought in as many tries as it takes.

    Args:
        uri: Where it is.
        to: The file or folder to make.
        max_bytes: The most that it may have.
    """

    def __init__(self, uri: ModelUri, to: Path, max_bytes: int) -> None:
        self._uri = uri
        self._to = to
        self._max_bytes = max_bytes
        self._progress = Progress("downloaded", None)

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
        self._progress = Progress("downloaded", total, done=done)

    def _receive(self, source: Source, file: IO[bytes]) -> None:
        while chunk := source.read(_CHUNK):
            file.write(chunk)
            self._check_size(self.done + len(chunk))
            self._progress.add(len(chunk))

    def _check_size(self, count: int) -> None:
        if count > self._max_bytes:
            most = size(self._max_bytes)
            raise self._failed(f"the model has more than {most}; the operator's models.maxSize allows no more")

    def _failed(self, message: str) -> FetchError:
        return FetchError(Reason.DOWNLOAD_FAILED, f"{self._uri.shown}: {message}")

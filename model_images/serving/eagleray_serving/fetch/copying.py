"""Copies into the Pod's own volume, hashed as they are made: what is loaded is what was hashed.

Whoever else may write where a model lies may do so meanwhile, and afterwards: docs/adr/0036-a-checksum-is-of-a-copy.md.
"""

import errno
import fcntl
import hashlib
import os
import posixpath
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NoReturn

from eagleray_serving.fetch import checksum
from eagleray_serving.fetch.archive import MAX_FILES
from eagleray_serving.fetch.errors import FetchError, Reason
from eagleray_serving.fetch.files import remove
from eagleray_serving.fetch.progress import Progress, say, size
from eagleray_serving.fetch.told import Downloads

_CHUNK: Final = 2**20
# linux/fs.h: the new file shares the blocks of the old one until one of them is written.
_FICLONE: Final = 0x40049409
# Without O_NONBLOCK the open of a named pipe waits for somebody who writes.
_READ: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC

_ODD: Final = {
    errno.ELOOP: "a link; name and copy what it leads to (cp -rL)",
    errno.ENXIO: "no plain file; copy plain files only",
}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a model lies that somebody else may write.

    Args:
        root: A folder that is ours: the mount of a claim or of a cache, or the root of the image.
        path: Of the model, below it.
        shown: How messages call it.
    """

    root: Path
    path: Path
    shown: str


class Copy:
    """A copy of a file or folder, as it was read once. No link is followed, and none is in it.

    Args:
        place: What is copied.
        to: The file or folder to make.
        max_bytes: The most that it may have.
        downloads: Where it is noted how far it is.
    """

    def __init__(self, place: Place, to: Path, max_bytes: int, downloads: Downloads) -> None:
        self._place = place
        self._to = to
        self._max_bytes = max_bytes
        self._downloads = downloads
        self._progress = Progress("copied", None)
        self._total = 0

    def checked(self, sha256: str) -> None:
        """Make it anew, and compare it with a checksum.

        Raises:
            FetchError: It has another checksum, is larger than it may be, or holds what is no plain file.
        """
        remove(self._to)
        with self._opened() as source:
            found = self._of_file(source) if _kind(source) == stat.S_IFREG else self._of_folder(source)
        self._progress.finish()
        self._downloads.end(self)
        checksum.compare(found, sha256, self._place.shown)
        say("the sha256 is right")

    def _of_file(self, source: int) -> str:
        self._begin(os.fstat(source).st_size)
        return self._copy(source, self._to)

    def _of_folder(self, source: int) -> str:
        self._begin(sum(os.fstat(file).st_size for _, file in self._files(source)))
        self._to.mkdir()
        checksums = {}
        for path, file in self._files(source):
            target = self._to / path
            target.parent.mkdir(parents=True, exist_ok=True)
            checksums[path] = self._copy(file, target)
        return checksum.of_files(checksums)

    def _begin(self, total: int) -> None:
        self._check_size(total)
        self._total = total
        self._progress = Progress("copied", total)
        self._downloads.note(self, 0, total)

    @contextmanager
    def _opened(self) -> Iterator[int]:
        """The file or folder, by a way that leads through folders alone."""
        with ExitStack() as stack:
            at = os.open(self._place.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            stack.callback(os.close, at)
            for part in self._place.path.relative_to(self._place.root).parts:
                at = stack.enter_context(self._entry(part, at, part))
            yield at

    @contextmanager
    def _entry(self, name: str, folder: int, path: str) -> Iterator[int]:
        """An entry of a folder, open.

        Raises:
            FetchError: It is neither a file nor a folder.
        """
        try:
            entry = os.open(name, _READ, dir_fd=folder)
        except OSError as error:
            if error.errno in _ODD:
                raise self._refused(f"'{path}' is {_ODD[error.errno]}") from None
            raise
        try:
            if _kind(entry) not in {stat.S_IFREG, stat.S_IFDIR}:
                raise self._refused(f"'{path}' is {_ODD[errno.ENXIO]}")
            yield entry
        finally:
            os.close(entry)

    def _files(self, folder: int) -> Iterator[tuple[str, int]]:
        """The files in a folder by their path there, each open."""
        count = 0
        for below, folders, files, inside in os.fwalk(".", dir_fd=folder, onerror=_fail):
            for name in [*folders, *files]:
                path = posixpath.normpath(f"{below}/{name}")
                count += 1
                if count > MAX_FILES:
                    raise self._refused(f"it holds more than {MAX_FILES} files and folders")
                with self._entry(name, inside, path) as entry:
                    if _kind(entry) == stat.S_IFREG:
                        yield path, entry

    def _copy(self, source: int, to: Path) -> str:
        """Copy a file that is open, and give the checksum of what is written."""
        digest = hashlib.sha256()
        with to.open("xb+", buffering=0) as target:
            shares = _shares_blocks(source, target.fileno())
            read_from = target.fileno() if shares else source
            while chunk := os.read(read_from, _CHUNK):
                self._check_size(self._progress.done + len(chunk))
                digest.update(chunk)
                if not shares:
                    _write(target.fileno(), chunk)
                self._progress.add(len(chunk))
                self._downloads.note(self, self._progress.done, self._total)
        return digest.hexdigest()

    def _check_size(self, count: int) -> None:
        if count > self._max_bytes:
            most = size(self._max_bytes)
            raise self._refused(f"the model has more than {most}; the operator's models.maxSize allows no more")

    def _refused(self, message: str) -> FetchError:
        return FetchError(Reason.DOWNLOAD_FAILED, f"{self._place.shown}: {message}")


def _kind(entry: int) -> int:
    return stat.S_IFMT(os.fstat(entry).st_mode)


def _fail(error: OSError) -> NoReturn:
    raise error


def _shares_blocks(source: int, target: int) -> bool:
    """Whether the filesystem has made the target a copy that takes no time and no room."""
    try:
        fcntl.ioctl(target, _FICLONE, source)
    except OSError:
        return False
    return True


def _write(file: int, chunk: bytes) -> None:
    rest = memoryview(chunk)
    while rest:
        rest = rest[os.write(file, rest) :]

"""Unpacks archives that nobody has to trust: no path outside, no link, no device, no endless size."""

import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from lzma import LZMAError
from pathlib import Path, PurePosixPath
from typing import IO

from eagleray_serving.fetch.errors import FetchError, Reason
from eagleray_serving.fetch.progress import Progress, size

TAR_SUFFIXES = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
SUFFIXES = (*TAR_SUFFIXES, ".zip")
MAX_FILES = 100_000
MAX_DEPTH = 64

_Member = tuple[str, int, Callable[[], IO[bytes]] | None]


def is_archive(name: str) -> bool:
    """Whether a file is to be unpacked. Only the name decides: .pt files, for one, are zip files inside."""
    return name.lower().endswith(SUFFIXES)


def unpack(archive: Path, name: str, to: Path, *, max_bytes: int, below: str = "") -> int:
    """Unpack an archive.

    Args:
        archive: The file.
        name: The name that says what kind of archive it is.
        to: A new folder.
        max_bytes: The most that all files together may take.
        below: The only folder of the archive that is wanted, as the root of what is made; whatever is elsewhere does
            not matter.

    Returns:
        How many bytes the files take.

    Raises:
        FetchError: ArchiveRefused, naming the member.
    """
    to.mkdir()
    try:
        if name.lower().endswith(".zip"):
            with zipfile.ZipFile(archive) as opened:
                return _write(_zip_members(opened), to, max_bytes)
        else:
            with tarfile.open(archive) as opened_tar:
                return _write(_tar_members(opened_tar, below), to, max_bytes)
    except (
        tarfile.TarError,
        zipfile.BadZipFile,
        zlib.error,
        LZMAError,
        EOFError,
        NotImplementedError,
    ) as error:
        raise _refused(f"{name} cannot be unpacked: {error}") from None


def _write(members: Iterable[_Member], to: Path, max_bytes: int) -> int:
    progress = Progress("unpacked", None)
    for count, (name, length, open_member) in enumerate(members):
        if count >= MAX_FILES:
            raise _refused(f"the archive holds more than {MAX_FILES} files and folders")
        target = to / checked(name)
        if open_member is None:
            target.mkdir(parents=True, exist_ok=True)
            continue
        if progress.done + length > max_bytes:
            raise _refused(f"the archive unpacks to more than {size(max_bytes)}")
        target.parent.mkdir(parents=True, exist_ok=True)
        with open_member() as source, target.open("xb") as file:
            shutil.copyfileobj(source, file, 2**20)
        progress.add(length)
    progress.finish()
    return progress.done


def checked(name: str) -> PurePosixPath:
    """The path of a file inside a folder that somebody else names.

    Raises:
        FetchError: ArchiveRefused, when it points outside, or deeper than any model is.
    """
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name or "\0" in name:
        raise _refused(f"member '{name}' points outside the archive")
    if len(path.parts) > MAX_DEPTH:
        raise _refused(f"member '{name[:200]}…' is in more than {MAX_DEPTH} folders")
    return path


def _tar_members(archive: tarfile.TarFile, below: str) -> Iterator[_Member]:
    for member in archive:
        path = PurePosixPath(member.name)
        if below:
            if not path.is_relative_to(below):
                continue
            member.name = str(path.relative_to(below))
        if member.isdir():
            yield member.name, 0, None
        elif member.isreg():
            yield member.name, member.size, partial(_open_tar, archive, member)
        else:
            kind = "link" if member.issym() or member.islnk() else "special file"
            raise _refused(f"member '{member.name}' is a {kind}; pack plain files only (tar --dereference)")


def _zip_members(archive: zipfile.ZipFile) -> Iterator[_Member]:
    for member in archive.infolist():
        mode = member.external_attr >> 16
        if stat.S_IFMT(mode) not in {0, stat.S_IFREG, stat.S_IFDIR}:
            raise _refused(f"member '{member.filename}' is a link or special file; pack plain files only")
        if member.flag_bits & 0x1:
            raise _refused(f"member '{member.filename}' is encrypted")
        if member.is_dir():
            yield member.filename, 0, None
        else:
            yield member.filename, member.file_size, partial(archive.open, member)


def _open_tar(archive: tarfile.TarFile, member: tarfile.TarInfo) -> IO[bytes]:
    source = archive.extractfile(member)
    if source is None:
        raise _refused(f"member '{member.name}' is no file")
    return source


def _refused(message: str) -> FetchError:
    return FetchError(Reason.ARCHIVE_REFUSED, message)

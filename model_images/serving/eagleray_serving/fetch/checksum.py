r"""SHA-256 of a model.

Of a file it is ``sha256sum FILE``; of an archive that of the archive, before it is unpacked. Of a folder that holds
one file it is that file's. Of a larger folder it is that of the list of its files, which a shell makes so::

    cd FOLDER && find . -type f -printf '%P\n' | LC_ALL=C sort | xargs -d '\n' sha256sum | sha256sum
"""

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path

from eagleray_serving.fetch.errors import FetchError, Reason
from eagleray_serving.fetch.progress import Progress

_CHUNK = 2**20


def check_form(sha256: str) -> str:
    """The checksum in lower case.

    Raises:
        FetchError: ChecksumMismatch, when it is no SHA-256 at all.
    """
    if not re.fullmatch(r"[0-9a-fA-F]{64}", sha256):
        raise FetchError(Reason.CHECKSUM_MISMATCH, f"'{sha256}' is not a sha256; it has 64 hexadecimal digits")
    return sha256.lower()


def compare(found: str, expected: str, shown: str) -> None:
    """Compare a checksum with the one that is demanded.

    Raises:
        FetchError: ChecksumMismatch, with both values.
    """
    if found != check_form(expected):
        raise FetchError(
            Reason.CHECKSUM_MISMATCH,
            f"{shown} has sha256 {found}, but spec.model.sha256 is {expected.lower()}; "
            "the file was changed or damaged, or the spec names another one",
        )


def of(path: Path) -> str:
    """The checksum of a file or folder."""
    if path.is_file():
        return _of_file(path, Progress("hashed", path.stat().st_size))
    files = sorted(file for file in path.rglob("*") if file.is_file() and not file.is_symlink())
    progress = Progress("hashed", sum(file.stat().st_size for file in files))
    return of_files({file.relative_to(path).as_posix(): _of_file(file, progress) for file in files})


def of_files(checksums: Mapping[str, str]) -> str:
    """The checksum of a folder.

    Args:
        checksums: Those of its files, by their path in it.

    Raises:
        FetchError: ChecksumMismatch, when the names of files make no list.
    """
    if odd := next((name for name in checksums if "\n" in name), None):
        # In the list it would pass for the lines of other files.
        raise FetchError(Reason.CHECKSUM_MISMATCH, f"the name of file {odd!r} has a line break; give it another")
    if len(checksums) == 1:
        return next(iter(checksums.values()))
    lines = sorted((name.encode(errors="surrogateescape"), found) for name, found in checksums.items())
    return hashlib.sha256(b"".join(found.encode() + b"  " + name + b"\n" for name, found in lines)).hexdigest()


def _of_file(path: Path, progress: Progress) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
            progress.add(len(chunk))
    return digest.hexdigest()

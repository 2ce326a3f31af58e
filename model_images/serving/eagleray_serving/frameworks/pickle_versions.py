"""The version of scikit-learn that a pickle was written by, read without running what it holds."""

import bz2
import gzip
import io
import lzma
import pickletools
import zlib
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path
from typing import Any, BinaryIO

_KEY = b"_sklearn_version"
_CHUNK = 1 << 20
_TAIL = 128
"""Bytes after the key, within which its value is."""


def told_of_versions(path: Path, error: Exception) -> str:
    """What to say of a model that cannot be served: first that another version of scikit-learn wrote it, if one did.

    Args:
        path: The model's file, or its folder.
        error: Why it cannot.
    """
    written, file = _foreign(path)
    if not written:
        return str(error)
    here = _installed()
    return (
        f"{file.name} was written by scikit-learn {written}, and this image has {here}; build an image with "
        f"{written} from this one and name it in spec.image, or dump the model again with {here} ({error})"
    )


def foreign_version(path: Path) -> str | None:
    """The version of scikit-learn that wrote a model's file, or one of its folder, where this image has another."""
    return _foreign(path)[0]


def version_in(file: Path) -> str | None:
    """The version that the estimators of a pickle carry, which joblib may have compressed; None where there is none."""
    try:
        with file.open("rb") as raw:
            return _found(_pieces(raw))
    except (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError):  # damaged, or no such file: it tells no version
        return None


def _foreign(path: Path) -> tuple[str | None, Path]:
    here = _installed()
    files = sorted(each for each in path.rglob("*") if each.is_file()) if path.is_dir() else [path]
    for file in files if here else ():
        written = version_in(file)
        if written not in {None, here}:
            return written, file
    return None, path


def _installed() -> str | None:
    try:
        return metadata.version("scikit-learn")
    except metadata.PackageNotFoundError:
        return None


def _found(pieces: Iterator[bytes]) -> str | None:
    """The text that follows the key, in a stream that is read piece by piece: arrays lie between its opcodes."""
    held = b""
    for piece in pieces:
        held = held[-_TAIL - len(_KEY) :] + piece
        place = held.find(_KEY)
        if place >= 0:
            after = held[place + len(_KEY) :]
            return _text(after if len(after) >= _TAIL else after + next(pieces, b""))
    return None


def _text(opcodes: bytes) -> str | None:
    for _, argument, _ in pickletools.genops(io.BytesIO(opcodes.lstrip(b"\n"))):
        if isinstance(argument, str):
            return argument
    return None


def _pieces(raw: BinaryIO) -> Iterator[bytes]:
    start = raw.read(6)
    raw.seek(0)
    opened = next((opens(raw) for magic, opens in _OPENERS.items() if start.startswith(magic)), raw)
    while piece := opened.read(_CHUNK):
        yield piece


class _Inflating:
    """Reads what zlib compressed, which has no file of its own in the standard library."""

    def __init__(self, raw: BinaryIO) -> None:
        self._raw = raw
        self._inflate = zlib.decompressobj()

    def read(self, size: int) -> bytes:
        """The next bytes, at most so many; none at the end."""
        found = self._inflate.decompress(self._inflate.unconsumed_tail, size)
        while not found and (more := self._raw.read(_CHUNK)):
            found = self._inflate.decompress(more, size)
        return found


_OPENERS: dict[bytes, Callable[[BinaryIO], Any]] = {
    b"\x1f\x8b": lambda raw: gzip.GzipFile(fileobj=raw),
    b"BZ": bz2.BZ2File,
    b"\xfd7zXZ": lzma.LZMAFile,
    b"\x5d\x00": lzma.LZMAFile,
    b"\x78": _Inflating,
}

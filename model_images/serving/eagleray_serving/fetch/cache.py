"""Downloads that a volume keeps for the next Pod, by their checksum.

Pods may do this at the same time: each downloads under a name of its own, and whoever is first gives it the kept name.
"""

import time
import uuid
from collections.abc import Callable
from pathlib import Path

from eagleray_serving.fetch import checksum
from eagleray_serving.fetch.errors import FetchError
from eagleray_serving.fetch.files import remove
from eagleray_serving.fetch.progress import say

FOLDER = "eagleray-models"
"""Folder of the volume; nothing but downloads is in it."""

_PART = ".part-"
_ABANDONED_SECONDS = 24 * 3600.0


def kept(volume: Path, sha256: str, shown: str, download: Callable[[Path], None]) -> Path:
    """The file or folder with a checksum: as it was kept, or downloaded now and kept.

    Args:
        volume: Where the volume is mounted.
        sha256: The checksum, see ``checksum``.
        shown: The URI, for messages.
        download: Brings it to a path.

    Raises:
        FetchError: As `download`; or what it brought has another checksum, and is not kept.
    """
    folder = volume / FOLDER
    folder.mkdir(exist_ok=True)
    _forget_abandoned(folder)
    name = checksum.check_form(sha256)
    found = folder / name
    if found.exists() and _is_whole(found, name):
        say(f"{shown} is in the cache")
        return found
    part = folder / f"{_PART}{uuid.uuid4().hex}"
    try:
        download(part)
        checksum.check(part, name, shown)
        _keep(part, found)
    finally:
        remove(part)
    return found


def _is_whole(found: Path, sha256: str) -> bool:
    try:
        checksum.check(found, sha256, "what the cache has")
    except FetchError as error:
        say(f"{error.message}; it is downloaded again")
        remove(found)
        return False
    return True


def _keep(part: Path, found: Path) -> None:
    try:
        part.rename(found)
    except OSError:
        if not found.is_dir():  # two folders cannot take each other's place: another Pod's came first
            raise


def _forget_abandoned(folder: Path) -> None:
    """Remove what Pods left that were stopped while they downloaded."""
    for part in folder.glob(f"{_PART}*"):
        try:
            old = time.time() - part.stat().st_mtime > _ABANDONED_SECONDS
        except FileNotFoundError:  # just renamed by its own Pod
            continue
        if old:
            remove(part)

"""Downloads that a volume keeps for the next Pod, by their checksum.

Pods may do this at the same time: each downloads under a name of its own, and whoever is first gives it the kept name.
"""

import os
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


def bring(volume: Path, sha256: str, download: Callable[[Path], None], copy: Callable[[Path, str], None]) -> None:
    """Copy what has a checksum out of the cache: as it was kept, or downloaded now and kept.

    Other Pods write there too: what counts is the copy, which is compared with the checksum.

    Args:
        volume: Where the volume is mounted.
        sha256: The checksum, see ``checksum``.
        download: Brings it to a path.
        copy: Copies and compares what is at a path, which it is told how to call in messages.

    Raises:
        FetchError: As `download` and `copy`; what was downloaded has another checksum, and is not kept.
    """
    folder = volume / FOLDER
    folder.mkdir(exist_ok=True)
    _forget_abandoned(folder)
    found = folder / checksum.check_form(sha256)
    if os.path.lexists(found) and _is_copied(found, copy):
        return
    part = folder / f"{_PART}{uuid.uuid4().hex}"
    try:
        download(part)
        copy(part, "what was downloaded")
        _keep(part, found)
    finally:
        remove(part)


def _is_copied(found: Path, copy: Callable[[Path, str], None]) -> bool:
    try:
        copy(found, "what the cache has")
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

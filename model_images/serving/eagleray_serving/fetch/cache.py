"""Downloads that a volume keeps for the next Pod, by their checksum, and what it goes on with where one was broken off.

Pods may do this at the same time: each downloads under a name of its own, and whoever is first gives it the kept name.
A Pod that ends before leaves its part under a name by which one other takes it over: renaming is done by one alone.
"""

import hashlib
import os
import time
import uuid
from collections.abc import Callable
from pathlib import Path

from eagleray_serving.fetch import checksum
from eagleray_serving.fetch.errors import FetchError, GaveUpError
from eagleray_serving.fetch.files import bytes_in, remove
from eagleray_serving.fetch.progress import say, size

FOLDER = "eagleray-models"
"""Folder of the volume; nothing but downloads is in it."""

_DOWNLOADED = "what was downloaded"
_PART = ".part-"
_LEFT = ".left-"
_ABANDONED_SECONDS = 24 * 3600.0


def bring(
    volume: Path,
    sha256: str,
    place: str,
    download: Callable[[Path], None],
    copy: Callable[[Path, str], None],
) -> None:
    """Copy what has a checksum out of the cache: as it was kept, or downloaded now and kept.

    Other Pods write there too: what counts is the copy, which is compared with the checksum.

    Args:
        volume: Where the volume is mounted.
        sha256: The checksum, see ``checksum``.
        place: Where it comes from: only what came from there is gone on with.
        download: Brings it to a path, and goes on with what is there.
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
    left = f"{_LEFT}{hashlib.sha256(f'{found.name} {place}'.encode()).hexdigest()}-"
    try:
        went_on = _take_over(part, left)
        _bring(part, download, copy, went_on=went_on)
        _keep(part, found)
    except (GaveUpError, SystemExit):
        _leave(part, left)
        raise
    finally:
        remove(part)


def _bring(part: Path, download: Callable[[Path], None], copy: Callable[[Path, str], None], *, went_on: bool) -> None:
    """The checksum is what proves a part that another Pod began, whatever is at its place by now."""
    download(part)
    try:
        copy(part, _DOWNLOADED)
    except FetchError as error:
        if not went_on:
            raise
        say(f"{error.message}; it went on with what a Pod before had left, and is downloaded anew")
        remove(part)
        download(part)
        copy(part, _DOWNLOADED)


def _take_over(part: Path, left: str) -> bool:
    """Whether there is something to go on with, at `part` now: the most of what Pods have left by this name."""
    found = [each for each in part.parent.glob(f"{left}*") if not _has_links(each)]
    for each in sorted(found, key=bytes_in, reverse=True):
        try:
            each.rename(part)
        except FileNotFoundError:  # another Pod's now
            continue
        say(f"a Pod before has left {size(bytes_in(part))} of it; it goes on there")
        return True
    return False


def _has_links(path: Path) -> bool:
    """Whether writing there could write somewhere else: others may write on the volume, too."""
    return any(each.is_symlink() for each in (path, *path.rglob("*")))


def _leave(part: Path, left: str) -> None:
    if part.exists():
        part.rename(part.with_name(f"{left}{uuid.uuid4().hex}"))


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
    """Remove what Pods left that were stopped while they downloaded, and what nobody has gone on with."""
    for part in [*folder.glob(f"{_PART}*"), *folder.glob(f"{_LEFT}*")]:
        try:
            old = time.time() - part.stat().st_mtime > _ABANDONED_SECONDS
        except FileNotFoundError:  # just renamed by its own Pod
            continue
        if old:
            remove(part)

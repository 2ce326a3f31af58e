"""The folder of everything that is costly to make: `~/.cache/eagleray/<what>-<hash of its inputs>/`.

Checkouts share it: an entry is made under a lock and appears whole or not at all.
"""

import fcntl
import hashlib
import os
import secrets
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

REPO = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
KEEP = 2  # entries of one kind that survive: the one in use and the one before


def folder() -> Path:
    """The cache folder; EAGLERAY_CACHE names another."""
    path = Path(os.environ.get("EAGLERAY_CACHE") or Path.home() / ".cache" / "eagleray")
    path.mkdir(parents=True, exist_ok=True)
    return path


def logs() -> Path:
    """Where every command's output goes."""
    path = folder() / "logs"
    path.mkdir(exist_ok=True)
    return path


def identity() -> str:
    """A word that is new whenever the cache folder is: clusters mount parts of it, so they must not outlive it."""
    path = folder() / "id"
    with lock("id"):
        if not path.exists():
            path.write_text(secrets.token_hex(8))
        return path.read_text()


def files(*paths: Path) -> list[Path]:
    """The files at and below paths, sorted, without what Python leaves behind.

    Raises:
        FileNotFoundError: One of the paths does not exist.
    """
    found: set[Path] = set()
    for path in paths:
        if not path.exists():
            raise FileNotFoundError(path)
        found.update(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else found.add(path)
    return sorted(p for p in found if "__pycache__" not in p.parts and p.suffix != ".pyc")


def digest(*inputs: str | Path) -> str:
    """Twelve hex digits that change when an input does: a text, a file, or a folder with all that is in it."""
    sha = hashlib.sha256()
    for item in inputs:
        if isinstance(item, str):
            sha.update(f"text {len(item)}\0{item}".encode())
            continue
        for path in files(item):
            content = path.read_bytes()
            name = path.relative_to(item) if item.is_dir() else path.name
            mode = path.stat().st_mode & 0o100
            sha.update(f"file {name} {mode} {len(content)}\0".encode() + content)
    return sha.hexdigest()[:12]


@contextmanager
def lock(name: str) -> Iterator[None]:
    """Hold a lock that other processes of this user see; wait for it, and say so."""
    locks = folder() / "locks"
    locks.mkdir(exist_ok=True)
    with (locks / name).open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sys.stdout.write(f"        waiting: {name} is in the hands of another\n")
            sys.stdout.flush()
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def entry(kind: str, inputs: Iterable[str | Path], make: Callable[[Path], None]) -> Path:
    """The folder `<kind>-<hash of inputs>`, made first if it is not there.

    Args:
        kind: What it holds.
        inputs: Whatever its content depends on.
        make: Fills the empty folder that it is given. The folder is at its final place already (virtual environments
            and pid files remember where they are) and counts as made only when this returns.
    """
    path = folder() / f"{kind}-{digest(*inputs)}"
    complete = path / ".complete"
    with lock(kind):
        if not complete.exists():
            shutil.rmtree(path, ignore_errors=True)
            path.mkdir()
            make(path)
        complete.touch()
        _prune(kind)
    return path


def _prune(kind: str) -> None:
    entries = [p for p in folder().glob(f"{kind}-*") if len(p.name) == len(kind) + 13]
    entries.sort(key=lambda p: (p / ".complete").stat().st_mtime if (p / ".complete").exists() else 0.0)
    for old in entries[:-KEEP]:
        shutil.rmtree(old, ignore_errors=True)

"""What is mounted: read, and checked for what Envoy would refuse or anybody could guess."""

import os
import re
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MIN_KEY, MAX_KEY = 16, 1024
MAX_CLIENTS = 5_000
# What an HTTP header carries unchanged; a token is known by its dots.
_KEY = re.compile(rb"[!-~]+")
_TOKEN = re.compile(rb"eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*")
TOKEN_VARIABLE = "EAGLERAY_WARMUP_TOKEN"  # noqa: S105 -- the name of the variable
Folder = Mapping[str, bytes]
_SWAPPED = "..data"


@dataclass(frozen=True, slots=True)
class Found:
    """What one source has.

    Attributes:
        values: what stands in place of which word of a template; nothing where it cannot be used.
        problems: what is wrong with it.
    """

    values: Mapping[str, Any]
    problems: tuple[str, ...] = ()


def contents(folder: str) -> Folder:
    """The files of a mounted folder, all of one state of it.

    Raises:
        FileNotFoundError: it is being replaced.
    """
    swapped = Path(folder, _SWAPPED)
    place = swapped.resolve() if swapped.exists() else Path(folder)
    if not place.is_dir():
        return {}
    return {file.name: file.read_bytes() for file in sorted(place.iterdir()) if file.is_file()}


def read(name: str, source: Mapping[str, str]) -> Found:
    """Read a source as its order describes it.

    Args:
        name: the source's name, under which templates ask for it.
        source: `kind`, a word of `KINDS`; `what`, a word for people; `folder`, where it is mounted.

    Raises:
        FileNotFoundError: it is being replaced.
    """
    folder = contents(source["folder"]) if "folder" in source else {}
    return KINDS[source["kind"]](name, folder, source["what"])


def _token(name: str, _: Folder, what: str) -> Found:
    token = os.environ.get(TOKEN_VARIABLE, "")
    if not token:
        return Found({name: []}, (f"{what} is not in {TOKEN_VARIABLE}",))
    return Found({name: [{"key": token, "client": "operator"}]})


def _keys(name: str, folder: Folder, what: str) -> Found:
    """A client for each file; one whose key cannot be used is not let in, and no other is kept out for it."""
    if not folder:
        return Found({name: []}, (f"{what} is missing or empty: nobody is let in",))
    problems = []
    clients: dict[bytes, list[str]] = defaultdict(list)
    for client, text in folder.items():
        key = text.strip()
        if wrong := _wrong(key):
            problems.append(f"{what}: the key of {client} {wrong}")
        else:
            clients[key].append(client)
    problems += [f"{what}: {', '.join(same)} have the same key" for same in clients.values() if len(same) > 1]
    known = [(key, same[0]) for key, same in clients.items() if len(same) == 1]
    if len(known) > MAX_CLIENTS:
        problems.append(f"{what} has {len(known)} clients, and {MAX_CLIENTS} are known")
    if not known:
        problems.append(f"{what} has no key that can be used: nobody is let in")
    return Found({name: [{"key": k.decode(), "client": c} for k, c in known[:MAX_CLIENTS]]}, tuple(problems))


def _wrong(key: bytes) -> str:
    if not MIN_KEY <= len(key) <= MAX_KEY:
        return f"has {len(key)} characters; write {MIN_KEY} to {MAX_KEY}"
    if not _KEY.fullmatch(key):
        return "has characters that no header carries; write printable ASCII without blanks"
    if _TOKEN.fullmatch(key):
        return "looks like a token (JWT); write another one"
    return ""


KINDS: Mapping[str, Callable[[str, Folder, str], Found]] = {"token": _token, "keys": _keys}

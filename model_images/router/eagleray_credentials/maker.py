"""Envoy's files, made of what is mounted by the order of the operator."""

import json
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from eagleray_credentials.fetched import Fetched, urls_of
from eagleray_credentials.sources import KNOW_CLIENTS, Folder, Found, folder_of, judge

_log = logging.getLogger(__name__)
# What the operator is told at most.
MAX_PROBLEMS = 20
_NOTHING = '{"resources": []}'


class Maker:
    """Makes files, and makes them anew where what they are made of has changed.

    A file that cannot be made stays as it is: what Envoy runs is better than nothing. Envoy refuses a configuration
    that names a file which is not there, so that each is there from the first time on, if need be with nothing in it.

    Args:
        order: the operator's file: which sources there are, and the templates of the files.
        made: folder of the files.
    """

    def __init__(self, order: Path, made: Path) -> None:
        self._order = order
        self._made = made
        self._written: dict[str, str] = {}
        self._fetched = Fetched()
        self._urls: list[str] = []
        self._made_of: tuple[str, dict[str, Folder]] | None = None
        self.problems: tuple[str, ...] = ()
        self.closed = False
        """Whether nobody can be let in: no client can be known, or there never was a certificate."""

    async def fetch(self) -> None:
        """Fetch what is at a URL of the order and due."""
        await self._fetched.fetch(self._urls)

    def make(self) -> None:
        """Bring every file up to date; what is being replaced just now is read the next time."""
        try:
            text = self._order.read_text()
            order = json.loads(text)
            folders = {name: folder_of(source, self._fetched.folders) for name, source in order["sources"].items()}
        except FileNotFoundError:
            return
        if self._made_of != (text, folders):
            self._make(order, folders)
            self._made_of = text, folders

    def _make(self, order: Mapping[str, Any], folders: Mapping[str, Folder]) -> None:
        self._urls = urls_of(order["sources"])
        found = {name: judge(name, source, folders[name]) for name, source in order["sources"].items()}
        self._tell([problem for source in found.values() for problem in source.problems])
        values = _values(found)
        for name, template in sorted(order["files"].items()):
            text = _text(template, values)
            if text is not None or not (self._made / name).exists():
                self._write(name, text or _NOTHING)
        know = [found[name].knows for name, source in order["sources"].items() if source["kind"] in KNOW_CLIENTS]
        never = any((self._made / name).read_text() == _NOTHING for name in order["files"])
        self.closed = never or (bool(know) and not any(know))

    def _tell(self, problems: list[str]) -> None:
        told = tuple(problems[:MAX_PROBLEMS])
        if told != self.problems:
            _log.warning("Mounted credentials: %s", "; ".join(told) or "all is well")
        self.problems = told

    def _write(self, name: str, text: str) -> None:
        """Replace a file by a move, which is what Envoy watches for."""
        if self._written.get(name) == text:
            return
        new = self._made / f".{name}"
        new.unlink(missing_ok=True)
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
        new.replace(self._made / name)
        self._written[name] = text


def _values(found: Mapping[str, Found]) -> dict[str, Any]:
    return {f"${word}": value for source in found.values() for word, value in source.values.items()}


def _text(template: object, values: Mapping[str, Any]) -> str | None:
    """The template with its words replaced; None where one of them stands for nothing."""
    try:
        return json.dumps(_filled(template, values))
    except KeyError:
        return None


def _filled(template: Any, values: Mapping[str, Any]) -> Any:  # noqa: ANN401 -- JSON
    if isinstance(template, dict):
        return {key: _filled(value, values) for key, value in template.items()}
    if isinstance(template, list):
        return [_filled(value, values) for value in template]
    return values[template] if isinstance(template, str) and template.startswith("$") else template

"""Runs the command of the init container, and serves what it fetches."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from eagleray_serving.fetch import __main__ as command
from fakes.http_server import HttpServer, QuietHandler

if TYPE_CHECKING:
    from collections.abc import Callable

CONTENT = b"the model" * 1000
SHA = hashlib.sha256(CONTENT).hexdigest()


@dataclass
class File:
    """A file that a web server has.

    Attributes:
        content: its bytes.
        headers: what is said of it.
        breaks: how many connections break before it is whole, each 1,000 bytes on.
        length_known: whether its length is said.
        then: what is in its place after the first connection.
    """

    content: bytes
    headers: dict[str, str]
    breaks: int = 0
    length_known: bool = True
    then: "File | None" = None


class Site(HttpServer):
    """A web server that answers what the test says, and remembers what it was asked.

    Attributes:
        answers: status and body by path, each of several once, the last one from then on.
        asked: path and credentials of each request for those.
        files: files by path.
        ranges: the range of each request for those.
        redirects: where else it is, by path.
        content: makes what is at `/asked` when it is asked for.
    """

    def __init__(self) -> None:
        self.answers: dict[str, list[tuple[int, bytes]]] = {}
        self.asked: list[tuple[str, str | None]] = []
        self.files: dict[str, File] = {}
        self.ranges: list[str | None] = []
        self.redirects: dict[str, str] = {}
        self.content: Callable[[], bytes] = bytes
        super().__init__(_Handler, site=self)


class _Handler(QuietHandler):
    site: Site

    def respond(self) -> None:
        if file := self.site.files.get(self.path):
            self._file(file)
            return
        if self.path == "/asked":
            body = self.site.content()
            self.answer(200, body, {"Content-Length": str(len(body))})
            return
        if elsewhere := self.site.redirects.get(self.path):
            self.answer(302, b"", {"Location": elsewhere, "Content-Length": "0"})
            return
        self.site.asked.append((self.path, self.headers.get("Authorization")))
        answers = self.site.answers.get(self.path.partition("?")[0], [(404, b"")])
        status, body = answers.pop(0) if len(answers) > 1 else answers[0]
        self.answer(status, body, {"Content-Length": str(len(body) + (10 if status == 299 else 0))})

    def _file(self, file: File) -> None:
        asked = self.headers.get("Range")
        self.site.ranges.append(asked)
        same = asked and self.headers.get("If-Range") in {None, *file.headers.values()}
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked and same else 0
        size = len(file.content)
        if asked and same and start >= size:
            self.answer(416, b"", {"Content-Length": "0"})
            return
        headers = dict(file.headers)
        if same:
            headers["Content-Range"] = f"bytes {start}-{size - 1}/{size}"
        if file.length_known:
            headers["Content-Length"] = str(size - start)
        body = file.content[start : start + 1000 if file.breaks else None]
        self.answer(206 if same else 200, body, headers)
        file.breaks = max(0, file.breaks - 1)
        if file.then:
            self.site.files[self.path] = file.then


class Run:
    """One run of the command."""

    def __init__(self, folder: Path) -> None:
        self.to = folder / "model"
        self.pvc = folder / "pvc"
        self.log = folder / "termination-log"
        for path in (self.to, self.pvc / "models"):
            path.mkdir(parents=True)

    def __call__(self, uri: str, *args: str) -> int:
        return command.main(
            [
                *("--uri", uri, "--to", str(self.to), "--pvc-root", str(self.pvc)),
                *("--termination-log", str(self.log), "--max-bytes", str(2**30)),
                *args,
            ]
        )

    @property
    def model(self) -> Path:
        return self.to / "model"

    @property
    def reason(self) -> str:
        return str(json.loads(self.log.read_text())["reason"])

    @property
    def message(self) -> str:
        return str(json.loads(self.log.read_text())["message"])

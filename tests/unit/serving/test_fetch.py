import hashlib
import io
import json
import subprocess
import tarfile
import threading
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from eagleray_serving.fetch import __main__ as command
from eagleray_serving.fetch import archive, checksum, retry
from eagleray_serving.fetch.errors import FetchError, Reason

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


class Site:
    """A web server that answers what the test says, and remembers what it was asked."""

    def __init__(self) -> None:
        self.answers: dict[str, list[tuple[int, bytes]]] = {}
        self.asked: list[tuple[str, str | None]] = []
        self.files: dict[str, File] = {}
        self.ranges: list[str | None] = []
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if file := site.files.get(self.path):
                    self.send_file(file)
                    return
                site.asked.append((self.path, self.headers.get("Authorization")))
                answers = site.answers.get(self.path.partition("?")[0], [(404, b"")])
                status, body = answers.pop(0) if len(answers) > 1 else answers[0]
                self.send_response(status)
                self.send_header("Content-Length", str(len(body) + (10 if status == 299 else 0)))
                self.end_headers()
                self.wfile.write(body)

            def send_file(self, file: File) -> None:
                asked = self.headers.get("Range")
                site.ranges.append(asked)
                same = asked and self.headers.get("If-Range") in file.headers.values()
                start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked and same else 0
                self.send_response(206 if same else 200)
                for name, value in file.headers.items():
                    self.send_header(name, value)
                if same:
                    self.send_header("Content-Range", f"bytes {start}-{len(file.content) - 1}/{len(file.content)}")
                if file.length_known:
                    self.send_header("Content-Length", str(len(file.content) - start))
                self.end_headers()
                self.wfile.write(file.content[start : start + 1000 if file.breaks else None])
                file.breaks = max(0, file.breaks - 1)
                if file.then:
                    site.files[self.path] = file.then

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(retry, "_FIRST_PAUSE", 0.0)
    opened = Site()
    yield opened
    opened.server.shutdown()
    opened.server.server_close()


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


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path)


def tar_of(*members: tuple[str, bytes], change: Callable[[tarfile.TarInfo], None] = lambda _info: None) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as opened:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            change(info)
            opened.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def test_a_claim_is_used_in_place(run: Run) -> None:
    folder = run.pvc / "models" / "churn" / "1"
    folder.mkdir(parents=True)
    (folder / "model.joblib").write_bytes(CONTENT)
    assert run("pvc://models/churn/1", "--sha256", SHA) == 0
    assert run.model.is_symlink()
    assert (run.model / "model.joblib").read_bytes() == CONTENT
    assert run("pvc://models/churn/1/model.joblib", "--sha256", SHA.upper()) == 0
    assert (run.model / "model.joblib").is_symlink()
    assert (run.model / "model.joblib").read_bytes() == CONTENT


def test_what_is_not_in_a_claim_is_told_with_what_is(run: Run) -> None:
    (run.pvc / "models" / "churn").mkdir()
    assert run("pvc://models/churm/1") == 1
    assert run.reason == Reason.DOWNLOAD_FAILED
    assert "there is no 'churm'" in run.message
    assert "holds: churn" in run.message


def test_file(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a b").write_bytes(CONTENT)
    assert run(f"file://{tmp_path}/a%20b") == 0
    assert (run.model / "a b").read_bytes() == CONTENT


def test_http_with_credentials_and_progress(run: Run, site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    site.answers["/m.joblib"] = [(200, CONTENT)]
    assert run(f"http://me:secret@{site.address}/m.joblib?signature=hidden", "--sha256", SHA) == 0
    assert (run.model / "m.joblib").read_bytes() == CONTENT
    assert site.asked == [("/m.joblib?signature=hidden", "Basic bWU6c2VjcmV0")]
    out = capsys.readouterr().out
    assert "100 %" in out
    assert not any(word in out for word in ("secret", "hidden"))


@pytest.mark.parametrize(
    ("status", "words"),
    [(404, "no such file"), (403, "refuses access"), (401, "credentials"), (410, "gone"), (400, "400")],
)
def test_a_final_answer_is_not_asked_for_again(run: Run, site: Site, status: int, words: str) -> None:
    site.answers["/m"] = [(status, b"")]
    assert run(f"http://me:secret@{site.address}/m?signature=hidden") == 1
    assert len(site.asked) == 1
    assert run.reason == Reason.DOWNLOAD_FAILED
    assert words in run.message
    assert f"http://{site.address}/m" in run.message
    assert not any(word in run.message for word in ("secret", "hidden"))


@pytest.mark.parametrize("failure", [(503, b""), (429, b""), (299, b"cut short")])
def test_what_may_pass_is_tried_again(run: Run, site: Site, failure: tuple[int, bytes]) -> None:
    site.answers["/m"] = [failure, failure, (200, CONTENT)]
    assert run(f"http://{site.address}/m", "--sha256", SHA) == 0
    assert len(site.asked) == 3


@pytest.mark.parametrize("said", ["ETag", "Last-Modified"])
def test_a_broken_download_goes_on_where_it_broke_off(run: Run, site: Site, said: str) -> None:
    site.files["/m"] = File(CONTENT, {said: '"v1"'}, breaks=6)
    assert run(f"http://{site.address}/m", "--sha256", SHA) == 0
    assert site.ranges == [None, *(f"bytes={1000 * n}-" for n in range(1, 7))]


@pytest.mark.parametrize("headers", [{}, {"ETag": 'W/"v1"'}], ids=["nothing", "a weak ETag"])
def test_where_nothing_tells_that_a_file_is_the_same_it_is_brought_anew(
    run: Run, site: Site, headers: dict[str, str]
) -> None:
    site.files["/m"] = File(CONTENT, headers, breaks=2)
    assert run(f"http://{site.address}/m", "--sha256", SHA) == 0
    assert site.ranges == [None] * 3


def test_a_file_that_changed_meanwhile_is_brought_anew(run: Run, site: Site) -> None:
    new = CONTENT[::-1]
    site.files["/m"] = File(CONTENT, {"ETag": '"v1"'}, breaks=1, then=File(new, {"ETag": '"v2"'}))
    assert run(f"http://{site.address}/m", "--sha256", hashlib.sha256(new).hexdigest()) == 0
    assert site.ranges == [None, "bytes=1000-"]


@pytest.mark.parametrize("file", [File(CONTENT, {}), File(CONTENT, {}, length_known=False)], ids=["known", "unknown"])
def test_a_model_that_is_too_large_is_refused(run: Run, site: Site, file: File) -> None:
    site.files["/m"] = file
    assert run(f"http://{site.address}/m", "--max-bytes", "8999") == 1
    assert run.reason == Reason.DOWNLOAD_FAILED
    assert "more than 8.8 KiB" in run.message
    assert "models.maxSize" in run.message
    assert not run.model.exists()


def test_retries_end(run: Run, site: Site) -> None:
    site.answers["/m"] = [(503, b"")]
    assert run(f"http://{site.address}/m") == 1
    assert len(site.asked) == retry.ATTEMPTS
    assert "answered 503" in run.message
    assert "gave up after 5 attempts" in run.message


def test_nobody_there(run: Run, site: Site) -> None:
    site.server.server_close()
    assert run(f"http://{site.address}/m") == 1
    assert "no connection" in run.message


@pytest.mark.parametrize("wrong", ["0" * 64, "abc"])
def test_a_wrong_checksum(run: Run, site: Site, wrong: str) -> None:
    site.answers["/m"] = [(200, CONTENT)]
    assert run(f"http://{site.address}/m", "--sha256", wrong) == 1
    assert run.reason == Reason.CHECKSUM_MISMATCH
    assert wrong in run.message
    assert not run.model.exists()


def test_the_checksum_of_a_folder_is_what_the_shell_says(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    (folder / "sub").mkdir(parents=True)
    for name in ("b.txt", "a b.txt", "sub/c.txt", "Z"):
        (folder / name).write_text(name)
    shell = "find . -type f -printf '%P\\n' | LC_ALL=C sort | xargs -d '\\n' sha256sum | sha256sum"
    assert shell in str(checksum.__doc__)
    output = subprocess.run(shell, shell=True, cwd=folder, check=True, capture_output=True, text=True).stdout  # noqa: S602
    assert checksum.of(folder) == output.split()[0]


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        ("ftp://host/m", "pvc://, file://, http://, https://, s3://, gs://, az://, hf://"),
        ("model.joblib", "the scheme must be one of"),
        ("pvc:///x", "write pvc://<claim>/<path>"),
        ("s3:///x", "write s3://<bucket>/<key>"),
        ("gs:///x", "write gs://<bucket>/<object>"),
        ("az:///x", "write az://<container>/<blob>"),
        ("hf:///x", "write hf://<owner>/<repository>[@<revision>]/<path>"),
        ("https:///x", "write https://<host>/<path>"),
        ("file://x/y", "write file:///absolute/path"),
        ("pvc://models/../../etc", "must not contain '..'"),
        ("pvc://models/%2e%2e/etc", "must not contain '..'"),
        ("http://[bad", "not a URI"),
    ],
)
def test_an_unsupported_uri_says_what_to_write(run: Run, uri: str, words: str) -> None:
    assert run(uri) == 1
    assert run.reason == Reason.UNSUPPORTED_URI
    assert words in run.message


@pytest.mark.parametrize("suffix", [".tar.gz", ".zip"])
def test_an_archive_becomes_a_folder(run: Run, site: Site, suffix: str) -> None:
    content = tar_of(("churn/model.joblib", CONTENT), ("./notes", b""))
    if suffix == ".zip":
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as opened:
            opened.writestr("churn/model.joblib", CONTENT)
        content = buffer.getvalue()
    site.answers[f"/m{suffix}"] = [(200, content)]
    assert run(f"http://{site.address}/m{suffix}", "--sha256", hashlib.sha256(content).hexdigest()) == 0
    assert (run.model / "churn" / "model.joblib").read_bytes() == CONTENT
    assert list(run.to.iterdir()) == [run.model]


def as_link(kind: bytes) -> Callable[[tarfile.TarInfo], None]:
    def change(info: tarfile.TarInfo) -> None:
        info.type, info.linkname, info.size = kind, "/etc/passwd", 0

    return change


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (tar_of(("/etc/passwd", b"x")), "points outside"),
        (tar_of(("a/../../b", b"x")), "points outside"),
        (tar_of(("link", b""), change=as_link(tarfile.SYMTYPE)), "is a link"),
        (tar_of(("link", b""), change=as_link(tarfile.LNKTYPE)), "is a link"),
        (tar_of(("pipe", b""), change=as_link(tarfile.FIFOTYPE)), "special file"),
        (tar_of(("big", b"x" * 2000)), "unpacks to more than 1000 B"),
        (tar_of(("big", b"x" * 500))[:-30], "cannot be unpacked"),
        (b"no archive", "cannot be unpacked"),
    ],
    ids=["absolute", "above", "symbolic link", "hard link", "pipe", "large", "cut off", "no archive"],
)
def test_an_archive_that_is_refused(run: Run, content: bytes, words: str) -> None:
    (run.pvc / "models" / "m.tar.gz").write_bytes(content)
    assert run("pvc://models/m.tar.gz", "--max-bytes", "1000") == 1
    assert run.reason == Reason.ARCHIVE_REFUSED
    assert words in run.message
    assert not run.model.exists()


@pytest.mark.parametrize(("name", "mode"), [("../evil", 0o100644), ("/evil", 0o100644), ("link", 0o120777)])
def test_a_zip_that_is_refused(tmp_path: Path, name: str, mode: int) -> None:
    path = tmp_path / "m.zip"
    with zipfile.ZipFile(path, "w") as opened:
        info = zipfile.ZipInfo(name)
        info.external_attr = mode << 16
        opened.writestr(info, "/etc/passwd")
    with pytest.raises(FetchError) as caught:
        archive.unpack(path, "m.zip", tmp_path / "out", max_bytes=1000)
    assert caught.value.reason is Reason.ARCHIVE_REFUSED
    assert list((tmp_path / "out").iterdir()) == []


def test_a_disk_without_room_is_said(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_args: object, **_kwargs: object) -> None:
        raise OSError(28, "No space left on device", "/model/.part")

    monkeypatch.setattr(command, "with_retries", full)
    assert run("http://host/m") == 1
    assert "no space left for the model" in run.message

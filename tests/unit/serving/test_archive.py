"""Archives of models: unpacked, or refused for what they would do."""

import hashlib
import io
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from eagleray_serving.fetch import archive
from eagleray_serving.fetch.errors import FetchError, Reason
from unit.serving.fetch_rig import CONTENT, Run, Site


def tar_of(*members: tuple[str, bytes], change: Callable[[tarfile.TarInfo], None] = lambda _info: None) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as opened:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            change(info)
            opened.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


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


def as_folder(info: tarfile.TarInfo) -> None:
    info.type, info.size = tarfile.DIRTYPE, 0


@pytest.mark.parametrize("change", [as_folder, lambda _info: None], ids=["folders", "files"])
def test_what_an_archive_holds_is_counted_folders_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: Callable[[tarfile.TarInfo], None]
) -> None:
    monkeypatch.setattr(archive, "MAX_FILES", 3)
    packed = tmp_path / "m.tar.gz"
    for count, refused in ((3, False), (4, True)):
        packed.write_bytes(tar_of(*((f"m{n}", b"") for n in range(count)), change=change))
        if not refused:
            archive.unpack(packed, packed.name, tmp_path / "out", max_bytes=1000)
            continue
        with pytest.raises(FetchError, match="more than 3 files and folders"):
            archive.unpack(packed, packed.name, tmp_path / "more", max_bytes=1000)


@pytest.mark.parametrize("below", ["d/", "./"])
def test_folders_in_folders_have_a_bound(tmp_path: Path, below: str) -> None:
    packed = tmp_path / "m.tar.gz"
    packed.write_bytes(tar_of((below * archive.MAX_DEPTH + "m", b"x")))
    if below == "./":
        archive.unpack(packed, packed.name, tmp_path / "out", max_bytes=1000)
        return
    with pytest.raises(FetchError, match="in more than 64 folders"):
        archive.unpack(packed, packed.name, tmp_path / "out", max_bytes=1000)

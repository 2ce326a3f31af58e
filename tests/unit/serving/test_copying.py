"""With a checksum a model is a copy, which nobody else can change, and of which every byte was hashed."""

import errno
import fcntl
import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from eagleray_serving.fetch import checksum, copying
from eagleray_serving.fetch.copying import Copy, Place
from eagleray_serving.fetch.errors import FetchError, Reason
from eagleray_serving.fetch.told import Downloads
from unit.serving.fetch_rig import CONTENT, SHA, Run

Change = Callable[[Path], object]


@pytest.fixture
def folder(run: Run) -> Path:
    """A model of two files at pvc://models/churn."""
    found = run.pvc / "models" / "churn"
    (found / "sub").mkdir(parents=True)
    (found / "model.joblib").write_bytes(CONTENT)
    (found / "sub" / "data").write_bytes(b"data")
    return found


def files(model: Path) -> dict[str, bytes]:
    return {str(file.relative_to(model)): file.read_bytes() for file in model.rglob("*") if file.is_file()}


WHOLE = {"model.joblib": CONTENT, "sub/data": b"data"}


@pytest.mark.parametrize("uri", ["pvc://models/churn", "file://{}"])
def test_what_is_changed_later_is_not_what_is_loaded(run: Run, folder: Path, uri: str) -> None:
    assert run(uri.format(folder), "--sha256", checksum.of(folder)) == 0
    (folder / "model.joblib").write_bytes(b"changed")
    (folder / "more.joblib").write_bytes(b"more")
    assert files(run.model) == WHOLE
    assert not any(path.is_symlink() for path in [run.model, *run.model.rglob("*")])


@pytest.mark.parametrize("uri", ["pvc://models/churn/model.joblib", "file://{}/model.joblib"])
def test_a_lone_file_is_a_copy_too(run: Run, folder: Path, uri: str) -> None:
    assert run(uri.format(folder), "--sha256", SHA.upper()) == 0
    (folder / "model.joblib").write_bytes(b"changed")
    assert files(run.model) == {"model.joblib": CONTENT}
    assert run(uri.format(folder), "--sha256", SHA) == 1
    assert run.reason == Reason.CHECKSUM_MISMATCH
    assert not run.model.exists()


@pytest.mark.parametrize("changed", ["sub/data", "model.joblib"])
def test_what_is_changed_while_it_is_copied_is_never_loaded_as_something_else(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch, changed: str
) -> None:
    """Whatever is there when it is read is what the checksum is of."""
    right, read = checksum.of(folder), os.read

    def change_first(file: int, count: int) -> bytes:
        (folder / changed).write_bytes(b"changed")
        return read(file, count)

    monkeypatch.setattr(os, "read", change_first)
    assert run("pvc://models/churn", "--sha256", right) == 1
    assert run.reason == Reason.CHECKSUM_MISMATCH


def a_pipe(folder: Path) -> None:
    os.mkfifo(folder / "odd")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda folder: (folder / "odd").symlink_to("/etc/passwd"), "'odd' is a link"),
        (lambda folder: (folder / "odd").symlink_to(folder / "sub"), "'odd' is a link"),
        (lambda folder: (folder / "sub" / "odd").symlink_to("nowhere"), "'sub/odd' is a link"),
        (a_pipe, "'odd' is no plain file"),
    ],
    ids=["a file", "a folder", "nothing", "a pipe"],
)
def test_what_no_checksum_is_of_is_refused(run: Run, folder: Path, change: Change, said: str) -> None:
    right = checksum.of(folder)
    change(folder)
    assert run("pvc://models/churn", "--sha256", right) == 1
    assert run.reason == Reason.DOWNLOAD_FAILED
    assert said in run.message
    assert not run.model.exists()


@pytest.mark.parametrize("uri", ["pvc://models/link", "pvc://models/link/model.joblib", "file://{}/link/model.joblib"])
def test_no_link_on_the_way_is_followed(run: Run, folder: Path, uri: str) -> None:
    (folder.parent / "link").symlink_to(folder)
    assert run(uri.format(folder.parent), "--sha256", SHA) == 1
    assert "'link' is a link; name and copy what it leads to" in run.message


def test_names_that_make_another_list_are_refused(run: Run, folder: Path) -> None:
    """`x` and the odd name make the list that `x`, `y` and `z` make."""
    (folder / "sub" / "data").rename(folder / f"a\n{SHA}  b")
    assert run("pvc://models/churn", "--sha256", SHA) == 1
    assert "has a line break" in run.message


def test_a_copy_has_a_bound(run: Run, folder: Path) -> None:
    bound = len(CONTENT) + len(b"data")
    right = checksum.of(folder)
    assert run("pvc://models/churn", "--sha256", right, "--max-bytes", str(bound)) == 0
    assert run("pvc://models/churn", "--sha256", right, "--max-bytes", str(bound - 1)) == 1
    assert "more than 8.8 KiB; the operator's models.maxSize allows no more" in run.message


def test_what_grows_while_it_is_copied_has_the_same_bound(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = os.read

    def grow_first(file: int, count: int) -> bytes:
        with (folder / "model.joblib").open("ab") as model:
            model.write(CONTENT)
        return read(file, count)

    monkeypatch.setattr(os, "read", grow_first)
    assert run("pvc://models/churn/model.joblib", "--sha256", SHA, "--max-bytes", str(len(CONTENT))) == 1
    assert "allows no more" in run.message


def test_the_number_of_files_has_a_bound(run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copying, "MAX_FILES", 2)
    assert run("pvc://models/churn", "--sha256", checksum.of(folder)) == 1
    assert "holds more than 2 files and folders" in run.message


def test_a_full_disk_is_said(run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_file: int, _chunk: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "write", full)
    assert run("pvc://models/churn", "--sha256", checksum.of(folder)) == 1
    assert f"pvc://models/churn: no space left for the model on {run.to}" in run.message


def test_it_says_how_far_it_is(run: Run, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("pvc://models/churn", "--sha256", checksum.of(folder)) == 0
    assert "copied 8.8 KiB of 8.8 KiB (99 %)" in capsys.readouterr().out


def test_whoever_asks_is_told_how_far_it_is(folder: Path, tmp_path: Path) -> None:
    told = Downloads()
    bound = len(CONTENT)
    Copy(Place(folder, folder / "model.joblib", "x"), tmp_path / "copy", bound, told).checked(SHA)
    assert (told.told()["done"], told.told()["total"]) == (bound, bound)
    assert told.told()["still"] == 0


def test_where_the_filesystem_can_blocks_are_shared_and_what_is_shared_is_hashed(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = []

    def clone(target: int, request: int, source: int) -> int:
        assert request == 0x40049409
        shared.append(os.pwrite(target, os.pread(source, 10**6, 0), 0))
        return 0

    def never(_file: int, _chunk: object) -> int:
        raise AssertionError("nothing is left to write")

    monkeypatch.setattr(fcntl, "ioctl", clone)
    monkeypatch.setattr(os, "write", never)
    place = Place(folder, folder / "model.joblib", "x")
    Copy(place, tmp_path / "copy", 10**6, Downloads()).checked(SHA)
    assert shared == [len(CONTENT)]
    with pytest.raises(FetchError, match="x has sha256"):
        Copy(place, tmp_path / "copy", 10**6, Downloads()).checked(hashlib.sha256(b"").hexdigest())

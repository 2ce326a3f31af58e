"""Downloads that a volume keeps, by their checksum."""

import os
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from eagleray_serving.fetch import cache, checksum
from eagleray_serving.fetch.errors import FetchError, GaveUpError, Reason
from unit.serving.fetch_rig import CONTENT, SHA, Run, Site

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    folder = tmp_path / "volume"
    folder.mkdir()
    return folder


def nothing(_path: Path, _shown: str) -> None:
    """A copy that nobody wants."""


def kept_in(volume: Path) -> list[str]:
    return sorted(path.name for path in (volume / cache.FOLDER).iterdir())


def test_the_second_time_nobody_is_asked(run: Run, site: Site, volume: Path) -> None:
    site.answers["/m.joblib"] = [(200, CONTENT), (500, b"")]
    for _ in range(2):
        assert run(f"http://{site.address}/m.joblib", "--sha256", SHA, "--cache", str(volume)) == 0
        assert (run.model / "m.joblib").read_bytes() == CONTENT
        assert (run.model / "m.joblib").resolve() == run.model / "m.joblib", "a copy of the Pod's own"
    assert len(site.asked) == 1
    assert kept_in(volume) == [SHA]


def test_an_archive_is_unpacked_from_it(run: Run, site: Site, volume: Path, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "model.joblib").write_bytes(CONTENT)
    packed = Path(shutil.make_archive(str(tmp_path / "m"), "gztar", tmp_path / "in"))
    site.answers["/m.tar.gz"] = [(200, packed.read_bytes()), (500, b"")]
    for _ in range(2):
        assert run(f"http://{site.address}/m.tar.gz", "--sha256", checksum.of(packed), "--cache", str(volume)) == 0
        assert (run.model / "model.joblib").read_bytes() == CONTENT


def test_what_is_damaged_there_is_downloaded_again(run: Run, site: Site, volume: Path) -> None:
    site.answers["/m"] = [(200, CONTENT)]
    for _ in range(2):
        assert run(f"http://{site.address}/m", "--sha256", SHA, "--cache", str(volume)) == 0
        (volume / cache.FOLDER / SHA).write_bytes(CONTENT[:-1])
    assert run(f"http://{site.address}/m", "--sha256", SHA, "--cache", str(volume)) == 0
    assert (run.model / "m").read_bytes() == CONTENT
    assert len(site.asked) == 3


def test_what_has_another_checksum_is_not_kept(run: Run, site: Site, volume: Path) -> None:
    site.answers["/m"] = [(200, b"something else")]
    assert run(f"http://{site.address}/m", "--sha256", SHA, "--cache", str(volume)) == 1
    assert run.reason == Reason.CHECKSUM_MISMATCH
    assert kept_in(volume) == []


def test_without_a_checksum_there_is_nothing_to_keep_it_by(run: Run, site: Site, volume: Path) -> None:
    site.answers["/m"] = [(200, CONTENT)]
    assert run(f"http://{site.address}/m", "--cache", str(volume)) == 0
    assert not (volume / cache.FOLDER).exists()


@pytest.mark.parametrize("folder", [False, True])
def test_pods_that_start_together(volume: Path, *, folder: bool) -> None:
    """All have downloaded it before the first of them keeps it."""
    together = threading.Barrier(4)

    def download(to: Path) -> None:
        target = to / "model.bin" if folder else to
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(CONTENT)
        together.wait(timeout=20)

    with ThreadPoolExecutor(4) as pool:
        for task in [pool.submit(cache.bring, volume, SHA, "x", download, nothing) for _ in range(4)]:
            task.result()
    assert kept_in(volume) == [SHA]
    assert checksum.of(volume / cache.FOLDER / SHA) == SHA


def test_what_a_stopped_pod_left_goes_after_a_day(volume: Path) -> None:
    folder = volume / cache.FOLDER
    folder.mkdir()
    for name, age in ((".part-old", 25), (".left-old", 25), (".part-new", 23)):
        part = folder / name
        part.write_bytes(b"half")
        then = part.stat().st_mtime - age * 3600
        os.utime(part, (then, then))

    def fail(_to: Path) -> None:
        raise FetchError(Reason.DOWNLOAD_FAILED, "no")

    with pytest.raises(FetchError):
        cache.bring(volume, SHA, "x", fail, nothing)
    assert kept_in(volume) == [".part-new"]


def test_what_another_pod_changes_there_later_is_not_what_is_loaded(run: Run, site: Site, volume: Path) -> None:
    site.answers["/m"] = [(200, CONTENT), (500, b"")]
    for _ in range(2):
        assert run(f"http://{site.address}/m", "--sha256", SHA, "--cache", str(volume)) == 0
        with (volume / cache.FOLDER / SHA).open("r+b") as kept:
            kept.write(b"changed")
            assert (run.model / "m").read_bytes() == CONTENT
            kept.seek(0)
            kept.write(CONTENT)


@pytest.mark.parametrize("what", ["a link", "a pipe", "too much", "an empty folder"])
def test_what_is_odd_there_is_downloaded_again(run: Run, site: Site, volume: Path, what: str) -> None:
    site.answers["/m"] = [(200, CONTENT)]
    found = volume / cache.FOLDER / SHA
    found.parent.mkdir()
    (volume / "elsewhere").write_bytes(CONTENT)
    made: dict[str, Callable[[], object]] = {
        "a link": lambda: found.symlink_to(volume / "elsewhere"),
        "a pipe": lambda: os.mkfifo(found),
        "too much": lambda: found.write_bytes(CONTENT * 2),
        "an empty folder": found.mkdir,
    }
    made[what]()
    bound = str(len(CONTENT))
    assert run(f"http://{site.address}/m", "--sha256", SHA, "--cache", str(volume), "--max-bytes", bound) == 0
    assert (run.model / "m").read_bytes() == CONTENT
    assert (found.is_file(), found.is_symlink()) == (True, False)
    assert len(site.asked) == 1


HALF = len(CONTENT) // 2


def right(path: Path, shown: str) -> None:
    """Compare it; the Pod's own copy is no matter here."""
    checksum.compare(checksum.of(path), SHA, shown)


class Pod:
    """One that downloads: to the end, or until something ends it after half of all."""

    def __init__(self, ends: BaseException | None = None, content: bytes = CONTENT) -> None:
        self.ends, self.content = ends, content
        self.began_at: list[int] = []

    def __call__(self, to: Path) -> None:
        had = to.stat().st_size if to.exists() else 0
        self.began_at.append(had)
        with to.open("ab") as file:
            file.write(self.content[had : HALF if self.ends else None])
        if self.ends:
            raise self.ends


GAVE_UP = GaveUpError(Reason.DOWNLOAD_FAILED, "nothing came")


@pytest.mark.parametrize("ends", [GAVE_UP, SystemExit(143)], ids=["it gave up", "it was stopped"])
def test_the_next_pod_goes_on_where_the_one_before_ended(volume: Path, ends: BaseException) -> None:
    with pytest.raises(type(ends)):
        cache.bring(volume, SHA, "x", Pod(ends), right)
    following = Pod()
    cache.bring(volume, SHA, "x", following, right)
    assert (volume / cache.FOLDER / SHA).read_bytes() == CONTENT
    assert following.began_at == [HALF]
    assert kept_in(volume) == [SHA]


def test_one_of_several_goes_on_with_it(volume: Path) -> None:
    with pytest.raises(GaveUpError):
        cache.bring(volume, SHA, "x", Pod(GAVE_UP), right)
    pods, together = [Pod() for _ in range(4)], threading.Barrier(4)

    def start(pod: Pod) -> None:
        def download(to: Path) -> None:
            together.wait(timeout=20)
            pod(to)

        cache.bring(volume, SHA, "x", download, right)

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(start, pods)) == [None] * 4
    assert sorted(pod.began_at for pod in pods) == [[0], [0], [0], [HALF]]
    assert kept_in(volume) == [SHA]


def test_what_was_left_and_is_damaged_is_downloaded_anew(volume: Path) -> None:
    with pytest.raises(GaveUpError):
        cache.bring(volume, SHA, "x", Pod(GAVE_UP, content=b"?" * len(CONTENT)), right)
    following = Pod()
    cache.bring(volume, SHA, "x", following, right)
    assert (volume / cache.FOLDER / SHA).read_bytes() == CONTENT
    assert following.began_at == [HALF, 0]


@pytest.mark.parametrize(("sha256", "shown"), [(SHA, "y"), ("0" * 64, "x")], ids=["another place", "another content"])
def test_only_the_same_is_gone_on_with(volume: Path, sha256: str, shown: str) -> None:
    with pytest.raises(GaveUpError):
        cache.bring(volume, sha256, shown, Pod(GAVE_UP), right)
    following = Pod()
    cache.bring(volume, SHA, "x", following, right)
    assert following.began_at == [0]


def test_a_link_is_not_gone_on_with(volume: Path, tmp_path: Path) -> None:
    with pytest.raises(GaveUpError):
        cache.bring(volume, SHA, "x", Pod(GAVE_UP), right)
    (left,) = (volume / cache.FOLDER).iterdir()
    left.unlink()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_bytes(CONTENT[:HALF])
    left.symlink_to(elsewhere)
    cache.bring(volume, SHA, "x", Pod(), right)
    assert elsewhere.read_bytes() == CONTENT[:HALF]


@pytest.mark.parametrize("ends", [FetchError(Reason.DOWNLOAD_FAILED, "gone"), OSError(28, "no space left")])
def test_what_nobody_can_go_on_with_is_not_left(volume: Path, ends: Exception) -> None:
    with pytest.raises(type(ends)):
        cache.bring(volume, SHA, "x", Pod(ends), right)
    assert kept_in(volume) == []

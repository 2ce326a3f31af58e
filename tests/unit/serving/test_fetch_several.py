"""Several models, each fetched into a folder of its name."""

import hashlib
import json
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import pytest

from eagleray_serving.fetch import __main__ as command
from eagleray_serving.fetch import several
from eagleray_serving.fetch.errors import FetchError, Reason
from eagleray_serving.fetch.several import Wanted, fetch_all, parse_wanted
from unit.serving.fetch_rig import Run, Site


def told(name: str, uri: str, **more: str) -> str:
    return json.dumps({"name": name, "uri": uri, **more})


def run_several(run: Run, *models: str, more: Sequence[str] = ("--max-bytes", str(2**30))) -> int:
    return command.main(
        [
            *(word for model in models for word in ("--model", model)),
            *("--to", str(run.to), "--pvc-root", str(run.pvc), "--termination-log", str(run.log)),
            *more,
        ]
    )


def content(name: str) -> bytes:
    return name.encode() * 1000


def test_each_lands_under_its_name_wherever_it_comes_from(run: Run, site: Site) -> None:
    (run.pvc / "models" / "a").mkdir(parents=True)
    (run.pvc / "models" / "a" / "model.joblib").write_bytes(content("a"))
    site.answers |= {f"/{name}.joblib": [(200, content(name))] for name in "bc"}
    wanted = [
        told("a", "pvc://models/a"),
        *(told(n, f"http://{site.address}/{n}.joblib", sha256=hashlib.sha256(content(n)).hexdigest()) for n in "bc"),
    ]
    assert run_several(run, *wanted) == 0
    files = {name: run.to / name / "model" / f"{'model' if name == 'a' else name}.joblib" for name in "abc"}
    assert {name: file.read_bytes() for name, file in files.items()} == {name: content(name) for name in "abc"}
    assert run_several(run, *wanted) == 0, "an init container that is started again finds what it left"


def test_those_with_a_checksum_are_copies(run: Run) -> None:
    for name in "ab":
        (run.pvc / "models" / name).write_bytes(content(name))
    checked = told("a", "pvc://models/a", sha256=hashlib.sha256(content("a")).hexdigest())
    assert run_several(run, checked, told("b", "pvc://models/b")) == 0
    for name in "ab":
        (run.pvc / "models" / name).write_bytes(b"changed")
    found = [(run.to / name / "model" / name).read_bytes() for name in "ab"]
    assert found == [content("a"), b"changed"]


@pytest.mark.parametrize(
    ("model", "reason", "words"),
    [
        (told("b", "http://SITE/b", sha256="0" * 64), Reason.CHECKSUM_MISMATCH, "model 'b': http://SITE/b has sha256"),
        (told("b", "pvc://models/none"), Reason.DOWNLOAD_FAILED, "model 'b': pvc://models/none: there is no 'none'"),
        (told("b", "ftp://SITE/b"), Reason.UNSUPPORTED_URI, "model 'b': ftp://SITE/b: the scheme must be one of"),
        (told("../b", "http://SITE/b"), Reason.UNSUPPORTED_URI, "'../b' is no name of a model"),
    ],
)
def test_one_that_cannot_be_fetched_is_named(run: Run, site: Site, model: str, reason: Reason, words: str) -> None:
    site.answers |= {f"/{name}": [(200, content(name))] for name in "ab"}
    assert run_several(run, told("a", f"http://{site.address}/a"), model.replace("SITE", site.address)) == 1
    assert run.reason == reason
    assert words.replace("SITE", site.address) in run.message


def test_all_have_one_bound(run: Run, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(several, "AT_ONCE", 1)
    site.answers |= {f"/{name}": [(200, content(name))] for name in "abc"}
    models = [told(name, f"http://{site.address}/{name}") for name in "abc"]
    assert run_several(run, *models, more=("--max-bytes", "3000")) == 0
    assert run_several(run, *models, more=("--max-bytes", "2999")) == 1
    assert "model 'c': " in run.message
    assert "models.maxSize allows no more" in run.message


def test_one_and_several_are_not_asked_for_together(run: Run) -> None:
    with pytest.raises(SystemExit):
        run_several(run, told("a", "file:///a"), more=("--uri", "file:///a", "--max-bytes", "1"))


def test_some_are_fetched_side_by_side(tmp_path: Path) -> None:
    together = threading.Barrier(several.AT_ONCE, timeout=10)

    def wait(_wanted: Wanted, _folder: Path, _max_bytes: int) -> None:
        together.wait()

    models = [parse_wanted(told(f"m{number}", "file:///m")) for number in range(several.AT_ONCE)]
    fetch_all(models, tmp_path, 100, wait)
    assert sorted(path.name for path in tmp_path.iterdir()) == [wanted.name for wanted in models]


def test_none_is_begun_after_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, cancelled = [], Event()

    class Threads(ThreadPoolExecutor):
        def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: FBT001, FBT002 - its own
            super().shutdown(wait=False, cancel_futures=cancel_futures)
            cancelled.set()
            super().shutdown(wait=wait)

    def fetch(wanted: Wanted, _folder: Path, _max_bytes: int) -> None:
        begun.append(wanted.name)
        if wanted.name == "m0":
            raise FetchError(Reason.DOWNLOAD_FAILED, "gone")
        assert cancelled.wait(60)

    monkeypatch.setattr(several, "AT_ONCE", 1)
    monkeypatch.setattr(several, "ThreadPoolExecutor", Threads)
    models = [parse_wanted(told(f"m{number}", "file:///m")) for number in range(100)]
    with pytest.raises(FetchError, match="model 'm0': gone"):
        fetch_all(models, tmp_path, 100, fetch)
    assert begun in (["m0"], ["m0", "m1"])

"""A whole run: which parts are answered, what is taken up again, what is refused, and what is said meanwhile."""

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from eagleray_serving.batch import command, run
from eagleray_serving.batch.part import PartWorker, Work, file_rows
from eagleray_serving.batch.places import File
from eagleray_serving.batch.progress import Progress, Tally
from eagleray_serving.batch.run import Pool
from unit.serving.batch.rig import read_csv, write_csv

pytestmark = pytest.mark.usefixtures("customers")
Predict = Callable[..., int]


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Parts are answered in this process; their names, as they come."""
    names: list[str] = []

    def answered(work: Work, files: Sequence[File], _pool: Pool) -> Iterator[dict[str, Any]]:
        worker = PartWorker(work)
        for row in file_rows(files):
            names.append(row["name"])
            yield worker(row)

    monkeypatch.setattr(run, "_answered", answered)
    return names


@pytest.fixture
def predict(model: str, tmp_path: Path, here: list[str]) -> Predict:  # noqa: ARG001 - not in Ray
    def call(*words: str, revision: str = "churn-default-1", rows: str = "rows", answers: str = "answers") -> int:
        told = ["--model", model, "--revision", revision, "--pvc-root", str(tmp_path)]
        return command.main([*told, "--input", f"file://{tmp_path}/{rows}", "--output", f"pvc://{answers}/x", *words])

    return call


def test_each_file_has_an_answer_of_its_name(predict: Predict, customers: list[Path], tmp_path: Path) -> None:
    assert predict() == 0
    output = tmp_path / "answers/x"
    for file in customers:
        name = file.relative_to(tmp_path / "rows")
        assert len(read_csv(output / name)) == 10
    told = json.loads((output / "_SUCCESS").read_text())
    assert told == {"revision": "churn-default-1", "parts": 3, "rows": 30, "refused": 0}
    assert not list(output.rglob("*.part"))


def test_a_run_goes_on_where_one_before_was_lost(
    predict: Predict, tmp_path: Path, here: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = PartWorker.__call__

    def lost(self: PartWorker, row: dict[str, Any]) -> dict[str, Any]:
        if row["name"] == "c.csv":
            raise OSError("the node is gone")
        return whole(self, row)

    monkeypatch.setattr(PartWorker, "__call__", lost)
    assert predict() == 1
    assert not (tmp_path / "answers/x/_SUCCESS").exists()
    before = {file: file.stat().st_mtime_ns for file in (tmp_path / "answers/x").glob("a.csv")}
    monkeypatch.setattr(PartWorker, "__call__", whole)
    here.clear()
    assert predict() == 0
    assert "c.csv" in here
    assert "a.csv" not in here
    assert before == {file: file.stat().st_mtime_ns for file in before}
    assert json.loads((tmp_path / "answers/x/_SUCCESS").read_text())["rows"] == 30


def test_a_run_that_is_complete_is_not_done_again(predict: Predict, customers: list[Path], here: list[str]) -> None:
    assert [predict(), predict()] == [0, 0]
    assert len(here) == len(customers)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda predict, _: predict(revision="churn-default-2"), "the folder has answers of another run (revision"),
        (lambda predict, _: predict("--on-error", "skip"), "of another run (skip False); write to another folder"),
        (lambda predict, rows: (rows / "d.csv").write_text("x\n") and predict(), "of another run (files 3, listing"),
    ],
    ids=["revision", "options", "input"],
)
def test_an_output_of_another_run_is_left_alone(
    change: Any, words: str, predict: Predict, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert predict() == 0
    assert change(predict, tmp_path / "rows") == command.REFUSED
    assert words in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"rows": "nowhere"}, "there is no such file"),
        ({"rows": "rows/*.txt"}, "there is no such file, or no file in it; check --input"),
        ({"answers": "rows"}, "the output lies in the input, or around it; write to another folder"),
        ({"answers": "*"}, "the output is a folder"),
        ({"answers": "full"}, "the folder is not empty; write to a folder of this run's own"),
    ],
)
def test_places_that_are_refused(
    options: dict[str, str],
    words: str,
    predict: Predict,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "full/x").mkdir(parents=True)
    (tmp_path / "full/x/theirs.csv").write_text("1\n")
    assert predict(**options) == command.REFUSED
    assert words in capsys.readouterr().err


def test_files_of_several_formats(predict: Predict, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "rows/z.jsonl").write_text("{}\n")
    assert predict() == command.REFUSED
    assert "the input has files of csv and jsonl; say which in --format" in capsys.readouterr().err
    assert predict("--format", "csv") == 0


def test_two_files_that_would_become_one(predict: Predict, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "rows/a.csv.gz").write_bytes(b"")
    assert predict() == command.REFUSED
    assert "two files of the input would become 'a.csv'" in capsys.readouterr().err


def test_a_pattern_and_hidden_files(predict: Predict, tmp_path: Path, here: list[str]) -> None:
    write_csv(tmp_path / "rows/_SUCCESS.csv", {"x": []})
    assert predict(rows="rows/*.csv") == 0
    assert here == ["a.csv", "c.csv"]


def test_one_file(predict: Predict, tmp_path: Path) -> None:
    assert predict(rows="rows/deep/b.csv") == 0
    assert len(read_csv(tmp_path / "answers/x/b.csv")) == 10


def test_a_model_that_cannot_be_loaded(predict: Predict, capsys: pytest.CaptureFixture[str]) -> None:
    args = json.dumps({"framework": "sklearn", "name": "churn", "path": "/nowhere"})
    assert predict("--model", args) == command.REFUSED
    assert "there is no model at /nowhere" in capsys.readouterr().err


def test_progress_counts_parts_rows_and_the_time_that_is_left(tmp_path: Path) -> None:
    now = [0.0]
    tally = Tally(tmp_path)
    progress = Progress(tally, parts=4, size=1000, clock=lambda: now[0])
    assert progress.line() == "0 of 4 parts, 0 rows, 0 rows/s"
    now[0] = 10.0
    tally.note("a", 40, 100)
    tally.note("b", 10, 150)
    tally.note("a", 50, 100)
    progress.done = 1
    assert progress.line() == "1 of 4 parts, 60 rows, 6 rows/s, 25 %, 30 s left"

"""Files of each format: what is carried along, what is refused and how, and that types are the model's."""

import csv
import datetime as dt
import gzip
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from eagleray_serving.answers import AnsweringModel, Output
from eagleray_serving.batch import part
from eagleray_serving.batch.errors import BatchError
from eagleray_serving.batch.part import Counts
from eagleray_serving.columns import Column, Kind
from eagleray_serving.outputs import PREDICT, Answer, outputs_of
from eagleray_serving.rows import Rows, Signature
from unit.serving.batch.repeats import EXPECTED, GOOD, ID, Repeats, answers, serve, write
from unit.serving.batch.rig import READ, Rig, write_csv, write_parquet

pytestmark = pytest.mark.usefixtures("repeats")
BAD = GOOD | {"age": "old"}


@pytest.mark.parametrize("form", READ)
def test_values_come_in_the_types_of_the_model_and_others_are_carried(form: str, tmp_path: Path) -> None:
    rig = Rig(tmp_path, {})
    write(form, rig.rows / f"a.{form}", [GOOD | {"customer": "c1"}, GOOD | {"customer": "c2"}])
    assert rig.predict(f"a.{form}") == Counts(2, 0)
    found = answers(rig, f"a.{form}")
    assert [row["prediction"] for row in found] == [EXPECTED] * 2
    assert [row["customer"] for row in found] == ["c1", "c2"]
    assert all(row[name] == value for row in found for name, value in GOOD.items())


def test_types_of_parquet_become_what_json_has(tmp_path: Path) -> None:
    rig = Rig(tmp_path, {})
    moment = dt.datetime(2026, 1, 31, 12, 0, tzinfo=dt.UTC)
    table = pa.table(
        {
            "age": pa.array([ID, None], pa.uint64()),
            "score": pa.array([Decimal("0.50"), None], pa.decimal128(5, 2)),
            "member": pa.array([True, None]),
            "joined": pa.array([moment, None], pa.timestamp("ns", "Europe/Berlin")),
            "town": pa.array(["Köln", None]).dictionary_encode(),
            "any": pa.array([3, None], pa.int8()),
        }
    )
    pq.write_table(table, rig.rows / "a.parquet")
    rig.predict("a.parquet")
    first, second = (row["prediction"] for row in answers(rig, "a.parquet"))
    assert first == EXPECTED
    assert second == "[nan, nan, nan, None, nan, nan]"


def test_a_type_that_no_request_holds(tmp_path: Path) -> None:
    rig = Rig(tmp_path, {})
    write_parquet(rig.rows / "a.parquet", {n: [v] for n, v in (GOOD | {"age": b"1"}).items()}, dict.fromkeys(GOOD))
    with pytest.raises(BatchError, match=r"^a.parquet: field 'age': the file's type binary"):
        rig.predict("a.parquet")


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_a_row_that_is_refused_is_named(form: str, tmp_path: Path) -> None:
    rig = Rig(tmp_path, {})
    write(form, rig.rows / f"a.{form}", [GOOD] * 4 + [BAD] + [GOOD])
    with pytest.raises(BatchError, match=rf"^a.{form}: row 4, field 'age': expected a .*number.*--on-error skip"):
        rig.predict(f"a.{form}")
    assert not list(rig.answers.iterdir()), "half a part is no part"
    assert not list((rig.folder / "scratch").glob("*.part"))


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_rows_that_are_refused_are_let_pass(form: str, tmp_path: Path) -> None:
    rig = Rig(tmp_path, {}, {"skip": True, "batch_rows": 8})
    write(form, rig.rows / f"a.{form}", [BAD, GOOD, GOOD, BAD, GOOD, GOOD])
    assert rig.predict(f"a.{form}") == Counts(6, 2)
    found = answers(rig, f"a.{form}")
    assert [row["prediction"] for row in found] == [None, EXPECTED, EXPECTED, None, EXPECTED, EXPECTED]
    assert [bool(row["error"]) for row in found] == [True, False, False, True, False, False]
    assert str(found[0]["error"]).startswith("field 'age': expected a")


def test_the_model_is_given_batches(repeats: Repeats, tmp_path: Path) -> None:
    rig = Rig(tmp_path, {}, {"batch_rows": 4})
    write("csv", rig.rows / "a.csv", [GOOD] * 10)
    rig.predict("a.csv")
    assert repeats.batches == [4, 4, 2]


@pytest.mark.parametrize(
    ("cell", "read"),
    [
        ("", "nan"),
        ("nan", "nan"),
        ("12", "12"),
        ("12.0", "12"),
        ("1_000", "expected a number, got '1_000'"),
        ("12.5", "expected whole numbers"),
        ("x", "expected a number, got 'x'"),
    ],
)
def test_cells_of_whole_numbers(cell: str, read: str, tmp_path: Path) -> None:
    rig = Rig(tmp_path, {}, {"skip": True})
    write_csv(rig.rows / "a.csv", {name: [value] for name, value in (GOOD | {"age": cell}).items()})
    rig.predict("a.csv")
    (row,) = answers(rig, "a.csv")
    assert read in str(row["error"] or row["prediction"])


@pytest.mark.parametrize(
    ("cell", "read"),
    [("01234", "'01234'"), ("12", "12"), ("-1.5e3", "-1500.0"), ("true", "True"), ("True", "'True'"), ("", "nan")],
)
def test_cells_of_which_the_model_says_nothing(cell: str, read: str, tmp_path: Path) -> None:
    rig = Rig(tmp_path, {})
    write_csv(rig.rows / "a.csv", {name: [value] for name, value in (GOOD | {"any": cell}).items()})
    rig.predict("a.csv")
    (row,) = answers(rig, "a.csv")
    assert row["prediction"].endswith(f", {read}]")


HEADER = b"age,score,member,joined,town,any\n"
BROKEN = {
    "a.csv": [
        (b"", "the first line of a CSV file names its columns"),
        (b"age,age\n1,2\n", "each by a name of its own"),
        (HEADER + b"1\n", "line 2 has 1 cells, and the first line 6"),
        (HEADER + b'"1\n', "is no CSV in UTF-8"),
        (HEADER + b"\xff\n", "is no CSV in UTF-8"),
        (b"age,score\n1,2\n", "the column 'any' is missing, which the model takes; there are: age, score"),
        (b"age,prediction\n1,2\n", "there is a column 'prediction' already"),
    ],
    "a.jsonl": [
        (b"{}\nnull}\n", "line 2 is no JSON"),
        (b'{"prediction": 1}\n', "row 0, field 'age': the column is missing"),
    ],
    "a.parquet": [(b"PAR1", "it is no Parquet file")],
}


@pytest.mark.parametrize(("name", "content", "words"), [(n, *each) for n, those in BROKEN.items() for each in those])
def test_a_file_that_is_broken(name: str, content: bytes, words: str, tmp_path: Path) -> None:
    rig = Rig(tmp_path, {})
    (rig.rows / name).write_bytes(content)
    with pytest.raises(BatchError) as raised:
        rig.predict(name)
    assert str(raised.value).startswith(f"{name}: ")
    assert words in str(raised.value)


def test_a_line_without_end_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("eagleray_serving.batch.json_lines._MOST_IN_A_LINE", 100)
    rig = Rig(tmp_path, {})
    (rig.rows / "a.jsonl").write_bytes(b'"' + b"x" * 1000)
    with pytest.raises(BatchError, match="line 1 has more than 100 bytes"):
        rig.predict("a.jsonl")


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_a_file_without_rows(form: str, tmp_path: Path) -> None:
    rig = Rig(tmp_path, {})
    if form == "csv":
        write_csv(rig.rows / "a.csv", {name: [] for name in GOOD})
    else:
        pq.write_table(pa.table({n: pa.array([v]) for n, v in GOOD.items()}).slice(0, 0), rig.rows / "a.parquet")
    assert rig.predict(f"a.{form}") == Counts(0, 0)
    header = (rig.answers / "a.csv").read_text() if form == "csv" else pq.read_schema(rig.answers / "a.parquet").names
    assert "prediction" in header


def test_packed_rows_are_answered_unpacked(tmp_path: Path) -> None:
    rig = Rig(tmp_path, {})
    write("csv", tmp_path / "a.csv", [GOOD])
    (rig.rows / "a.csv.gz").write_bytes(gzip.compress((tmp_path / "a.csv").read_bytes()))
    rig.predict("a.csv.gz")
    assert answers(rig, "a.csv")[0]["prediction"] == EXPECTED


def test_cells_keep_their_commas_and_quotes(tmp_path: Path) -> None:
    rig, town = Rig(tmp_path, {}), 'a "b", c\nd'
    write("csv", rig.rows / "a.csv", [GOOD | {"town": town}])
    rig.predict("a.csv")
    with (rig.answers / "a.csv").open(newline="") as file:
        assert next(csv.DictReader(file))["town"] == town


def test_columns_of_a_model_without_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    serve(Repeats(Signature((Column("0", Kind.NUMBER), Column("1", Kind.NUMBER)))), monkeypatch)
    columns: dict[str, list[Any]] = {"id": ["c1"], "a": [1], "b": [2]}
    rig = Rig(tmp_path, {}, {"columns": ("b", "a")})
    write_csv(rig.rows / "a.csv", columns)
    rig.predict("a.csv")
    assert answers(rig, "a.csv") == [{"id": "c1", "a": 1, "b": 2, "prediction": [2.0, 1.0]}]
    for chosen, words in (((), "takes 1 or 2 of the columns"), (("b", "c"), "there is no column 'c' of --columns")):
        with pytest.raises(BatchError, match=words):
            Rig(tmp_path, {}, {"columns": chosen}).predict("a.csv")


def test_vectors_of_parquet_are_rows_of_a_model_without_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    serve(Repeats(Signature((Column("0", Kind.NUMBER), Column("1", Kind.NUMBER)))), monkeypatch)
    rig = Rig(tmp_path, {}, {"columns": ("v",)})
    write_parquet(rig.rows / "a.parquet", {"id": [1], "v": [[1.0, 2.0]]}, {"id": None, "v": pa.list_(pa.float32(), 2)})
    rig.predict("a.parquet")
    assert answers(rig, "a.parquet")[0]["prediction"] == "[1.0, 2.0]"


class Probabilities(Repeats):
    """A classifier of two labels, of which one is refused."""

    classes = np.array([3, 7])

    def __init__(self, signature: Signature) -> None:
        super().__init__(signature)
        self.outputs = outputs_of(self.classes)

    def predict(self, rows: Rows, outputs: Any) -> Answer:
        both = {PREDICT: np.array([3] * len(rows)), "predict_proba": np.array([[0.25, 0.75]] * len(rows))}
        return {name: both[name] for name in outputs}


@pytest.mark.parametrize("form", READ)
def test_answers_have_types_of_their_own(form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = Probabilities(Signature((Column("age", Kind.NUMBER),), named=True))
    monkeypatch.setattr(part, "_loaded", lambda _: AnsweringModel(model, Output.BOTH))
    rig = Rig(tmp_path, {}, {"skip": True})
    write(form, rig.rows / f"a.{form}", [{"age": 1.5}])
    rig.predict(f"a.{form}")
    (row,) = answers(rig, f"a.{form}")
    assert row == {"age": 1.5, "prediction": 3, "probabilities": [0.25, 0.75], "error": None}
    if form == "parquet":
        kinds = pq.read_schema(rig.answers / "a.parquet")
        assert kinds.field("prediction").type == pa.int64()
        assert kinds.field("probabilities").type == pa.list_(pa.float64())

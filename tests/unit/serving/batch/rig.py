"""Files of rows, and what a batch prediction makes of them, in this process."""

import csv
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from eagleray_serving.batch.part import Counts, PartPredictor, Work
from eagleray_serving.batch.places import Place

TYPES = {"FP64": pa.float64(), "FP32": pa.float32(), "INT64": pa.int64(), "BOOL": pa.bool_(), "BYTES": pa.string()}


@dataclass(frozen=True)
class Rig:
    """A folder with an input and an output."""

    folder: Path
    model: Mapping[str, Any]
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def rows(self) -> Path:
        return self._folder("rows")

    @property
    def answers(self) -> Path:
        return self._folder("answers")

    def work(self, form: str) -> Work:
        (self.folder / "scratch").mkdir(exist_ok=True)
        what = {"columns": (), "skip": False, "batch_rows": 3, **self.options}
        return Work(
            input=f"file://{self.rows}",
            output=f"file://{self.answers}",
            model=self.model,
            format=form,
            pvc_root=self.folder,
            scratch=self.folder / "scratch",
            **what,
        )

    def predict(self, name: str) -> Counts:
        """Answer the one file of the input, which has this name."""
        work = self.work(name.removesuffix(".gz").rpartition(".")[2])
        (file,) = Place(work.input, work.pvc_root).files()
        assert file.name == name
        return PartPredictor(work).predict(file)

    def _folder(self, name: str) -> Path:
        found = self.folder / name
        found.mkdir(exist_ok=True)
        return found


def write_parquet(path: Path, columns: Mapping[str, Sequence[Any]], kinds: Mapping[str, Any]) -> None:
    pq.write_table(pa.table({name: pa.array(values, kinds[name]) for name, values in columns.items()}), path)


def read_parquet(path: Path) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = pq.read_table(path).to_pylist()
    return listed


def write_csv(path: Path, columns: Mapping[str, Sequence[Any]]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(zip(*(map(_cell, values) for values in columns.values()), strict=True))


def _cell(value: Any) -> str:
    return "" if value is None else value if isinstance(value, str) else json.dumps(value)


def read_csv(path: Path) -> list[dict[str, Any]]:
    """Rows of text; where a cell is JSON, what that says."""
    with path.open(newline="") as file:
        return [{name: _value(cell) for name, cell in row.items()} for row in csv.DictReader(file)]


def _value(cell: str) -> Any:
    try:
        return json.loads(cell) if cell else None
    except ValueError:
        return cell


def write_lines(path: Path, rows: Sequence[Any]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def read_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


READ: Mapping[str, Callable[[Path], list[dict[str, Any]]]] = {
    "parquet": read_parquet,
    "csv": read_csv,
    "jsonl": read_lines,
}

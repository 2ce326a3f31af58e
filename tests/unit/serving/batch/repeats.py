"""A model that answers what it was given, and rows for it."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest

from eagleray_serving.answers import AnsweringModel, Output
from eagleray_serving.batch import part
from eagleray_serving.columns import Column, Kind
from eagleray_serving.outputs import PREDICT, Answer
from eagleray_serving.rows import Rows, Signature
from eagleray_serving.tensors import Array, Tensor
from unit.serving.batch.rig import READ, Rig, write_csv, write_lines, write_parquet

COLUMNS = (
    Column("age", Kind.INTEGER),
    Column("score", Kind.NUMBER),
    Column("member", Kind.BOOLEAN),
    Column("joined", Kind.DATETIME),
    Column("town", Kind.STRING),
    Column("any"),
)
ID = 2**53 + 1
GOOD = {"age": ID, "score": 0.5, "member": True, "joined": "2026-01-31T12:00:00", "town": "Köln", "any": 3}
EXPECTED = f"[{ID}, 0.5, True, datetime.datetime(2026, 1, 31, 12, 0), 'Köln', 3]"


class Repeats:
    """A model that answers what it was given, as text."""

    classes: Array | None = None
    own_names: Mapping[str, str] = MappingProxyType({})

    def __init__(self, signature: Signature) -> None:
        self.signature = signature
        self.outputs: tuple[Tensor, ...] = (Tensor(PREDICT, np.dtype(object), ()),)
        self.batches: list[int] = []

    def predict(self, rows: Rows, _outputs: Any) -> Answer:
        self.batches.append(len(rows))
        if rows.columns:
            listed = zip(*(rows.column(place).tolist() for place in range(len(rows.columns))), strict=True)
        else:
            listed = zip(*(array.tolist() for array in rows.arrays), strict=True)
        return {PREDICT: np.array([repr(list(row)) for row in listed], dtype=object)}


def serve(model: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(part, "_loaded", lambda _: AnsweringModel(model, Output.LABELS))


def write(form: str, path: Path, rows: list[dict[str, Any]]) -> None:
    columns = {name: [row.get(name) for row in rows] for name in rows[0]}
    if form == "jsonl":
        write_lines(path, rows)
    elif form == "csv":
        write_csv(path, columns)
    else:
        write_parquet(path, columns, dict.fromkeys(columns))


def answers(rig: Rig, name: str) -> list[dict[str, Any]]:
    return READ[name.rpartition(".")[2]](rig.answers / name)

"""Fixtures of batch prediction."""

import json
from pathlib import Path
from typing import Any

import pytest

from eagleray_serving.rows import Signature
from unit.serving.batch.repeats import COLUMNS, Repeats, serve


@pytest.fixture
def repeats(monkeypatch: pytest.MonkeyPatch) -> Repeats:
    model = Repeats(Signature(COLUMNS, named=True))
    serve(model, monkeypatch)
    return model


@pytest.fixture
def model(churn_file: Path) -> str:
    return json.dumps({"framework": "sklearn", "name": "churn", "path": str(churn_file)})


@pytest.fixture
def customers(churn_example: Any, tmp_path: Path) -> list[Path]:
    frame = churn_example.make_customers(30, seed=1)
    files = [tmp_path / "rows" / name for name in ("a.csv", "deep/b.csv", "c.csv")]
    for place, file in enumerate(files):
        file.parent.mkdir(parents=True, exist_ok=True)
        frame.iloc[10 * place : 10 * place + 10].to_csv(file, index=False)
    return files

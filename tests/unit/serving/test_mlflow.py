from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from eagleray_serving.app import Saved
from eagleray_serving.columns import Column, Kind
from eagleray_serving.errors import ModelLoadError
from eagleray_serving.mlflow import told_signature
from eagleray_serving.rows import Signature
from eagleray_serving.tensors import Tensor

# As MLflow 3.17 writes them, without what is not read.
COLUMNS = """
flavors:
  python_function:
    loader_module: mlflow.sklearn
    model_path: model.pkl
  sklearn:
    pickled_model: model.pkl
    serialization_format: cloudpickle
mlflow_version: 3.17.2
signature:
  inputs: '[{"type": "double", "name": "amount", "required": true}, {"type": "long",
    "name": "hour", "required": false}, {"type": "string", "name": "plan"}, {"type": "datetime", "name": "at"}]'
  outputs: '[{"type": "tensor", "tensor-spec": {"dtype": "int64", "shape": [-1]}}]'
"""
TENSOR = """
flavors:
  python_function: {loader_module: mlflow.xgboost}
  xgboost: {data: model.ubj, model_format: ubj}
signature:
  inputs: '[{"type": "tensor", "tensor-spec": {"dtype": "float32", "shape": [-1, 2, -1]}}]'
"""


def written(folder: Path, text: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "MLmodel").write_text(text)
    return folder


def test_columns(tmp_path: Path) -> None:
    found = told_signature(written(tmp_path / "run" / "model", COLUMNS).parents[1], "sklearn")
    assert found == Signature(
        columns=(
            Column("amount", Kind.NUMBER),
            Column("hour", Kind.NUMBER, required=False),
            Column("plan", Kind.STRING),
            Column("at", Kind.ANY),
        ),
        named=True,
    )


def test_a_tensor(tmp_path: Path) -> None:
    found = told_signature(written(tmp_path, TENSOR), "xgboost")
    assert found == Signature(columns=None, tensors=(Tensor("input", np.dtype(np.float32), (2, None)),))


@pytest.mark.parametrize(
    "inputs",
    [
        "null",
        "[]",
        '[{"type": "long"}, {"type": "long"}]',  # columns without names
        '[{"type": "tensor", "tensor-spec": {"dtype": "float32", "shape": [8, 2]}}]',
        '[{"type": "tensor", "tensor-spec": {"dtype": "str", "shape": [-1, 2]}}]',
        '[{"type": {"type": "array"}, "name": "x"}]',
    ],
)
def test_what_rows_cannot_be_checked_against_is_left(tmp_path: Path, inputs: str) -> None:
    text = f"flavors: {{sklearn: {{}}}}\nsignature:\n  inputs: '{inputs}'\n"
    assert told_signature(written(tmp_path, text), "sklearn") is None


@pytest.mark.parametrize(
    ("text", "framework", "words"),
    [
        (COLUMNS, "lightgbm", "not of framework 'lightgbm'; its flavors: sklearn"),
        ("flavors: {python_function: {}}", "sklearn", "none but python_function, which is code"),
        ("flavors: {pytorch: {}}", "sklearn", "its flavors: pytorch"),
        ("]", "sklearn", "MLmodel cannot be read"),
        ("text", "sklearn", "MLmodel cannot be read"),
        ("flavors: {sklearn: {}}\nsignature: {inputs: '{'}", "sklearn", "MLmodel cannot be read"),
    ],
)
def test_another_flavor_and_a_broken_file_are_named(tmp_path: Path, text: str, framework: str, words: str) -> None:
    with pytest.raises(ModelLoadError, match=words):
        told_signature(written(tmp_path, text), framework)
    assert told_signature(written(tmp_path, "flavors: {pytorch: {}}"), "torch") is None


def test_no_folder_of_mlflow(tmp_path: Path) -> None:
    (tmp_path / "model.joblib").touch()
    assert told_signature(tmp_path, "sklearn") is None
    assert told_signature(tmp_path / "model.joblib", "sklearn") is None


class Opaque:
    """An estimator that does not say what it takes."""

    def predict(self, rows: Any) -> Any:
        return np.zeros(len(rows))


def test_what_the_model_says_itself_counts_more(tmp_path: Path) -> None:
    folder = written(tmp_path, COLUMNS)
    joblib.dump(LogisticRegression().fit([[1.0], [2.0]], [0, 1]), folder / "model.pkl")
    assert Saved("sklearn", "m", folder).load().signature.columns == (Column("0", Kind.NUMBER),)
    joblib.dump(Opaque(), folder / "model.pkl")
    loaded = Saved("sklearn", "m", folder).load().signature
    assert loaded.columns is not None
    assert [column.name for column in loaded.columns] == ["amount", "hour", "plan", "at"]

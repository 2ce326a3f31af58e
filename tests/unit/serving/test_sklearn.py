import logging
import pickle
import sys
import warnings
from pathlib import Path
from types import ModuleType
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import InconsistentVersionWarning
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, OrdinalEncoder, StandardScaler

from eagleray_serving.columns import Column, Kind, Missing
from eagleray_serving.errors import ModelLoadError
from eagleray_serving.frameworks import load_model
from eagleray_serving.rows import parse_rows
from unit.serving.asking import answers_of

NUMBERS = np.array([[0.0, 1.0], [1.0, 0.0], [2.0, 2.0], [3.0, 1.0]])
LABELS = ["no", "yes", "no", "yes"]


def load(estimator: Any, folder: Path) -> Any:
    joblib.dump(estimator, folder / "model.joblib")
    return load_model("sklearn", folder)


def test_churn_predicts_what_the_local_estimator_does(churn: Any, churn_file: Path, churn_example: ModuleType) -> None:
    model = load_model("sklearn", churn_file)
    customers = churn_example.make_customers(1000, seed=3)
    instances = churn_example.to_rows(customers)
    predictions = answers_of(model, parse_rows(instances, model.signature))
    assert predictions.tolist() == churn.predict(customers).tolist()
    assert {"churn", "stay"} == set(predictions.tolist())
    lists = [list(instance.values()) for instance in instances]
    assert answers_of(model, parse_rows(lists, model.signature)).tolist() == predictions.tolist()


def test_the_signature_of_a_column_transformer(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {"id": ["x", "y"], "n": [1, 2], "c": ["a", "b"], "code": [1, 2], "t": ["one two", "three"], "p": [1, 2]}
    )
    columns = ColumnTransformer(
        [
            ("n", StandardScaler(), ["n"]),
            ("c", OneHotEncoder(handle_unknown="error"), ["c"]),
            ("code", OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1), [3]),
            ("t", TfidfVectorizer(), "t"),
            ("p", "passthrough", ["p"]),
        ]
    )
    model = load(make_pipeline(columns, LogisticRegression()).fit(frame, [0, 1]), tmp_path)
    assert model.signature.named
    assert model.signature.columns == (
        Column("id", Kind.ANY, required=False),
        Column("n", Kind.NUMBER),
        Column("c", Kind.STRING, frozenset({"a", "b"}), missing=Missing.REFUSED),
        Column("code", Kind.INTEGER),
        Column("t", Kind.STRING, missing=Missing.REFUSED),
        Column("p", Kind.ANY),
    )
    rows = parse_rows([{"n": 1, "c": "a", "code": 9, "t": "two", "p": 1}], model.signature)
    assert len(answers_of(model, rows)) == 1


@pytest.mark.parametrize(
    "estimator", [LogisticRegression(), RandomForestClassifier(2), make_pipeline(StandardScaler(), LinearRegression())]
)
def test_plain_numbers(estimator: Any, tmp_path: Path) -> None:
    labels = [0, 1, 0, 1]
    model = load(estimator.fit(NUMBERS, labels), tmp_path)
    assert model.signature.numeric
    assert not model.signature.named
    predictions = answers_of(model, parse_rows(NUMBERS.tolist(), model.signature))
    assert predictions.tolist() == estimator.predict(NUMBERS).tolist()


def test_where_it_is_not_sure_the_model_decides(tmp_path: Path) -> None:
    model = load(make_pipeline(FunctionTransformer(), LogisticRegression()).fit(NUMBERS, LABELS), tmp_path)
    assert model.signature.columns is None or not model.signature.numeric
    assert answers_of(model, parse_rows([[1, 2]], model.signature)).tolist()[0] in LABELS


def test_text(tmp_path: Path) -> None:
    texts = ["good thing", "bad thing", "good day", "bad day"]
    model = load(make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(texts, LABELS), tmp_path)
    assert answers_of(model, parse_rows(["good", "bad"], model.signature)).tolist() == ["no", "yes"]


class Unfit:
    """Pickles by reference to this module."""


class Constant:
    def predict(self, values: Any) -> list[int]:
        return [1] * len(values)


def test_a_class_that_is_no_estimator_is_served(tmp_path: Path) -> None:
    model = load(Constant(), tmp_path)
    assert answers_of(model, parse_rows([[1, "a"]], model.signature)).tolist() == [1]


def write(folder: Path, **files: bytes) -> Path:
    for name, content in files.items():
        (folder / name.replace("__", ".")).write_bytes(content)
    return folder


def needs_missing_module() -> bytes:
    module = ModuleType("gone")
    module.Gone = type("Gone", (), {"__module__": "gone"})  # type: ignore[attr-defined]
    sys.modules["gone"] = module
    try:
        return pickle.dumps(module.Gone())
    finally:
        del sys.modules["gone"]


FITTED = pickle.dumps(LogisticRegression().fit(NUMBERS, LABELS))


@pytest.mark.parametrize(
    ("files", "words"),
    [
        (
            {"model__joblib": b"hello, this is no pickle\n" * 9},
            "model.joblib is not a model that joblib or pickle can read",
        ),
        ({"model__pkl": FITTED[:-40]}, "model.pkl is not a model"),
        ({"model__pkl": b""}, "model.pkl is not a model"),
        ({"model__pkl": pickle.dumps({"a": 1})}, "model.pkl holds a dict, which has no predict()"),
        (
            {"model__pkl": pickle.dumps(PCA(1).fit(NUMBERS))},
            "holds a PCA, which has no predict(); end a pipeline of it with an estimator that predicts",
        ),
        ({"model__pkl": pickle.dumps(LogisticRegression())}, "that is not fitted"),
        ({"model__pkl": needs_missing_module()}, "needs the Python module 'gone'"),
        ({"model__pkl": b"cos\nno_such_function\n."}, "refers to code that this image does not have"),
        ({}, "holds: nothing"),
        ({"a__txt": b"", "b__txt": b""}, "holds: a.txt, b.txt"),
        ({"a__txt": b""}, "a.txt is not a model that joblib or pickle can read"),
        ({"a__pkl": FITTED, "b__pkl": FITTED}, "holds: a.pkl, b.pkl"),
    ],
)
def test_a_model_that_cannot_be_loaded_says_why_in_one_line(
    files: dict[str, bytes], words: str, tmp_path: Path
) -> None:
    with pytest.raises(ModelLoadError) as caught:
        load_model("sklearn", write(tmp_path, **files))
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_only_model_file_is_found(tmp_path: Path) -> None:
    folder = tmp_path / "1"
    folder.mkdir()
    write(folder, other__pkl=FITTED, notes__txt=b"")
    model = load_model("sklearn", tmp_path)
    assert answers_of(model, parse_rows([[1, 0]], model.signature)).size == 1
    write(folder, model__pkl=pickle.dumps(Constant()))
    assert load_model("sklearn", folder).signature.columns is None


def test_no_model_and_no_framework(tmp_path: Path) -> None:
    with pytest.raises(ModelLoadError, match="there is no model at"):
        load_model("sklearn", tmp_path / "nothing")
    with pytest.raises(ModelLoadError, match="it serves: lightgbm, onnx, sklearn, torch, xgboost"):
        load_model("fortran", tmp_path)


def test_another_version_is_logged_and_served(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def old(_file: Path) -> Any:
        warnings.warn(
            InconsistentVersionWarning(
                estimator_name="LogisticRegression", current_sklearn_version="9", original_sklearn_version="1"
            ),
            stacklevel=1,
        )
        return Constant()

    monkeypatch.setattr(joblib, "load", old)
    with caplog.at_level(logging.WARNING):
        load_model("sklearn", write(tmp_path, model__pkl=b""))
    assert "LogisticRegression" in caplog.text

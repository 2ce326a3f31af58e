from pathlib import Path
from typing import Any

import joblib
import lightgbm
import numpy as np
import pandas as pd
import pytest

from eagleray_serving.columns import Column, Kind
from eagleray_serving.errors import InvalidInputError, ModelLoadError
from eagleray_serving.frameworks import load_model
from eagleray_serving.rows import parse_rows
from unit.serving.asking import answers_of, probabilities_of

QUIET = {"verbosity": -1, "min_data_in_leaf": 1, "num_threads": 1}
RNG = np.random.default_rng(3)
NUMBERS = RNG.normal(size=(200, 3))
LABELS = (NUMBERS[:, 0] + NUMBERS[:, 1] > 0).astype(int) + (NUMBERS[:, 2] > 1)


def booster(folder: Path, data: Any, labels: Any, name: str = "model.txt", **params: Any) -> Any:
    trained = lightgbm.train({**QUIET, **params}, lightgbm.Dataset(data, labels), num_boost_round=5)
    trained.save_model(folder / name)
    return trained


def test_a_binary_booster_tells_labels_and_probabilities(tmp_path: Path) -> None:
    trained = booster(tmp_path, NUMBERS, LABELS > 0, objective="binary")
    model = load_model("lightgbm", tmp_path)
    rows = parse_rows(NUMBERS.tolist(), model.signature)
    expected = trained.predict(NUMBERS)
    assert np.asarray(model.classes).tolist() == [0, 1]
    assert answers_of(model, rows).tolist() == (expected > 0.5).astype(int).tolist()
    assert np.allclose(probabilities_of(model, rows), np.column_stack([1 - expected, expected]))
    assert model.signature.numeric
    assert not model.signature.named
    assert answers_of(model, parse_rows([[1, 2, None]], model.signature)).shape == (1,)


def test_a_booster_of_several_classes(tmp_path: Path) -> None:
    trained = booster(tmp_path, NUMBERS, LABELS, objective="multiclass", num_class=3)
    model = load_model("lightgbm", tmp_path / "model.txt")
    rows = parse_rows(NUMBERS.tolist(), model.signature)
    assert np.asarray(model.classes).tolist() == [0, 1, 2]
    assert np.allclose(probabilities_of(model, rows), trained.predict(NUMBERS))
    assert answers_of(model, rows).tolist() == trained.predict(NUMBERS).argmax(axis=1).tolist()


def test_a_regression_has_columns_and_no_classes(tmp_path: Path) -> None:
    frame = pd.DataFrame(NUMBERS, columns=["age", "amount", "hour"])
    trained = booster(tmp_path, frame, NUMBERS.sum(axis=1), "model.lgb", objective="regression")
    model = load_model("lightgbm", tmp_path)
    rows = parse_rows(frame.to_dict("records"), model.signature)
    assert model.classes is None
    assert np.allclose(answers_of(model, rows), trained.predict(frame))
    with pytest.raises(InvalidInputError) as caught:
        parse_rows([{"age": 1, "amount": "x", "hour": 2}], model.signature)
    assert (caught.value.field, caught.value.row) == ("amount", 0)


def test_categories_of_pandas_are_taken_by_name(tmp_path: Path) -> None:
    frame = pd.DataFrame({"amount": NUMBERS[:, 0], "country": pd.Categorical(RNG.choice(["de", "fr", "it"], 200))})
    labels = (frame["amount"] > 0) ^ (frame["country"] == "fr")
    trained = booster(tmp_path, frame, labels, objective="binary", min_data_per_group=1, cat_smooth=1)
    model = load_model("lightgbm", tmp_path)
    country = Column("country", Kind.STRING, categories=("de", "fr", "it"))
    assert model.signature.columns == (Column("amount", Kind.NUMBER), country)
    instances = [{"amount": a, "country": str(c)} for a, c in zip(frame["amount"], frame["country"], strict=True)]
    found = probabilities_of(model, parse_rows(instances, model.signature))
    assert np.allclose(found[:, 1], trained.predict(frame))
    unknown = parse_rows([{"amount": 1, "country": "xx"}, {"amount": None, "country": None}], model.signature)
    assert answers_of(model, unknown).shape == (2,)


def test_a_pickled_estimator_keeps_its_labels(tmp_path: Path) -> None:
    estimator = lightgbm.LGBMClassifier(n_estimators=5, verbosity=-1, n_jobs=1)
    names = np.array(["good", "bad"])[(LABELS > 0).astype(int)]
    frame = pd.DataFrame(NUMBERS, columns=["age", "amount", "hour"])
    joblib.dump(estimator.fit(frame, names), tmp_path / "model.joblib")
    model = load_model("lightgbm", tmp_path)
    rows = parse_rows(frame.to_dict("records"), model.signature)
    assert np.asarray(model.classes).tolist() == ["bad", "good"]
    assert answers_of(model, rows).tolist() == estimator.predict(frame).tolist()
    assert np.allclose(probabilities_of(model, rows), estimator.predict_proba(frame))


def test_a_pickled_booster(tmp_path: Path) -> None:
    trained = booster(tmp_path, NUMBERS, LABELS > 0, "other.lgb", objective="binary")
    joblib.dump(trained, tmp_path / "model.pkl")
    model = load_model("lightgbm", tmp_path / "model.pkl")
    assert np.allclose(
        probabilities_of(model, parse_rows(NUMBERS.tolist(), model.signature))[:, 1], trained.predict(NUMBERS)
    )


@pytest.mark.parametrize("content", [b"", b"tree\nversion=v4\n", b"\x00\xff\x80" * 99, b'{"learner": {}}'])
def test_what_is_no_model_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "model.txt").write_bytes(content)
    with pytest.raises(ModelLoadError, match=r"model.txt is not a model that LightGBM .* write it with"):
        load_model("lightgbm", tmp_path)

from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
import xgboost

from eagleray_serving.errors import InvalidInputError, ModelLoadError
from eagleray_serving.frameworks import load_model
from eagleray_serving.rows import parse_rows
from unit.serving.asking import answers_of, probabilities_of

RNG = np.random.default_rng(3)
NUMBERS = RNG.normal(size=(200, 3)).astype(np.float32).astype(float)
LABELS = (NUMBERS[:, 0] + NUMBERS[:, 1] > 0).astype(int) + (NUMBERS[:, 2] > 1)
NAMES = ["age", "amount", "hour"]


def booster(file: Path, labels: Any, names: list[str] | None = None, **params: Any) -> Any:
    data = xgboost.DMatrix(NUMBERS, labels, feature_names=names)
    trained = xgboost.train({"nthread": 1, **params}, data, num_boost_round=5)
    trained.save_model(file)
    return trained


@pytest.mark.parametrize("name", ["model.json", "model.ubj"])
def test_a_binary_booster_tells_labels_and_probabilities(tmp_path: Path, name: str) -> None:
    trained = booster(tmp_path / name, LABELS > 0, objective="binary:logistic")
    expected = trained.predict(xgboost.DMatrix(NUMBERS))
    model = load_model("xgboost", tmp_path)
    rows = parse_rows(NUMBERS.tolist(), model.signature)
    assert np.asarray(model.classes).tolist() == [0, 1]
    assert answers_of(model, rows).tolist() == (expected > 0.5).astype(int).tolist()
    assert np.allclose(probabilities_of(model, rows)[:, 1], expected)
    assert answers_of(model, parse_rows([[1, 2, None]], model.signature)).shape == (1,)


@pytest.mark.parametrize("objective", ["multi:softprob", "multi:softmax"])
def test_a_booster_of_several_classes(tmp_path: Path, objective: str) -> None:
    trained = booster(tmp_path / "model.json", LABELS, NAMES, objective=objective, num_class=3)
    model = load_model("xgboost", tmp_path)
    instances = pd.DataFrame(NUMBERS, columns=NAMES).to_dict("records")
    rows = parse_rows(instances, model.signature)
    probabilities = probabilities_of(model, rows)
    labels, same = model.predict(rows, ["predict", "predict_proba"]).values()
    assert (labels.tolist(), same.tolist()) == (answers_of(model, rows).tolist(), probabilities.tolist())
    expected = trained.predict(xgboost.DMatrix(NUMBERS, feature_names=NAMES))
    assert probabilities.shape == (200, 3)
    labels = expected.argmax(axis=1) if expected.ndim == 2 else expected.astype(int)
    assert answers_of(model, rows).tolist() == labels.tolist()
    with pytest.raises(InvalidInputError) as caught:
        parse_rows([{"age": 1, "amount": "x", "hour": 2}], model.signature)
    assert (caught.value.field, caught.value.row) == ("amount", 0)


def test_a_regression_that_stopped_early_uses_its_best_trees(tmp_path: Path) -> None:
    estimator = xgboost.XGBRegressor(n_estimators=60, early_stopping_rounds=3, n_jobs=1)
    target = NUMBERS.sum(axis=1)
    estimator.fit(NUMBERS, target, eval_set=[(RNG.normal(size=(50, 3)), RNG.normal(size=50))], verbose=False)
    estimator.save_model(tmp_path / "model.json")
    model = load_model("xgboost", tmp_path)
    assert model.classes is None
    assert np.allclose(answers_of(model, parse_rows(NUMBERS.tolist(), model.signature)), estimator.predict(NUMBERS))


def test_a_pickled_estimator(tmp_path: Path) -> None:
    estimator = xgboost.XGBClassifier(n_estimators=5, n_jobs=1).fit(NUMBERS, LABELS)
    joblib.dump(estimator, tmp_path / "model.joblib")
    model = load_model("xgboost", tmp_path)
    rows = parse_rows(NUMBERS.tolist(), model.signature)
    assert answers_of(model, rows).tolist() == estimator.predict(NUMBERS).tolist()
    assert np.allclose(probabilities_of(model, rows), estimator.predict_proba(NUMBERS))


def test_a_linear_booster(tmp_path: Path) -> None:
    trained = booster(tmp_path / "model.json", LABELS > 0, objective="binary:logistic", booster="gblinear")
    model = load_model("xgboost", tmp_path)
    found = probabilities_of(model, parse_rows(NUMBERS.tolist(), model.signature))
    assert np.allclose(found[:, 1], trained.predict(xgboost.DMatrix(NUMBERS)))


@pytest.mark.parametrize("content", [b"", b"{}", b'{"learner": {}}', b"\x00\xff\x80" * 99])
def test_what_is_no_model_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "model.json").write_bytes(content)
    with pytest.raises(ModelLoadError, match=r"model.json is not a model that XGBoost .* write it with"):
        load_model("xgboost", tmp_path)


def test_a_file_of_the_old_binary_format_is_told_what_xgboost_says_of_it(tmp_path: Path) -> None:
    (tmp_path / "churn.model").write_bytes(b"binf" + bytes(300))  # as XGBoost 1.7 begins them
    with pytest.raises(ModelLoadError) as caught:
        load_model("xgboost", tmp_path)
    told = str(caught.value)
    assert "The binary format has been deprecated in 1.6 and removed in 3.1, use UBJ or JSON instead" in told
    assert "Stack trace" not in told
    assert ".cc:" not in told

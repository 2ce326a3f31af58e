"""Estimators in skops files, which run no code; and files of models as people name them."""

import gzip
from pathlib import Path
from typing import Any

import joblib
import lightgbm
import numpy as np
import pytest
import skops.io
import xgboost
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from eagleray_serving.app import Saved
from eagleray_serving.errors import ModelLoadError
from eagleray_serving.outputs import PREDICT
from eagleray_serving.rows import parse_rows

VALUES = np.random.default_rng(4).normal(size=(60, 3))
LABELS = (VALUES[:, 0] > 0).astype(int)


class Own(LinearRegression):  # type: ignore[misc]  # scikit-learn has no types
    """A class that no image has and nobody trusts."""


def check(framework: str, path: Path, expected: Any) -> None:
    model = Saved(framework, "m", path).load()
    answer = model.answer(parse_rows(VALUES[:5].tolist(), model.signature))[PREDICT]
    assert np.allclose(answer, expected[:5])


@pytest.mark.parametrize(
    ("framework", "estimator"),
    [
        ("sklearn", make_pipeline(StandardScaler(), LogisticRegression())),
        ("lightgbm", lightgbm.LGBMClassifier(n_estimators=3, verbose=-1)),
        ("lightgbm", lightgbm.LGBMRegressor(n_estimators=3, verbose=-1)),
        ("xgboost", xgboost.XGBClassifier(n_estimators=3)),
        ("xgboost", xgboost.XGBRFRegressor(n_estimators=3)),
    ],
)
def test_a_skops_file_answers_as_its_estimator(tmp_path: Path, framework: str, estimator: Any) -> None:
    skops.io.dump(estimator.fit(VALUES, LABELS), tmp_path / "model.skops")
    check(framework, tmp_path, estimator.predict(VALUES))


def test_what_nobody_trusts_is_named_and_not_made(tmp_path: Path) -> None:
    skops.io.dump(Own().fit(VALUES, LABELS), tmp_path / "model.skops")
    with pytest.raises(ModelLoadError, match=r"model\.skops holds types that skops does not trust \(.*Own.*\); if you"):
        Saved("sklearn", "m", tmp_path).load()


def test_the_folder_of_mlflow_says_what_its_user_trusts(tmp_path: Path) -> None:
    estimator = Own().fit(VALUES, LABELS)
    skops.io.dump(estimator, tmp_path / "m.skops")
    untrusted = skops.io.get_untrusted_types(file=tmp_path / "m.skops")
    text = "flavors: {sklearn: {pickled_model: m.skops, skops_trusted_types: %s}}"
    (tmp_path / "MLmodel").write_text(text % untrusted)
    check("sklearn", tmp_path, estimator.predict(VALUES))


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04 half of one"])
def test_a_damaged_file_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "model.skops").write_bytes(content)
    with pytest.raises(ModelLoadError, match=r"model\.skops is not a model that skops .* can read \(BadZipFile"):
        Saved("sklearn", "m", tmp_path).load()


@pytest.mark.parametrize("name", ["model.joblib.gz", "churn.pkl.z", "model.pkl.bz2", "model.sav", "churn.joblib.xz"])
def test_a_pickle_as_people_name_it_beside_a_text(tmp_path: Path, name: str) -> None:
    estimator = LogisticRegression().fit(VALUES, LABELS)
    joblib.dump(estimator, tmp_path / name)  # compresses as the suffix says
    for other in ("README.md", "requirements.txt"):
        (tmp_path / other).write_text("scikit-learn")
    check("sklearn", tmp_path, estimator.predict(VALUES))
    check("lightgbm", tmp_path, estimator.predict(VALUES))


def test_a_pickle_that_gzip_itself_has_compressed(tmp_path: Path) -> None:
    estimator = LogisticRegression().fit(VALUES, LABELS)
    joblib.dump(estimator, tmp_path / "plain")
    (tmp_path / "model.pkl.gz").write_bytes(gzip.compress((tmp_path / "plain").read_bytes()))
    (tmp_path / "plain").unlink()
    check("sklearn", tmp_path, estimator.predict(VALUES))


def test_requirements_are_no_model_of_lightgbm(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("lightgbm")
    (tmp_path / "conda.yaml").touch()
    (tmp_path / "python_env.yaml").touch()
    with pytest.raises(ModelLoadError, match=r"must hold one model\.txt or .*; it holds: conda\.yaml, python_env"):
        Saved("lightgbm", "m", tmp_path).load()
    booster = lightgbm.train({"verbose": -1, "objective": "regression"}, lightgbm.Dataset(VALUES, LABELS), 3)
    booster.save_model(tmp_path / "booster.txt")
    check("lightgbm", tmp_path, booster.predict(VALUES))


@pytest.mark.parametrize("name", ["model.xgb", "booster.xgb"])
def test_a_booster_as_mlflow_names_it(tmp_path: Path, name: str) -> None:
    booster = xgboost.train({}, xgboost.DMatrix(VALUES, LABELS), 3)
    (tmp_path / name).write_bytes(booster.save_raw("ubj"))
    (tmp_path / "README.md").touch()
    check("xgboost", tmp_path, booster.predict(xgboost.DMatrix(VALUES)))

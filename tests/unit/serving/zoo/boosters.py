"""Models of LightGBM and XGBoost: their own files, and pickled estimators."""

from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pandas as pd
import xgboost
from sklearn.compose import make_column_transformer
from sklearn.ensemble import VotingClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from eagleray_serving.tensors import Array
from unit.serving.zoo.data import CULTIVARS, INTENSITY, IRIS_FRAME, NUMBERS, PAIRS, SPECIES, categorical, wine
from unit.serving.zoo.entry import Entry, Oracle, as_trained, asked_of, datatypes_of, json_rows, of_frame

WINE = wine()
CATEGORIES = categorical(WINE[["ash", "region", "grade", "organic"]], "region", "grade", "organic")
TEXT_AND_CODE = categorical(WINE[["ash", "region", "grade"]], "region", "grade")
CONSTANT = categorical(WINE[["ash", "region"]].assign(country="it"), "region", "country")
ORDERED = WINE[["ash"]].assign(
    region=pd.Categorical(WINE["region"], ["north", "west", "south"], ordered=True), maker=WINE["grade"]
)
_QUIET = {"verbosity": -1, "min_data_in_leaf": 3, "min_data_per_group": 1, "cat_smooth": 1, "num_threads": 1}


def _lightgbm(
    name: str, frame: Any, target: Array, categories: Any = "auto", rows: list[Any] | None = None, **params: Any
) -> Entry:
    def save(folder: Path) -> Oracle:
        data = lightgbm.Dataset(frame, target, categorical_feature=categories)
        booster = lightgbm.train({**_QUIET, **params}, data, num_boost_round=5)
        booster.save_model(folder / "model.txt")
        again = lightgbm.Booster(model_file=folder / "model.txt")
        return lambda asked: {"predict": _labels(again.predict(as_trained(asked, frame)), params["objective"])}

    return Entry(f"lightgbm_{name}", "lightgbm", save, rows or asked_of(frame), datatypes_of(frame))


def _labels(scores: Array, objective: str) -> Array:
    """The labels that scores of trees stand for."""
    if objective.startswith("multi"):
        return np.asarray(scores.argmax(axis=1))
    return np.asarray((scores > 0.5).astype(int) if objective.startswith("binary") else scores)


def _xgboost(name: str, estimator: Any, frame: Any, target: Array, file: str = "model.json") -> Entry:
    """A file of an estimator, which itself answers what the server is to."""

    def save(folder: Path) -> Oracle:
        estimator.fit(frame, target)
        estimator.get_booster().save_model(folder / file)
        return lambda asked: {"predict": _predicted(estimator, as_trained(asked, frame))}

    return Entry(f"xgboost_{name}", "xgboost", save, asked_of(frame), datatypes_of(frame))


def _predicted(estimator: Any, frame: Any) -> Array:
    try:
        return np.asarray(estimator.predict(frame))
    except xgboost.core.XGBoostError as error:  # a category that it does not know
        raise ValueError(str(error)) from None


def _refusing(entry: Entry) -> Entry:
    """An estimator of XGBoost, whose own error for a category that it does not know is no ValueError."""

    def save(folder: Path) -> Oracle:
        oracle = entry.save(folder)

        def asked(rows: list[Any]) -> Any:
            try:
                return oracle(rows)
            except xgboost.core.XGBoostError as error:
                raise ValueError(str(error)) from None

        return asked

    return Entry(entry.name, entry.framework, save, entry.rows, entry.datatypes)


def _lgbm(**how: Any) -> Any:
    return lightgbm.LGBMClassifier(n_estimators=4, min_child_samples=3, verbosity=-1, n_jobs=1, **how)


def _xgb(**how: Any) -> Any:
    return xgboost.XGBClassifier(n_estimators=4, n_jobs=1, **how)


def _spaced() -> list[Any]:
    return json_rows(IRIS_FRAME.iloc[[0, 60, 149]])


def _of_lightgbm() -> list[Entry]:
    encoded = make_pipeline(make_column_transformer((OneHotEncoder(), ["grade"]), remainder="passthrough"), _lgbm())
    return [
        _lightgbm("numbers", NUMBERS, INTENSITY, objective="regression"),
        _lightgbm("two_labels", NUMBERS, PAIRS[:, 0], objective="binary"),
        _lightgbm("labels", NUMBERS, _three(), objective="multiclass", num_class=3),
        _lightgbm("categories", CATEGORIES, PAIRS[:, 0], objective="binary"),
        _lightgbm("code_besides", ORDERED, PAIRS[:, 0], ["maker"], objective="binary"),
        _lightgbm("constant_category", CONSTANT, PAIRS[:, 0], objective="binary"),
        _lightgbm("ordered_category", ORDERED, PAIRS[:, 0], objective="binary"),
        _lightgbm("names_with_spaces", IRIS_FRAME, SPECIES, rows=_spaced(), objective="multiclass", num_class=3),
        of_frame("lightgbm_pickled", _lgbm(), NUMBERS, CULTIVARS, "lightgbm"),
        of_frame("lightgbm_pickled_categories", _lgbm(), CATEGORIES, CULTIVARS, "lightgbm"),
        of_frame(
            "lightgbm_in_grid", GridSearchCV(_lgbm(), {"num_leaves": [4]}, cv=2), CATEGORIES, CULTIVARS, "lightgbm"
        ),
        of_frame("lightgbm_in_pipeline", encoded, WINE[["ash", "grade"]], CULTIVARS, "lightgbm"),
    ]


def _three() -> Array:
    found: Array = np.unique(CULTIVARS, return_inverse=True)[1]
    return found


def _of_xgboost() -> list[Entry]:
    voting = VotingClassifier([("a", _xgb()), ("b", _xgb(max_depth=2))], voting="soft")
    return [
        _xgboost("numbers", xgboost.XGBRegressor(n_estimators=4, n_jobs=1), NUMBERS, INTENSITY),
        _xgboost("binary_file", _xgb(), NUMBERS, PAIRS[:, 0], "model.ubj"),
        _xgboost("labels", _xgb(), NUMBERS, _three()),
        _xgboost("categories", _xgb(enable_categorical=True), TEXT_AND_CODE, PAIRS[:, 0]),
        _xgboost("dart", _xgb(enable_categorical=True, booster="dart"), TEXT_AND_CODE, PAIRS[:, 0]),
        _xgboost("constant_category", _xgb(enable_categorical=True), CONSTANT, PAIRS[:, 0]),
        _xgboost("several_labels", _xgb(), NUMBERS, PAIRS),
        _xgboost("several_numbers", xgboost.XGBRegressor(n_estimators=4), NUMBERS, np.column_stack([INTENSITY] * 2)),
        of_frame("xgboost_pickled", _xgb(), NUMBERS, _three(), "xgboost"),
        of_frame("xgboost_voting", voting, NUMBERS, _three(), "xgboost"),
        _refusing(
            of_frame("xgboost_pickled_categories", _xgb(enable_categorical=True), TEXT_AND_CODE, _three(), "xgboost")
        ),
    ]


BOOSTERS = [*_of_lightgbm(), *_of_xgboost()]

"""Explains trees of scikit-learn, run by the Python of an environment that has shap: `python shap_trees.py`."""

import warnings
from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_diabetes, load_iris
from sklearn.ensemble import (
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    IsolationForest,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from eagleray_serving.answers import AnsweringModel, Output
from eagleray_serving.frameworks.sklearn import SklearnModel
from eagleray_serving.rows import parse_rows
from eagleray_serving.trial import try_out

IRIS, DIABETES = load_iris(as_frame=True), load_diabetes(as_frame=True)
TWO = (IRIS.target > 1).astype(int)
SIZES = pd.DataFrame({"size": np.where(IRIS.data.iloc[:, 0] > 6, "large", "small"), "width": IRIS.data.iloc[:, 1]})


def main() -> None:
    small: dict[str, Any] = {"random_state": 1, "max_depth": 3}
    few: dict[str, Any] = {"n_estimators": 20, **small}
    for classifier in (
        DecisionTreeClassifier(**small),
        RandomForestClassifier(**few),
        GradientBoostingClassifier(**few),
        HistGradientBoostingClassifier(max_iter=20, **small),
    ):
        check(classifier.fit(IRIS.data, TWO), IRIS.data)
    for classifier in (DecisionTreeClassifier(**small), RandomForestClassifier(**few)):
        check(classifier.fit(IRIS.data, IRIS.target), IRIS.data)
    for regressor in (
        DecisionTreeRegressor(**small),
        RandomForestRegressor(**few),
        ExtraTreesRegressor(**few),
        GradientBoostingRegressor(**few),
        HistGradientBoostingRegressor(max_iter=20, **small),
    ):
        check(regressor.fit(DIABETES.data, DIABETES.target), DIABETES.data)
    encode = make_column_transformer((OneHotEncoder(), ["size"]), remainder="passthrough")
    check(make_pipeline(encode, RandomForestClassifier(**few)).fit(SIZES, IRIS.target), SIZES)
    for other in (
        IsolationForest(n_estimators=5).fit(IRIS.data),
        HistGradientBoostingRegressor(loss="poisson", max_iter=5).fit(DIABETES.data, DIABETES.target),
        RandomForestClassifier(**few).fit(IRIS.data, np.stack([TWO, 1 - TWO], 1)),
    ):
        assert model_of(other).unexplained is not None, other


def model_of(estimator: Any) -> AnsweringModel:
    model = AnsweringModel(SklearnModel(estimator), Output.LABELS)
    try_out(model)
    return model


def check(estimator: Any, frame: pd.DataFrame) -> None:
    model = model_of(estimator)
    assert model.unexplained is None, (estimator, str(model.unexplained))
    rows = parse_rows(frame[::30].to_dict("records"), model.signature)
    found = model.explain(rows)
    assert list(found.columns) == list(frame.columns), estimator
    total = found.base + found.contributions.sum(axis=2)
    given = frame[::30]
    if hasattr(estimator, "decision_function"):
        raw = estimator.decision_function(given)
    elif hasattr(estimator, "predict_proba"):
        raw = estimator.predict_proba(given)
    else:
        raw = estimator.predict(given)
    assert np.allclose(total, np.reshape(raw, total.shape), rtol=1e-4, atol=1e-5), estimator
    assert np.abs(found.contributions).max() > 0, estimator
    labels = getattr(estimator, "classes_", None)
    expected = ["predict"] if labels is None else list(labels[-total.shape[1] :])
    assert list(found.outputs) == expected, estimator


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main()

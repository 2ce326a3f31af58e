# ruff: noqa: ANN401 - an estimator can be of any class, and so can its input
"""Computes SHAP values of fitted estimators, each by whatever does it exactly.

Boosters do it themselves. In a linear model a column adds its value times its coefficient. For trees of scikit-learn
there is the package shap, which images of ours do not have (docs/adr/0022).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse import issparse
from sklearn.pipeline import Pipeline

from eagleray_serving.explanations import Explanation, not_explained
from eagleray_serving.frameworks.origins import origins
from eagleray_serving.outputs import PREDICT, Answer
from eagleray_serving.rows import Rows
from eagleray_serving.tensors import Array


@dataclass(frozen=True, slots=True)
class Explainer:
    """Explains what a model is given.

    Args:
        terms: What each column adds, and the base last: ``[rows, outputs, columns + 1]``.
        raw: What the model says itself, ``[rows, outputs]``.
    """

    terms: Callable[[Any], Array]
    raw: Callable[[Any], Array]


def explainer_of(estimator: Any, width: int) -> Explainer:
    """The explainer of a fitted estimator or pipeline.

    Args:
        estimator: The estimator.
        width: How many columns it takes.

    Raises:
        InvalidInputError: With status 501 where there is none, and why.
    """
    if hasattr(estimator, "best_estimator_"):
        return explainer_of(estimator.best_estimator_, width)
    if isinstance(estimator, Pipeline):
        return _of_pipeline(estimator, width)
    for find in (_lightgbm, _xgboost, _linear, _trees):
        terms = find(estimator)
        if terms is not None:
            return Explainer(terms, lambda given: raw_of(estimator, given))
    raise not_explained(f"a {type(estimator).__name__} is neither trees nor linear; ask :predict")


def values_of(explainer: Explainer, given: Any) -> Answer:
    """The arrays of an `Explanation`, for what the model is given."""
    terms = explainer.terms(given)
    return {"base": terms[..., -1], "contributions": terms[..., :-1], "raw": explainer.raw(given)}


def explanation_of(rows: Rows, labels: Any, values: Answer) -> Explanation:
    """The explanation of rows.

    Args:
        rows: The rows.
        labels: The labels of a classifier, in the order of its outputs; None for any other model.
        values: What `values_of` tells.
    """
    count = values["raw"].shape[1]
    outputs: list[Any] = [PREDICT] if count == 1 else [str(place) for place in range(count)]
    if isinstance(labels, np.ndarray) and labels.shape == (max(count, 2),):
        outputs = labels[-count:].tolist()  # one output of two labels is of the second
    return Explanation(tuple(column.name for column in rows.columns), tuple(outputs), **values)


def raw_of(estimator: Any, given: Any) -> Array:
    """What an estimator says before it makes a label of that, ``[rows, outputs]``."""
    if hasattr(estimator, "booster_"):
        raw = estimator.predict(given, raw_score=True)
    elif hasattr(estimator, "get_booster"):
        raw = estimator.predict(given, output_margin=True)
    else:
        how = next(name for name in ("decision_function", "predict_proba", "predict") if hasattr(estimator, name))
        raw = getattr(estimator, how)(given)
    return by_output(raw)


def by_output(values: Any) -> Array:
    """Values of each row as ``[rows, outputs]``."""
    return np.asarray(values, dtype=np.float64).reshape(len(values), -1)


def _of_pipeline(pipeline: Pipeline, width: int) -> Explainer:
    front, last = pipeline[:-1], pipeline[-1]
    places = origins(front, list(range(width)))
    inner = explainer_of(last, len(places))
    belongs = np.zeros((len(places) + 1, width + 1))
    belongs[np.arange(len(places) + 1), [*places, width]] = 1

    def terms(given: Any) -> Array:
        return inner.terms(front.transform(given)) @ belongs  # a column has what those that were made of it add

    return Explainer(terms, lambda given: inner.raw(front.transform(given)))


def _lightgbm(estimator: Any) -> Callable[[Any], Array] | None:
    if not hasattr(estimator, "booster_"):
        return None
    width = estimator.n_features_in_ + 1
    return lambda given: np.asarray(estimator.predict(given, pred_contrib=True)).reshape(given.shape[0], -1, width)


def _xgboost(estimator: Any) -> Callable[[Any], Array] | None:
    if not hasattr(estimator, "get_booster"):
        return None
    import xgboost  # noqa: PLC0415 - not in every image that has scikit-learn

    booster = estimator.get_booster()
    last = booster.attr("best_iteration")
    trees = (0, int(last) + 1) if last is not None else (0, 0)

    def terms(given: Any) -> Array:
        data = xgboost.DMatrix(given, missing=estimator.missing, enable_categorical=True)
        found = booster.predict(data, pred_contribs=True, iteration_range=trees, validate_features=False)
        return np.asarray(found).reshape(given.shape[0], -1, data.num_col() + 1)

    return terms


def _linear(estimator: Any) -> Callable[[Any], Array] | None:
    if not isinstance(getattr(estimator, "coef_", None), np.ndarray) or not hasattr(estimator, "intercept_"):
        return None
    coefficients = np.atleast_2d(estimator.coef_)
    intercepts = np.broadcast_to(estimator.intercept_, len(coefficients))

    def terms(given: Any) -> Array:
        values = np.asarray(given.toarray() if issparse(given) else given, dtype=np.float64)
        added = values[:, None, :] * coefficients
        return np.concatenate([added, np.broadcast_to(intercepts[:, None], (*added.shape[:2], 1))], axis=2)

    return terms


def _trees(estimator: Any) -> Callable[[Any], Array] | None:
    if not type(estimator).__module__.startswith(("sklearn.tree.", "sklearn.ensemble.")):
        return None
    try:
        import shap  # noqa: PLC0415 - it is no package of our images
    except ModuleNotFoundError:
        raise not_explained(
            "trees of scikit-learn are explained by the package shap, which this image does not have; build an image "
            "with it from this one and name it in spec.image"
        ) from None
    try:
        explainer = shap.TreeExplainer(estimator, feature_perturbation="tree_path_dependent")
    except Exception as error:  # noqa: BLE001 - it refuses by whatever it stumbles upon
        raise not_explained(f"shap knows no {type(estimator).__name__} ({type(error).__name__})") from None

    def terms(given: Any) -> Array:
        found = np.asarray(explainer.shap_values(given, check_additivity=False))
        added = found[:, None, :] if found.ndim == 2 else np.moveaxis(found, 2, 1)
        base = np.broadcast_to(np.atleast_1d(explainer.expected_value)[None, :, None], (*added.shape[:2], 1))
        return np.concatenate([added, base], axis=2)

    return terms

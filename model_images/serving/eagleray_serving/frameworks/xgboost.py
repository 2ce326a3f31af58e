# ruff: noqa: ANN401 - XGBoost's types are not read here
"""XGBoost: a model saved as JSON or UBJSON (``save_model``), or an estimator, pickled or dumped with joblib."""

import json
import re
import warnings
from pathlib import Path
from typing import Any

import xgboost

from eagleray_serving.errors import ModelLoadError
from eagleray_serving.frameworks import Model, sklearn
from eagleray_serving.frameworks.booster_columns import xgboost_signature
from eagleray_serving.frameworks.boosting import BoostedModel, read_booster
from eagleray_serving.frameworks.device import cannot_use, on_gpu, threads
from eagleray_serving.frameworks.explainers import Explainer, by_output
from eagleray_serving.tensors import Array

SUFFIXES = (".json", ".ubj", ".xgb")

_PLACE = re.compile(r"^\[[\d:]+\] \S+:\d+: ")


def load(path: Path) -> Model:
    """Load a booster or a pickled estimator.

    Args:
        path: A ``.json`` or ``.ubj`` file, a pickle, or a folder with one of them.

    Raises:
        ModelLoadError: The file is missing, or XGBoost cannot read it; or there is a GPU that XGBoost cannot use.
    """
    found, file = read_booster(path, SUFFIXES, _read)
    return _model(found) if isinstance(found, xgboost.Booster) else sklearn.wrap(found, file)


def _read(file: Path) -> Any:
    try:
        with warnings.catch_warnings():  # that the suffix .xgb, of MLflow, tells no format
            warnings.simplefilter("ignore", UserWarning)
            return xgboost.Booster(model_file=str(file))
    except (xgboost.core.XGBoostError, ValueError) as error:
        raise ModelLoadError(
            f"{file.name} is not a model that XGBoost {xgboost.__version__} can read ({_reason(error)}); "
            "write it with save_model()"
        ) from None


def _reason(error: Exception) -> str:
    """XGBoost's message without the place in its source, which comes first, and the stack, which comes last."""
    told = str(error).partition("Stack trace:")[0]
    return " ".join(_PLACE.sub("", told).split())[:500]


def _with_cuda() -> bool:
    if not on_gpu():
        return False
    if not xgboost.build_info().get("USE_CUDA"):
        raise cannot_use("xgboost", f"XGBoost {xgboost.__version__}", "it is built for CPUs")
    return True


def _model(booster: Any) -> BoostedModel:
    cuda = _with_cuda()
    booster.set_param({"nthread": threads()})
    if cuda:
        booster.set_param({"device": "cuda"})
    learner = json.loads(booster.save_config())["learner"]
    if cuda and not learner["generic_param"]["device"].startswith("cuda"):  # it has changed that, with a warning
        raise cannot_use("xgboost", f"XGBoost {xgboost.__version__}", "it finds none that it knows")
    objective = learner["objective"]["name"]
    if objective == "multi:softmax":  # tells the label alone; the same trees tell every probability
        booster.set_param({"objective": "multi:softprob"})
    shape = learner["learner_model_param"]
    count, targets = int(shape["num_class"]), int(shape.get("num_target", 1))
    classes = {"binary:logistic": 2, "multi:softprob": count, "multi:softmax": count}.get(objective, 0)
    last = booster.attr("best_iteration")
    trees = (0, int(last) + 1) if last is not None else (0, 0)

    def scores(matrix: Array) -> Array:
        values: Array = booster.inplace_predict(matrix, iteration_range=trees, validate_features=False)
        return values

    def copied_scores(matrix: Array, **what: bool) -> Array:
        how: dict[str, Any] = {} if linear else {"iteration_range": trees}
        data = xgboost.DMatrix(matrix, feature_types=booster.feature_types, enable_categorical=True)
        values: Array = booster.predict(data, validate_features=False, **how, **what)
        return values

    linear = learner["gradient_booster"]["name"] == "gblinear"  # which has no trees, and no inplace_predict()
    # On a GPU inplace_predict() wants the rows there already, and copies them with a warning where they are not.
    how = copied_scores if linear or cuda else scores
    width = booster.num_features() + 1
    explainer = Explainer(
        terms=lambda matrix: copied_scores(matrix, pred_contribs=True).reshape(len(matrix), -1, width),
        raw=lambda matrix: by_output(copied_scores(matrix, output_margin=True)),
    )
    return BoostedModel(xgboost_signature(booster), classes, how, explainer, targets=targets)

# ruff: noqa: ANN401 - LightGBM has no types
"""LightGBM: a booster saved as text (``save_model``), or an estimator, pickled or dumped with joblib."""

from functools import partial
from pathlib import Path
from typing import Any

import lightgbm

from eagleray_serving.errors import ModelLoadError, first_line
from eagleray_serving.frameworks import Model, sklearn
from eagleray_serving.frameworks.booster_columns import lightgbm_signature
from eagleray_serving.frameworks.boosting import BoostedModel, read_booster
from eagleray_serving.frameworks.device import threads
from eagleray_serving.frameworks.explainers import Explainer, by_output

SUFFIXES = (".txt", ".lgb")


def load(path: Path) -> Model:
    """Load a booster or a pickled estimator.

    Args:
        path: A ``.txt`` or ``.lgb`` file, a pickle, or a folder with one of them.

    Raises:
        ModelLoadError: The file is missing, or LightGBM cannot read it.
    """
    found, file = read_booster(path, SUFFIXES, _read)
    return _model(found) if isinstance(found, lightgbm.Booster) else sklearn.wrap(found, file)


def _read(file: Path) -> Any:
    try:
        return lightgbm.Booster(model_file=str(file))
    except (lightgbm.basic.LightGBMError, ValueError, UnicodeDecodeError) as error:
        raise ModelLoadError(
            f"{file.name} is not a model that LightGBM {lightgbm.__version__} can read ({first_line(error)}); "
            "write it with booster.save_model()"
        ) from None


def _model(booster: Any) -> BoostedModel:
    told = booster.dump_model(num_iteration=1)
    objective = str(told.get("objective", "")).split(" ")[0]
    classes = {"binary": 2, "multiclass": told["num_class"], "multiclassova": told["num_class"]}.get(objective, 0)
    ask = partial(booster.predict, num_threads=threads())
    width = booster.num_feature() + 1
    explainer = Explainer(
        terms=lambda matrix: ask(matrix, pred_contrib=True).reshape(len(matrix), -1, width),
        raw=lambda matrix: by_output(ask(matrix, raw_score=True)),
    )
    return BoostedModel(lightgbm_signature(booster), classes, ask, explainer)

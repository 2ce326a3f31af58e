# ruff: noqa: ANN401 - pandas and LightGBM have no types
"""LightGBM: a booster saved as text (``save_model``), or an estimator, pickled or dumped with joblib."""

from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pandas as pd

from eagleray_serving.errors import ModelLoadError, first_line
from eagleray_serving.frameworks import Model, sklearn
from eagleray_serving.frameworks.boosting import BoostedModel, read_booster
from eagleray_serving.frameworks.device import threads
from eagleray_serving.rows import Column, Kind, Rows, Signature
from eagleray_serving.tensors import Array

SUFFIXES = (".txt", ".lgb")

_UNNAMED = "Column_"


def load(path: Path) -> Model:
    """Load a booster or a pickled estimator.

    Args:
        path: A ``.txt`` or ``.lgb`` file, a pickle, or a folder with one of them.

    Raises:
        ModelLoadError: The file is missing, or LightGBM cannot read it.
    """
    found, file = read_booster(path, SUFFIXES, _read)
    return _model(found, file) if isinstance(found, lightgbm.Booster) else sklearn.wrap(found, file)


def _read(file: Path) -> Any:
    try:
        return lightgbm.Booster(model_file=str(file))
    except (lightgbm.basic.LightGBMError, ValueError, UnicodeDecodeError) as error:
        raise ModelLoadError(
            f"{file.name} is not a model that LightGBM {lightgbm.__version__} can read ({first_line(error)}); "
            "write it with booster.save_model()"
        ) from None


def _model(booster: Any, file: Path) -> BoostedModel:
    told = booster.dump_model(num_iteration=1)
    objective = str(told.get("objective", "")).split(" ")[0]
    classes = {"binary": 2, "multiclass": told["num_class"], "multiclassova": told["num_class"]}.get(objective, 0)
    categories = _categories(booster, told, file)
    signature = _signature(booster.feature_name(), categories)

    def scores(rows: Rows) -> Array:
        values: Array = booster.predict(_frame(rows, categories) if categories else rows.values, num_threads=threads())
        return values

    return BoostedModel(signature, classes, scores)


def _categories(booster: Any, told: dict[str, Any], file: Path) -> dict[str, list[Any]]:
    """The values of each column that pandas held as categories when the booster was trained."""
    known: list[list[Any]] = booster.pandas_categorical or []
    infos = told["feature_infos"]
    names = [name for name in booster.feature_name() if infos.get(name, {}).get("values")]
    if known and len(names) != len(known):
        raise ModelLoadError(
            f"{file.name} has {len(known)} columns of categories, and its trees use {len(names)} of them: which is "
            "which cannot be told; pickle the estimator instead, or train with numbers"
        )
    return dict(zip(names, known, strict=True)) if known else {}


def _signature(names: list[str], categories: dict[str, list[Any]]) -> Signature:
    named = not all(name == f"{_UNNAMED}{place}" for place, name in enumerate(names))
    labels = names if named else [str(place) for place in range(len(names))]
    return Signature(columns=tuple(_column(label, categories.get(label)) for label in labels), named=named)


def _column(name: str, values: list[Any] | None) -> Column:
    if values is None:
        return Column(name, Kind.NUMBER)
    text = all(isinstance(value, str) for value in values)
    return Column(name, Kind.STRING if text else Kind.ANY)


def _frame(rows: Rows, categories: dict[str, list[Any]]) -> Any:
    columns = {}
    for place, name in enumerate(rows.names or ()):
        values = rows.values[:, place]
        known = categories.get(name)
        columns[name] = values.astype(np.float64) if known is None else _categorical(values, known)
    return pd.DataFrame(columns)


def _categorical(values: Array, known: list[Any]) -> Any:
    """What is unknown is missing, as in LightGBM itself."""
    return pd.Categorical.from_codes(pd.Index(known).get_indexer(values), categories=known)

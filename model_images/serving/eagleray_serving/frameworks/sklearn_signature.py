# ruff: noqa: ANN401 - an estimator can be of any class
"""Reads from a fitted scikit-learn estimator what columns it takes.

Where it is not sure it says ANY, and the model decides.
"""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils import get_tags

from eagleray_serving.rows import Column, Kind, Signature


def signature_of(estimator: Any) -> Signature:
    """The signature of a fitted estimator or pipeline; for anything else one that any rectangular input fits."""
    estimator = getattr(estimator, "best_estimator_", estimator)
    if _reads_text(_first_step(estimator)):
        return Signature(columns=None, text=True)
    names = getattr(estimator, "feature_names_in_", None)
    width = len(names) if names is not None else getattr(estimator, "n_features_in_", None)
    if width is None:
        return Signature(columns=None)
    labels = [str(name) for name in names] if names is not None else [str(place) for place in range(width)]
    columns = _columns(estimator, [Column(label) for label in labels])
    return Signature(columns=tuple(columns), named=names is not None)


def _columns(estimator: Any, columns: list[Column]) -> list[Column]:
    """The columns with what this estimator, which reads them first, says about each."""
    estimator = _first_step(estimator)
    if isinstance(estimator, ColumnTransformer):
        return _column_transformer(estimator, columns)
    categories = getattr(estimator, "categories_", None)
    if isinstance(categories, list) and len(categories) == len(columns):
        return [_encoded(column, values, estimator) for column, values in zip(columns, categories, strict=True)]
    if isinstance(estimator, SimpleImputer):
        text = np.asarray(estimator.statistics_).dtype.kind in "OUST"
        return [replace(column, kind=Kind.ANY if text else Kind.NUMBER) for column in columns]
    kind = Kind.STRING if _reads_text(estimator) else Kind.NUMBER if _reads_numbers_only(estimator) else Kind.ANY
    return [replace(column, kind=kind) for column in columns]


def _column_transformer(estimator: ColumnTransformer, columns: list[Column]) -> list[Column]:
    result = [replace(column, required=False) for column in columns]
    places_of: dict[str, list[int]] = getattr(estimator, "_transformer_to_input_indices", {})
    if not places_of:
        return columns
    readers: dict[int, list[Column]] = {}
    for name, transformer, _ in estimator.transformers_:
        if isinstance(transformer, str) and transformer == "drop":
            continue
        places = list(places_of.get(name, ()))
        for place, column in zip(places, _columns(transformer, [columns[place] for place in places]), strict=True):
            readers.setdefault(place, []).append(column)
    for place, found in readers.items():
        result[place] = found[0] if len(found) == 1 else replace(columns[place], kind=_common_kind(found))
    return result


def _common_kind(columns: list[Column]) -> Kind:
    kinds = {column.kind for column in columns}
    return kinds.pop() if len(kinds) == 1 else Kind.ANY


def _encoded(column: Column, categories: Any, encoder: Any) -> Column:
    values = [value for value in np.asarray(categories, dtype=object).tolist() if not pd.isna(value)]
    kind = Kind.ANY
    if values and all(isinstance(value, str) for value in values):
        kind = Kind.STRING
    elif values and all(isinstance(value, bool | int | float | np.number | np.bool_) for value in values):
        kind = Kind.NUMBER
    strict = getattr(encoder, "handle_unknown", None) == "error"
    return replace(column, kind=kind, values=frozenset(values) if strict and values else None)


def _first_step(estimator: Any) -> Any:
    while isinstance(estimator, Pipeline):
        estimator = next((step for _, step in estimator.steps if step is not None and step != "passthrough"), None)
    return estimator


def _reads_text(estimator: Any) -> bool:
    if not isinstance(estimator, BaseEstimator):
        return False
    tags = get_tags(estimator).input_tags
    return bool(tags.string and not tags.two_d_array)


def _reads_numbers_only(estimator: Any) -> bool:
    """Sure only of scikit-learn's own that neither encode categories nor pass their input to another."""
    if not isinstance(estimator, BaseEstimator) or not type(estimator).__module__.startswith("sklearn."):
        return False
    if isinstance(estimator, FunctionTransformer) or getattr(estimator, "is_categorical_", None) is not None:
        return False
    tags = get_tags(estimator).input_tags
    nested = any(hasattr(value, "fit") for value in estimator.get_params(deep=True).values())
    return bool(tags.two_d_array and not tags.categorical and not tags.string and not nested)

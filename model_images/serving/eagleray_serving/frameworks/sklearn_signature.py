# ruff: noqa: ANN401 - an estimator can be of any class
"""Reads from a fitted scikit-learn estimator what columns it takes, and of what type each is.

What an estimator takes is what those of its parts take that read the input first. Where none of them is sure a column
is ANY, and each row's own value decides.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import reduce
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction import DictVectorizer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils import get_tags

from eagleray_serving.columns import Column, Kind, Missing, kind_of_values, told_both
from eagleray_serving.frameworks.booster_columns import lightgbm_signature, xgboost_signature
from eagleray_serving.rows import Signature

_PARTS = (
    "best_estimator_",
    "estimator_",
    "regressor_",
    "estimators_",
    "transformer_list",
    "calibrated_classifiers_",
    "estimator",
)
"""Where estimators keep those that are given their own input, most telling first."""


def signature_of(estimator: Any) -> Signature:
    """The signature of a fitted estimator or pipeline; for anything else one that any rectangular input fits."""
    readers = list(_readers(estimator))
    if any(isinstance(reader, DictVectorizer) for reader in readers):
        return Signature(columns=None, objects=True)
    if any(_reads_text(reader) for reader in readers):
        return Signature(columns=None, text=True)
    names = _told(estimator, readers, "feature_names_in_")
    width = len(names) if names is not None else _told(estimator, readers, "n_features_in_")
    if width is None:
        return Signature(columns=None)
    labels = [str(name) for name in names] if names is not None else [str(place) for place in range(width)]
    columns = _columns(estimator, [Column(label) for label in labels])
    return Signature(columns=tuple(columns), named=names is not None)


def _told(estimator: Any, readers: Sequence[Any], name: str) -> Any:
    """What the estimator tells of its input, or the first of those that read it."""
    return next((told for each in (estimator, *readers) if (told := getattr(each, name, None)) is not None), None)


def _readers(estimator: Any) -> Iterator[Any]:
    """The estimators that are given the input as it is, and read it."""
    estimator = _first_step(estimator)
    parts = _parts(estimator)
    if not parts:
        yield estimator
    for part in parts:
        yield from _readers(part)


def _parts(estimator: Any) -> list[Any]:
    """The fitted estimators that this one hands its input on to; none where it reads that itself."""
    if not _hands_on(estimator):
        return []
    found: Any = next((parts for name in _PARTS if (parts := getattr(estimator, name, None)) is not None), [])
    listed = list(np.ravel(np.array(found, dtype=object))) if isinstance(found, np.ndarray) else found
    listed = listed if isinstance(listed, list) else [listed]
    estimators = [each[1] if isinstance(each, tuple) else each for each in listed]
    return [each for each in estimators if hasattr(each, "fit") or hasattr(each, "estimator")]


def _hands_on(estimator: Any) -> bool:
    """Whether others read its input: those that it was made of, or those of a fold of CalibratedClassifierCV."""
    if not isinstance(estimator, BaseEstimator):
        return not hasattr(estimator, "fit") and hasattr(estimator, "estimator")
    if isinstance(estimator, ColumnTransformer):
        return False
    return any(hasattr(value, "fit") for value in estimator.get_params(deep=True).values())


def _columns(estimator: Any, columns: list[Column]) -> list[Column]:
    """The columns with what those that read them first say about each."""
    found = [_read(reader, columns) for reader in _readers(estimator)]
    sure = [each for each in found if len(each) == len(columns)]
    return [reduce(told_both, said) for said in zip(*sure, strict=True)] if sure else columns


def _read(estimator: Any, columns: list[Column]) -> list[Column]:
    """What one reader says about its columns; fewer or more where it reads others."""
    said = (says(estimator, columns) for says in (_chosen, _boosted, _encoded, _imputed, _histogram))
    found = next((each for each in said if each is not None), None)
    return [replace(column, **_plain(estimator)) for column in columns] if found is None else found


def _chosen(estimator: Any, columns: list[Column]) -> list[Column] | None:
    return _column_transformer(estimator, columns) if isinstance(estimator, ColumnTransformer) else None


def _boosted(estimator: Any, columns: list[Column]) -> list[Column] | None:
    """What the trees say in an estimator of LightGBM or XGBoost."""
    if hasattr(estimator, "booster_"):
        found = lightgbm_signature(estimator.booster_)
    elif hasattr(estimator, "get_booster"):
        found = xgboost_signature(estimator.get_booster())
    else:
        return None
    return [replace(told, name=column.name) for told, column in zip(found.columns or (), columns, strict=False)]


def _encoded(estimator: Any, columns: list[Column]) -> list[Column] | None:
    """The type of an encoder's categories, and the mark that is one of them where training had a missing value."""
    categories = getattr(estimator, "categories_", None)
    if not isinstance(categories, list) or len(categories) != len(columns):
        return None
    strict = getattr(estimator, "handle_unknown", None) == "error"
    return [_category(column, values, strict=strict) for column, values in zip(columns, categories, strict=True)]


def _category(column: Column, categories: Any, *, strict: bool) -> Column:
    listed = np.asarray(categories, dtype=object).tolist()
    values = [value for value in listed if not _is_missing(value)]
    missing = Missing.NONE if any(value is None for value in listed) else Missing.NAN
    if strict and values:
        missing = Missing.REFUSED if len(values) == len(listed) else missing
        column = replace(column, values=frozenset(values))
    return replace(column, kind=kind_of_values(values), missing=missing)


def _imputed(estimator: Any, columns: list[Column]) -> list[Column] | None:
    if not isinstance(estimator, SimpleImputer):
        return None
    missing = Missing.NONE if estimator.missing_values is None else Missing.NAN
    kinds = [_statistic(value) for value in estimator.statistics_]
    return [replace(column, kind=kind, missing=missing) for column, kind in zip(columns, kinds, strict=True)]


def _statistic(value: Any) -> Kind:
    """The kind of column for which an imputer has this value."""
    kind = Kind.ANY if _is_missing(value) and not isinstance(value, np.floating) else kind_of_values([value])
    return Kind.NUMBER if kind is Kind.INTEGER else kind  # as pandas holds whole numbers of which some are missing


def _histogram(estimator: Any, columns: list[Column]) -> list[Column] | None:
    """What HistGradientBoosting encodes, where it has categories."""
    inner = getattr(estimator, "_preprocessor", None)
    return _column_transformer(inner, columns) if isinstance(inner, ColumnTransformer) else None


def _plain(estimator: Any) -> dict[str, Any]:
    if _reads_text(estimator):
        return {"kind": Kind.STRING, "missing": Missing.REFUSED}
    return {"kind": Kind.NUMBER if _reads_numbers(estimator) else Kind.ANY}


def _column_transformer(estimator: ColumnTransformer, columns: list[Column]) -> list[Column]:
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
    dropped = [replace(column, required=False) for column in columns]
    return [reduce(told_both, readers[place]) if place in readers else column for place, column in enumerate(dropped)]


def _is_missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _first_step(estimator: Any) -> Any:
    while isinstance(estimator, Pipeline):
        estimator = next((step for _, step in estimator.steps if step is not None and step != "passthrough"), None)
    return estimator


def _reads_text(estimator: Any) -> bool:
    if not isinstance(estimator, BaseEstimator):
        return False
    tags = get_tags(estimator).input_tags
    return bool(tags.string and not tags.two_d_array)


def _reads_numbers(estimator: Any) -> bool:
    """Sure only of scikit-learn's own that do not encode categories."""
    if not isinstance(estimator, BaseEstimator) or not type(estimator).__module__.startswith("sklearn."):
        return False
    if isinstance(estimator, FunctionTransformer) or getattr(estimator, "is_categorical_", None) is not None:
        return False
    tags = get_tags(estimator).input_tags
    return bool(tags.two_d_array and not tags.categorical and not tags.string)

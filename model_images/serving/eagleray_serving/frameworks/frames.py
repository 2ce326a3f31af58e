# ruff: noqa: ANN401 - pandas has no types here
"""Rows as scikit-learn's estimators take them: a frame of pandas, or one array."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from eagleray_serving.columns import Column, Kind, Missing, hold
from eagleray_serving.outputs import Answer
from eagleray_serving.rows import Rows
from eagleray_serving.tensors import EXACT, Array

_LARGEST = np.iinfo(np.int64).max
_KINDS = {bool: Kind.BOOLEAN, str: Kind.STRING, int: Kind.NUMBER, float: Kind.NUMBER}


def alike(rows: Rows) -> list[tuple[Array, Rows]]:
    """The rows in groups, in each of which a column that may hold anything holds values of one kind.

    A frame's column has one type. So a row's own values decide what the model is given, and not the rows beside it: a
    number and a missing value are NaN and float64, text is text.

    Returns:
        The places of each group's rows, and these.
    """
    if rows.matrix is not None:
        return [(np.arange(len(rows)), rows)]
    loose = [place for place, column in enumerate(rows.columns) if column.kind is Kind.ANY and column.required]
    if not loose:
        return [(np.arange(len(rows)), rows)]
    kinds = [tuple(map(_kind, row)) for row in zip(*(rows.arrays[place] for place in loose), strict=True)]
    groups: dict[tuple[Kind, ...], list[int]] = {}
    for row, found in enumerate(kinds):
        groups.setdefault(found, []).append(row)
    if len(groups) == 1:
        return [(np.arange(len(rows)), _typed(rows, dict(zip(loose, kinds[0], strict=True))))]
    return [
        (np.array(places), _typed(rows[places], dict(zip(loose, found, strict=True))))
        for found, places in groups.items()
    ]


def answered_alike(rows: Rows, answer: Callable[[Rows], Answer]) -> Answer:
    """What a model answers to rows of which it is given each group of `alike` ones by itself.

    Args:
        rows: The rows.
        answer: Answers one group.
    """
    groups = alike(rows)
    if len(groups) == 1:
        return answer(groups[0][1])
    order = np.argsort(np.concatenate([places for places, _ in groups]), kind="stable")
    answers = [answer(group) for _, group in groups]
    return {name: np.concatenate([each[name] for each in answers])[order] for name in answers[0]}


def given_to_model(rows: Rows) -> Any:
    """What the estimator is called with: a frame where columns have names; else one array."""
    if not rows.columns:
        return rows.arrays[0]
    matrix = rows.matrix
    if matrix is not None and not rows.named:
        return matrix
    names = [column.name for column in rows.columns]
    if matrix is not None:
        return pd.DataFrame(matrix, columns=names, copy=False)
    if rows.named:
        series = [_series(values, column) for values, column in zip(rows.arrays, rows.columns, strict=True)]
        return pd.DataFrame(dict(zip(names, series, strict=True)), copy=False)
    one_type = len({array.dtype for array in rows.arrays}) == 1
    return np.column_stack(rows.arrays if one_type else [array.astype(object) for array in rows.arrays])


def _series(values: Array, column: Column) -> Any:
    if column.categories:
        codes = pd.Index(column.categories).get_indexer(values)
        return pd.Series(pd.Categorical.from_codes(codes, categories=list(column.categories)))
    text = column.kind is Kind.STRING and column.missing is not Missing.NONE
    return pd.Series(pd.array(values, dtype="str") if text else values, dtype=None if text else values.dtype)


def _kind(value: Any) -> Kind:
    large = type(value) is int and EXACT < abs(value) <= _LARGEST
    return Kind.INTEGER if large else _KINDS[type(value)]


def _typed(rows: Rows, kinds: dict[int, Kind]) -> Rows:
    columns = list(rows.columns)
    arrays = list(rows.arrays)
    for place, kind in kinds.items():
        columns[place] = replace(columns[place], kind=kind)
        arrays[place] = hold(arrays[place], columns[place])
    return Rows(tuple(arrays), tuple(columns), rows.named)

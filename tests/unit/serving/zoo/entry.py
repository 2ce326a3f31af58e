"""What the zoo is made of: saved models, rows for them, and what each model itself says to these rows."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd

from eagleray_serving.tensors import Array

Oracle = Callable[[list[Any]], Mapping[str, Array]]
"""The model itself, without the server: from rows as JSON has them to what it answers for each, by output."""


@dataclass(frozen=True)
class Entry:
    """A model of the zoo.

    Args:
        name: Its name, which names the test too.
        framework: What is to load it.
        save: Trains it, saves it in a folder as its users do, and returns the model itself.
        rows: Rows of requests. Where the model itself raises for one, the server is to refuse it.
        datatypes: The protocol's type of each column; empty where columns have no names.
        row: The protocol's type and sizes of a row that is one value or one tensor; None where rows have columns.
    """

    name: str
    framework: str
    save: Callable[[Path], Oracle]
    rows: Sequence[Any]
    datatypes: Mapping[str, str] = field(default_factory=dict)
    row: tuple[str, tuple[int, ...]] | None = None


def as_trained(rows: list[Any], trained: Any) -> Any:
    """A frame of rows that has the types of the frame that the model was trained on."""
    found = {}
    for name in trained.columns:
        values, dtype = [row.get(name) for row in rows], trained[name].dtype
        if isinstance(dtype, pd.CategoricalDtype):
            unseen = {value: None for value in values if value is not None and value not in dtype.categories}
            dtype = pd.CategoricalDtype([*dtype.categories, *unseen], ordered=dtype.ordered)
        elif dtype.kind in "ib" and None in values:  # as pandas holds them then
            dtype = np.dtype(float if dtype.kind == "i" else object)
        found[name] = pd.Series(values, dtype=dtype)
    return pd.DataFrame(found)


def json_rows(frame: Any) -> list[dict[str, Any]]:
    """A frame's rows as JSON has them: null where a value is missing."""
    columns = {name: frame[name].astype(object).tolist() for name in frame.columns}
    listed = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
    return [{name: None if pd.isna(value) else value for name, value in row.items()} for row in listed]


def asked_of(frame: Any) -> list[dict[str, Any]]:
    """Rows like those of a frame: typical ones, each column null in turn, all null, and what training never saw."""
    typical = json_rows(frame.iloc[[0, len(frame) // 2, len(frame) - 1]])
    first = {name: next(row[name] for row in json_rows(frame) if row[name] is not None) for name in frame.columns}
    strange = {name: _STRANGE.get(type(value), value) for name, value in first.items()}
    return [*typical, first, *({**first, name: None} for name in first), dict.fromkeys(first), strange]


_STRANGE: dict[type, Any] = {str: "unheard of", int: 977, float: -0.125}


def datatypes_of(frame: Any) -> dict[str, str]:
    """The protocol's type of each column of a frame."""
    names = {float: "FP64", int: "INT64", bool: "BOOL", str: "BYTES"}
    first = {name: next(row[name] for row in json_rows(frame) if row[name] is not None) for name in frame.columns}
    return {name: names[type(value)] for name, value in first.items()}


def answers(model: Any, given: Any) -> dict[str, Array]:
    """What an estimator answers."""
    return {"predict": _dense(model.predict(given))}


def _dense(values: Any) -> Array:
    return np.asarray(values.toarray() if hasattr(values, "toarray") else values)


def of_frame(name: str, model: Any, frame: Any, target: Any, framework: str = "sklearn") -> Entry:
    """An estimator that is trained on a frame, and dumped with joblib."""

    def save(folder: Path) -> Oracle:
        model.fit(frame, target)
        joblib.dump(model, folder / "model.joblib")
        return lambda rows: answers(model, as_trained(rows, frame))

    return Entry(name, framework, save, asked_of(frame), datatypes_of(frame))


def of_array(name: str, model: Any, values: Any, target: Any, rows: Sequence[Any] | None = None) -> Entry:
    """An estimator that is trained on an array without names."""

    def save(folder: Path) -> Oracle:
        model.fit(values, target)
        joblib.dump(model, folder / "model.joblib")
        return lambda listed: answers(model, np.array(listed, dtype=values.dtype))

    width, kind = values.shape[1], {"f": "FP64", "i": "INT64"}.get(values.dtype.kind)
    some = [*values[[0, len(values) // 2, -1]].tolist(), [None, *values[0, 1:].tolist()], [None] * width]
    return Entry(name, "sklearn", save, some if rows is None else rows, row=(kind, (width,)) if kind else None)


def of_rows(name: str, model: Any, rows: Sequence[Any], target: Any, more: Sequence[Any]) -> Entry:
    """An estimator each of whose rows is a text or an object."""

    def save(folder: Path) -> Oracle:
        model.fit(list(rows), target)
        joblib.dump(model, folder / "model.joblib")
        return lambda listed: answers(model, listed)

    return Entry(name, "sklearn", save, [*rows[:3], *more], row=("BYTES", ()) if isinstance(rows[0], str) else None)

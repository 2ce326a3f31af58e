# ruff: noqa: ANN401 - LightGBM and XGBoost have no types here, and need not be installed
"""What columns a booster of LightGBM or XGBoost takes, its own or a pickled estimator's.

Either keeps the categories of a pandas frame that it was trained on.
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

from eagleray_serving.columns import Column, Kind, kind_of_values
from eagleray_serving.errors import ModelLoadError
from eagleray_serving.rows import Signature

_UNNAMED = "Column_"
_LISTED = re.compile(r"^\[categorical_feature: ([\d,]+)\]$", re.MULTILINE)


def lightgbm_signature(booster: Any) -> Signature:
    """What a booster of LightGBM takes.

    Raises:
        ModelLoadError: It was trained on categories, and which column had which cannot be told.
    """
    names: list[str] = booster.feature_name()
    named = not all(name == f"{_UNNAMED}{place}" for place, name in enumerate(names))
    columns = [Column(name if named else str(place), Kind.NUMBER) for place, name in enumerate(names)]
    known: list[list[Any]] = booster.pandas_categorical or []
    for place, values in zip(_places(booster, known), known, strict=True):
        columns[place] = _categorical(columns[place], values)
    return Signature(tuple(columns), named=named, spaceless=any("_" in name for name in names))


def xgboost_signature(booster: Any) -> Signature:
    """What a booster of XGBoost takes."""
    names = booster.feature_names
    labels = [str(name) for name in names] if names else [str(place) for place in range(booster.num_features())]
    columns = [Column(label, Kind.NUMBER) for label in labels]
    if "c" in (booster.feature_types or ()):
        for place, values in enumerate(_xgboost_categories(booster)):
            if values:  # which it takes no others than; without them a category is its code
                columns[place] = replace(_categorical(columns[place], values), values=frozenset(values))
    return Signature(tuple(columns), named=bool(names))


def _categorical(column: Column, values: Sequence[Any]) -> Column:
    return replace(column, kind=kind_of_values(values), categories=tuple(values))


def _places(booster: Any, known: list[list[Any]]) -> Sequence[int]:
    """The places of the columns that pandas held as categories, in order.

    LightGBM keeps the categories, and not whose they are. Its own list is of those columns, but for ordered ones, where
    the training named none besides. Else the values in the trees tell, if they fit in one way.
    """
    if not known:
        return ()
    found = _LISTED.search(booster.model_to_string(num_iteration=1))
    listed = [int(place) for place in found.group(1).split(",")] if found else []
    infos = booster.dump_model(num_iteration=1)["feature_infos"]
    seen = [infos.get(name, {}) for name in booster.feature_name()]
    if len(listed) == len(known) and all(_holds(seen[place], each) for place, each in zip(listed, known, strict=True)):
        return listed
    ways = _ways(seen, known)
    first, second = next(ways, None), next(ways, None)
    if first is None or second is not None:
        raise ModelLoadError(
            f"LightGBM's model has {len(known)} columns of pandas' categories, and does not tell which; train it with "
            "categorical_feature='auto', or pass whole numbers in place of categories"
        )
    return first


def _ways(seen: list[dict[str, Any]], known: list[list[Any]], start: int = 0) -> Iterator[tuple[int, ...]]:
    """Each way to give the categories to columns, in order, so that they cover what the trees have seen."""
    if not known:
        yield ()
        return
    for place in range(start, len(seen) - len(known) + 1):
        if _holds(seen[place], known[0]):
            yield from ((place, *rest) for rest in _ways(seen, known[1:], place + 1))


def _holds(seen: dict[str, Any], categories: list[Any]) -> bool:
    """Whether all that the trees have seen of a column are codes of these categories."""
    ends = [seen.get("min_value", 0), seen.get("max_value", 0)]
    return all(float(code).is_integer() and -1 <= code < len(categories) for code in [*ends, *seen.get("values", ())])


def _xgboost_categories(booster: Any) -> list[list[Any]]:
    """The categories of each column, in the order of their codes; none where it holds numbers."""
    trees = json.loads(bytes(booster.save_raw("json")))["learner"]["gradient_booster"]
    trees = trees.get("gbtree", trees)  # dart has weights around its trees
    kept = trees.get("model", {}).get("cats", {}).get("enc", [])
    return [_texts(each) if "offsets" in each else list(each["values"]) for each in kept]


def _texts(kept: dict[str, list[int]]) -> list[Any]:
    ends, data = kept["offsets"], bytes(value % 256 for value in kept["values"])
    return [data[start:end].decode() for start, end in pairwise(ends)]

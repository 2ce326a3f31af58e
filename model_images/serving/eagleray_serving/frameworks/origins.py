# ruff: noqa: ANN401 - a transformer can be of any class
"""Which input column each column that a fitted transformer makes is of."""

import copy
import re
from typing import Any

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import FeatureUnion, Pipeline

from eagleray_serving.explanations import not_explained

# What no name of a column or category has in it: the names of what a transformer makes are asked for with these.
_MARK = "\x1f"
_MARKED = re.compile(f"{_MARK}(\\d+){_MARK}")


def origins(transformer: Any, places: list[int]) -> list[int]:
    """The place of the input column that each column of a transformer's output is of.

    Args:
        transformer: The fitted transformer.
        places: The place of each column that it is given.

    Raises:
        InvalidInputError: With status 501 where one is of several, or it cannot be told.
    """
    if transformer is None or isinstance(transformer, str):  # "passthrough"
        return places
    if isinstance(transformer, Pipeline):
        for _, step in transformer.steps:
            places = origins(step, places)
        return places
    if isinstance(transformer, FeatureUnion):
        parts = (each for _, each in transformer.transformer_list if not _drops(each))
        return [place for part in parts for place in origins(part, places)]
    if isinstance(transformer, ColumnTransformer):
        return _of_columns(transformer, places)
    return _of_names(transformer, places)


def _drops(transformer: Any) -> bool:
    return isinstance(transformer, str) and transformer == "drop"


def _of_columns(transformer: ColumnTransformer, places: list[int]) -> list[int]:
    found: dict[int, int] = {}
    given = transformer._transformer_to_input_indices  # noqa: SLF001 - nothing public tells it
    for name, part, _ in transformer.transformers_:
        if _drops(part):
            continue
        made = transformer.output_indices_[name]
        whence = origins(part, [places[place] for place in given[name]])
        found.update(zip(range(made.start, made.stop), whence, strict=True))
    return [found[place] for place in range(len(found))]


def _of_names(transformer: Any, places: list[int]) -> list[int]:
    nameless = copy.copy(transformer)
    nameless.__dict__.pop("feature_names_in_", None)  # else it takes no other names
    marked = np.array([f"{_MARK}{place}{_MARK}" for place in range(len(places))], dtype=object)
    try:
        names = [str(name) for name in nameless.get_feature_names_out(marked)]
    except (AttributeError, ValueError, NotImplementedError):
        raise not_explained(f"{type(transformer).__name__} does not tell which columns it makes of which") from None
    if len(places) == 1:
        return places * len(names)
    found = [set(map(int, _MARKED.findall(name))) for name in names]
    if any(len(each) != 1 for each in found):
        raise not_explained(f"{type(transformer).__name__} makes a column of several, which share what it adds")
    return [places[place] for each in found for place in each]

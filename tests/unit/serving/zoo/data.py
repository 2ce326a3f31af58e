"""What the models of the zoo are trained on: made of the sets that scikit-learn brings along."""

from typing import Any

import numpy as np
import pandas as pd
from sklearn.datasets import load_iris, load_wine

_wine = load_wine(as_frame=True)
_regions = np.array(["north", "south", "west"])
_size = len(_wine.frame)
_missing = np.arange(_size) % 7 == 3

LARGE = 2**53
"""From here float64 no longer holds every whole number."""


def wine() -> Any:
    """Wines: numbers, of which some are missing, text, of which some is missing, codes, ids, a boolean and a note."""
    told = _wine.frame
    region = _regions[(told["proline"].rank() * 3 // (_size + 1)).astype(int)]
    return pd.DataFrame(
        {
            "alcohol": told["alcohol"].where(~_missing),
            "ash": told["ash"],
            "region": pd.array(np.where(_missing, None, region), dtype="str"),
            "grade": (told["magnesium"] // 30).astype("int64"),
            "maker": LARGE + 1 + (told["flavanoids"].rank() * 4 // (_size + 1)).astype("int64"),
            "organic": told["hue"] > 1,
            "note": ["dark and heavy" if c > 5 else "pale, light" for c in told["color_intensity"]],
        }
    )


def of_old_pandas(frame: Any) -> Any:
    """A frame as pandas 2 and numpy held text: objects, in which None is missing."""
    columns = {
        name: frame[name].astype(object).where(frame[name].notna(), None) if frame[name].dtype == "str" else frame[name]
        for name in frame.columns
    }
    return pd.DataFrame(columns)


def categorical(frame: Any, *names: str) -> Any:
    """A frame some columns of which are pandas' categories."""
    return frame.assign(**{name: frame[name].astype("category") for name in names})


CULTIVARS = np.array(["barbera", "barolo", "grignolino"])[_wine.target]
"""The label of each wine."""
INTENSITY = _wine.frame["color_intensity"].to_numpy()
"""A number of each wine."""
PAIRS = np.column_stack([_wine.target == 0, INTENSITY > 5, _wine.frame["hue"] > 1]).astype(int)
"""Three labels of each wine, each 0 or 1."""
IRIS = load_iris().data
"""Four numbers a flower."""
SPECIES = load_iris().target
"""The label of each flower."""
IRIS_FRAME = load_iris(as_frame=True).data
"""The numbers with their names, which have spaces."""
NUMBERS = wine()[["alcohol", "ash"]]
"""Columns of numbers, of which the first misses some."""
TEXTS = [f"{cultivar} {note}" for cultivar, note in zip(CULTIVARS[::3], wine()["note"].to_list()[::3], strict=True)]
"""Short texts."""
TEXT_LABELS = CULTIVARS[::3]
"""Their labels."""

"""What models of tests take, and what they answer, an output at a time; and what pages of docs say to do."""

import re
from pathlib import Path
from typing import Any

import numpy as np

from eagleray_serving.frameworks import Model
from eagleray_serving.outputs import PREDICT, PREDICT_PROBA
from eagleray_serving.rows import Rows, Signature
from eagleray_serving.tensors import Array, Tensor

DOCS = Path(__file__).parents[3] / "docs"
SEVERAL = Signature(None, tensors=(Tensor("ids", np.dtype(np.int64), (None,)), Tensor("age", np.dtype(np.float32), ())))
"""A row is some whole numbers and a number."""


def answers_of(model: Model, rows: Rows) -> Array:
    """Its labels or values."""
    return model.predict(rows, [PREDICT])[PREDICT]


def probabilities_of(model: Model, rows: Rows) -> Array:
    """Its probabilities."""
    return model.predict(rows, [PREDICT_PROBA])[PREDICT_PROBA]


def listed(rows: Rows) -> list[Any]:
    """The values of each row."""
    if len(rows.arrays) == 1:
        return list(rows.arrays[0].tolist())
    return [list(row) for row in zip(*(values.tolist() for values in rows.arrays), strict=True)]


def blocks(page: str, *languages: str) -> list[str]:
    """The blocks of code of a page, which are in these languages."""
    found = re.findall(r"^```(\w+)\n(.*?)^```$", (DOCS / page).read_text(), re.MULTILINE | re.DOTALL)
    assert [language for language, _ in found] == list(languages)
    return [block for _, block in found]

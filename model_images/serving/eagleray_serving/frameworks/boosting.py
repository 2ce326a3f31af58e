"""What LightGBM and XGBoost have in common: their files, scores of trees, and the labels that these stand for."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from eagleray_serving.columns import Column
from eagleray_serving.explanations import Explanation
from eagleray_serving.frameworks import find_model_file, sklearn, unpacked
from eagleray_serving.frameworks.explainers import Explainer, explanation_of, values_of
from eagleray_serving.outputs import PREDICT, PREDICT_PROBA, Answer, outputs_of
from eagleray_serving.rows import Rows, Signature
from eagleray_serving.tensors import Array, Tensor


class BoostedModel:
    """Boosted trees.

    Args:
        signature: What they take.
        classes: How many labels there are, called 0, 1, …; 0 where the trees tell values.
        scores: For a matrix ``[rows, columns]`` of numbers, in which a category is its code, one value per row, or one
            probability per row (of label 1, if there are two labels) and label.
        explainer: Explains such a matrix.
        targets: How many labels each row has, whose probabilities the scores are.
    """

    own_names: Mapping[str, str] = {}

    def __init__(
        self,
        signature: Signature,
        classes: int,
        scores: Callable[[Array], Array],
        explainer: Explainer,
        *,
        targets: int = 1,
    ) -> None:
        self.signature: Signature = signature
        self.classes: Array | None = np.arange(classes) if classes else None
        self.outputs: tuple[Tensor, ...] = outputs_of(self.classes)
        self._scores = scores
        self._explainer = explainer
        self._targets = targets

    def predict(self, rows: Rows, outputs: Sequence[str]) -> Answer:
        """The most probable label or the value, and one probability per label, of the same scores."""
        scores = np.asarray(self._scores(_coded(rows)))
        if self.classes is None:
            return {PREDICT: scores}
        if self._targets > 1:
            answers = {PREDICT: (scores > 0.5).astype(np.int64), PREDICT_PROBA: scores}
            return {name: answers[name] for name in outputs}
        how = {PREDICT: _labels, PREDICT_PROBA: _probabilities}
        return {name: how[name](scores) for name in outputs}

    def explain(self, rows: Rows) -> Explanation:
        """What each column adds to the sum of the trees."""
        return explanation_of(
            rows, self.classes if self._targets == 1 else None, values_of(self._explainer, _coded(rows))
        )


def _labels(scores: Array) -> Array:
    return (scores > 0.5).astype(np.int64) if scores.ndim == 1 else scores.argmax(axis=1)


def _probabilities(scores: Array) -> Array:
    return np.column_stack([1 - scores, scores]) if scores.ndim == 1 else scores


def _coded(rows: Rows) -> Array:
    """One matrix, as the trees have it: a category is its place among those of its column, and NaN where unknown."""
    if (matrix := rows.matrix) is not None or not rows.columns:
        return rows.arrays[0] if matrix is None else matrix
    return np.column_stack([_codes(values, each) for values, each in zip(rows.arrays, rows.columns, strict=True)])


def _codes(values: Array, column: Column) -> Array:
    if not column.categories:
        return values.astype(np.float64)
    codes: Array = pd.Index(column.categories).get_indexer(values).astype(np.float64)
    codes[codes < 0] = np.nan
    return codes


def read_booster(path: Path, suffixes: tuple[str, ...], read: Callable[[Path], Any]) -> tuple[Any, Path]:
    """Read what a file holds: a booster, or whatever was pickled.

    Args:
        path: A file, or a folder with one.
        suffixes: Those of the framework's own files.
        read: Reads such a file.

    Returns:
        The booster or the pickled object, and its file.

    Raises:
        ModelLoadError: There is no such file, or it cannot be read.
    """
    file = find_model_file(path, (*suffixes, *sklearn.SUFFIXES))
    return (sklearn.unpickle(file) if unpacked(file).suffix in sklearn.SUFFIXES else read(file)), file

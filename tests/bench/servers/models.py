"""The models that are served: fitted on scikit-learn's own breast cancer set, 569 rows of 30 columns."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import joblib
import lightgbm
import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import GradientBoostingClassifier

Matrix = NDArray[np.float64]
TREES = 200


@dataclass(frozen=True, slots=True)
class Fitted:
    """A model that was fitted and saved.

    Attributes:
        framework: as the model server calls it.
        title: for the table.
        folder: what holds its one file.
        predict: the model's own, for ``[rows, 30]``.
    """

    framework: str
    title: str
    folder: Path
    predict: Callable[[Matrix], NDArray[Any]]

    @property
    def file(self) -> Path:
        """The one file."""
        return next(self.folder.iterdir())


def rows(count: int) -> Matrix:
    """Rows of the set, again from its start where it has no more.

    Args:
        count: how many.
    """
    data: Matrix = load_breast_cancer(return_X_y=True)[0]
    return np.ascontiguousarray(np.resize(data, (count, data.shape[1])))


def by_sklearn(folder: Path) -> Fitted:
    """A hundred trees of scikit-learn, in joblib's format."""
    folder.mkdir(parents=True)
    model = GradientBoostingClassifier(random_state=0).fit(*load_breast_cancer(return_X_y=True))
    joblib.dump(model, folder / "model.joblib")
    return Fitted("sklearn", "scikit-learn, gradient boosting of 100 trees", folder, model.predict)


def by_lightgbm(folder: Path) -> Fitted:
    """Trees of LightGBM, in its text format."""
    folder.mkdir(parents=True)
    parameters = {"objective": "regression", "verbose": -1, "num_threads": 1, "seed": 0}
    model = lightgbm.train(parameters, lightgbm.Dataset(*load_breast_cancer(return_X_y=True)), TREES)
    model.save_model(folder / "model.txt")

    def predict(given: Matrix) -> NDArray[Any]:
        return np.asarray(model.predict(given, num_threads=1))  # training's own number is not kept for it

    return Fitted("lightgbm", f"LightGBM, {TREES} trees", folder, predict)

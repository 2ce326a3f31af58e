# ruff: noqa: ANN401 - an estimator can be of any class
"""Estimators in files of skops, which hold no code: what they name is made only where it is trusted."""

from pathlib import Path
from typing import Any

import skops.io
from skops.io.exceptions import UntrustedTypesFoundException

from eagleray_serving.errors import ModelLoadError, first_line
from eagleray_serving.mlflow import read_folder

_ESTIMATORS = {
    "lightgbm.sklearn.LGBM": ("Classifier", "Model", "Ranker", "Regressor"),
    "xgboost.sklearn.XGB": ("Classifier", "Model", "Ranker", "Regressor", "RFClassifier", "RFRegressor"),
}
_TRUSTED = (
    "collections.OrderedDict",
    "lightgbm.basic.Booster",
    "xgboost.core.Booster",
    *(prefix + name for prefix, names in _ESTIMATORS.items() for name in names),
)
"""Types of our images that skops leaves to its users to trust; making one runs nothing of the file."""


def read(file: Path) -> Any:
    """Read an estimator.

    Args:
        file: The file. In an MLflow folder it may hold the types that this says are trusted.

    Raises:
        ModelLoadError: It is no such file, or holds types that nobody said are to be trusted.
    """
    folder = read_folder(file.parent)
    trusted = [*_TRUSTED, *(folder.trusted_types if folder else ())]
    try:
        return skops.io.load(file, trusted=trusted)
    except UntrustedTypesFoundException as error:
        raise ModelLoadError(
            f"{file.name} holds types that skops does not trust ({first_line(error)}); if you do, save it with MLflow "
            "and skops_trusted_types, or dump it with joblib"
        ) from None
    except ModuleNotFoundError as error:
        raise ModelLoadError(
            f"{file.name} needs the Python module '{error.name}', which this image does not have; build an image with "
            "it from this one and name it in spec.image"
        ) from None
    except Exception as error:  # noqa: BLE001 - a damaged file makes its reader raise anything
        why = f"{type(error).__name__}: {first_line(error)}"
        raise ModelLoadError(f"{file.name} is not a model that skops {skops.__version__} can read ({why})") from None

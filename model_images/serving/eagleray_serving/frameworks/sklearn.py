# ruff: noqa: ANN401 - an estimator can be of any class, and so can its input
"""scikit-learn: an estimator or pipeline, pickled, dumped with joblib, or saved with skops."""

import logging
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import joblib
import numpy as np
from scipy.sparse import issparse
from sklearn.exceptions import InconsistentVersionWarning, NotFittedError
from sklearn.utils.validation import check_is_fitted

from eagleray_serving.errors import ModelLoadError, first_line
from eagleray_serving.explanations import Explanation, not_explained
from eagleray_serving.frameworks import find_model_file
from eagleray_serving.frameworks.explainers import Explainer, explainer_of, explanation_of, values_of
from eagleray_serving.frameworks.frames import answered_alike, given_to_model
from eagleray_serving.frameworks.sklearn_signature import signature_of
from eagleray_serving.outputs import Answer, outputs_of
from eagleray_serving.rows import Rows, Signature
from eagleray_serving.tensors import Array, Tensor

SUFFIXES = (".joblib", ".pkl", ".pickle", ".sav", ".skops")

logger = logging.getLogger("ray.serve.eagleray")


class SklearnModel:
    """A fitted estimator or pipeline."""

    own_names: Mapping[str, str] = {}

    def __init__(self, estimator: Any) -> None:
        self._estimator = estimator
        self._explainer: Explainer | None = None  # made when it is asked, at the trial
        self.signature: Signature = signature_of(estimator)
        self.classes: Array | None = _classes(estimator)
        self.outputs: tuple[Tensor, ...] = outputs_of(self.classes)

    def predict(self, rows: Rows, outputs: Sequence[str]) -> Answer:
        """Labels or values, and one probability per class, by the estimator's methods of these names.

        Two runs for both: the most probable label is not what every estimator predicts.
        """
        return answered_alike(rows, lambda group: self._answer(group, outputs))

    def explain(self, rows: Rows) -> Explanation:
        """What each column adds to what the last estimator says.

        Raises:
            InvalidInputError: With status 501 where that cannot be told, and why.
        """
        if not rows.columns:
            raise not_explained("explanations are by column, and its rows have none; ask :predict")
        if self._explainer is None:
            self._explainer = explainer_of(self._estimator, len(rows.columns))
        explainer = self._explainer
        values = answered_alike(rows, lambda group: values_of(explainer, given_to_model(group)))
        return explanation_of(rows, getattr(self._estimator, "classes_", None), values)

    def _answer(self, rows: Rows, outputs: Sequence[str]) -> Answer:
        given = given_to_model(rows)
        return {name: _array(getattr(self._estimator, name)(given)) for name in outputs}


def _array(values: Any) -> Array:
    return np.asarray(values.toarray() if issparse(values) else values)


def load(path: Path) -> SklearnModel:
    """Load a pickled estimator. Unpickling runs code that the pickle holds: serve only models that you trust.

    Args:
        path: A file with one of ``SUFFIXES``, or a folder with one.

    Raises:
        ModelLoadError: The file is missing, is no pickle, needs a module that is not there, or holds no fitted model.
    """
    file = find_model_file(path, SUFFIXES)
    return wrap(unpickle(file), file)


def wrap(estimator: Any, file: Path) -> SklearnModel:
    """Serve an estimator that was read from a file.

    Raises:
        ModelLoadError: It predicts nothing, or is not fitted.
    """
    if not callable(getattr(estimator, "predict", None)):
        kind = type(estimator).__name__
        transforms = hasattr(estimator, "transform")
        remedy = "end a pipeline of it with an estimator that predicts" if transforms else "dump the fitted estimator"
        raise ModelLoadError(f"{file.name} holds a {kind}, which has no predict(); {remedy}")
    try:
        check_is_fitted(estimator)
    except NotFittedError:
        raise ModelLoadError(
            f"{file.name} holds a {type(estimator).__name__} that is not fitted; dump it after fit()"
        ) from None
    except TypeError:
        logger.info("%s is no scikit-learn estimator; its input is not checked", type(estimator).__name__)
    except Exception as error:  # noqa: BLE001 - estimators of another version raise anything
        raise _broken(estimator, file, error) from None
    try:
        return SklearnModel(estimator)
    except ModelLoadError:
        raise
    except Exception as error:  # noqa: BLE001 - as above
        raise _broken(estimator, file, error) from None


def _broken(estimator: Any, file: Path, error: Exception) -> ModelLoadError:
    told = f"{type(error).__name__}: {first_line(error)}"
    return ModelLoadError(f"{file.name} holds a {type(estimator).__name__} that this image cannot use ({told})")


def unpickle(file: Path) -> Any:
    """Read what was pickled, dumped with joblib, or saved with skops.

    Raises:
        ModelLoadError: It is no such file, or needs a module that is not there.
    """
    if file.suffix == ".skops":
        from eagleray_serving.frameworks import skops_file  # noqa: PLC0415 - takes a second, as it imports all estimators

        return skops_file.read(file)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            estimator = joblib.load(file)
        except Exception as error:  # noqa: BLE001 - unpickling can raise anything
            raise ModelLoadError(_unpickle_message(file, error)) from None
    for warning in caught:
        if issubclass(warning.category, InconsistentVersionWarning):
            logger.warning("%s: %s", file.name, str(warning.message).splitlines()[0])
            break
    return estimator


def _classes(estimator: Any) -> Array | None:
    """The labels; None where there are no probabilities of them, and where each row has several labels."""
    if not hasattr(estimator, "predict_proba"):
        return None
    classes = getattr(estimator, "classes_", None)
    return classes if isinstance(classes, np.ndarray) and classes.ndim == 1 else None


def _unpickle_message(file: Path, error: Exception) -> str:
    if isinstance(error, ModuleNotFoundError):
        return (
            f"{file.name} needs the Python module '{error.name}', which this image does not have; "
            "build an image with it from this one and name it in spec.image"
        )
    if isinstance(error, AttributeError):
        return (
            f"{file.name} refers to code that this image does not have ({first_line(error)}); "
            "classes of a training script must be in a module of the image"
        )
    if isinstance(error, PermissionError):
        return f"{file.name} cannot be read: permission denied; make it readable for the user of the Pod"
    return f"{file.name} is not a model that joblib or pickle can read ({type(error).__name__}: {first_line(error)})"

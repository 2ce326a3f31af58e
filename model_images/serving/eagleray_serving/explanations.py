"""How much each column adds to a model's answer: SHAP values, for trees and linear models."""

from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np

from eagleray_serving.errors import InvalidInputError, ModelFailureError
from eagleray_serving.rows import Rows
from eagleray_serving.tensors import Array

_TOLERANCE = 1e-3
"""Of a sum, as a share of the largest of its terms: boosters hold float32."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """What the columns of some rows add to what a model says before it makes labels or probabilities of that.

    Args:
        columns: Their names.
        outputs: What each output is of: a label of a classifier, or its name.
        base: The model's own value that columns add to, ``[rows, outputs]``.
        contributions: What each column adds, ``[rows, outputs, columns]``.
        raw: What the model itself says, ``[rows, outputs]``: the sum of these.
    """

    columns: tuple[str, ...]
    outputs: tuple[Any, ...]
    base: Array
    contributions: Array
    raw: Array

    def check(self) -> None:
        """Compare the sum with what the model says.

        Raises:
            ModelFailureError: They differ.
        """
        terms = np.concatenate([self.base[..., None], self.contributions], axis=2)
        largest = np.maximum(np.abs(terms).max(axis=2), 1e-3)
        if (
            terms.shape[:2] != self.raw.shape
            or not (np.abs(terms.sum(axis=2) - self.raw) <= _TOLERANCE * largest).all()
        ):
            raise ModelFailureError("what columns add does not sum up to what the model says")


@runtime_checkable
class ExplainableModel(Protocol):
    """A model that may be explained."""

    def explain(self, rows: Rows) -> Explanation:
        """What each column adds to the answer for each row.

        Raises:
            InvalidInputError: With status 501 where it cannot be told, and why.
        """


def not_explained(why: str) -> InvalidInputError:
    """The answer where there is no explanation; a sentence that goes on from "explained"."""
    return InvalidInputError(f"this model is not explained: {why}", status=501)

"""What models answer with."""

from collections.abc import Mapping

import numpy as np

from eagleray_serving.tensors import Array, Tensor

Answer = Mapping[str, Array]
"""Output tensors by name; each has one entry per row, in order."""

PREDICT = "predict"
"""Name of the output with labels or values."""
PREDICT_PROBA = "predict_proba"
"""Name of the output with one probability per class."""


def outputs_of(classes: Array | None) -> tuple[Tensor, ...]:
    """The outputs of a model that answers with one value a row, or with a label and its probabilities.

    Args:
        classes: The labels of a classifier, in the order of its probabilities; empty where it names none; None for any
            other model.
    """
    if classes is None:
        return (Tensor(PREDICT, np.dtype(np.float64), ()),)
    probabilities = Tensor(PREDICT_PROBA, np.dtype(np.float64), (len(classes) or None,))
    return Tensor(PREDICT, classes.dtype, ()), probabilities

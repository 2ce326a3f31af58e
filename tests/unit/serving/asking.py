"""What models of tests take, and what they answer, an output at a time."""

import numpy as np

from eagleray_serving.frameworks import Model
from eagleray_serving.outputs import PREDICT, PREDICT_PROBA
from eagleray_serving.rows import Rows, Signature
from eagleray_serving.tensors import Array, Tensor

SEVERAL = Signature(None, tensors=(Tensor("ids", np.dtype(np.int64), (None,)), Tensor("age", np.dtype(np.float32), ())))
"""A row is some whole numbers and a number."""


def answers_of(model: Model, rows: Rows) -> Array:
    """Its labels or values."""
    return model.predict(rows, [PREDICT])[PREDICT]


def probabilities_of(model: Model, rows: Rows) -> Array:
    """Its probabilities."""
    return model.predict(rows, [PREDICT_PROBA])[PREDICT_PROBA]

"""What a model answers, an output at a time."""

from eagleray_serving.frameworks import Model
from eagleray_serving.outputs import PREDICT, PREDICT_PROBA
from eagleray_serving.rows import Rows
from eagleray_serving.tensors import Array


def answers_of(model: Model, rows: Rows) -> Array:
    """Its labels or values."""
    return model.predict(rows, [PREDICT])[PREDICT]


def probabilities_of(model: Model, rows: Rows) -> Array:
    """Its probabilities."""
    return model.predict(rows, [PREDICT_PROBA])[PREDICT_PROBA]

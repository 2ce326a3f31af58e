"""What a model is to answer with: labels or values, probabilities, or both."""

from collections.abc import Mapping
from enum import StrEnum

from eagleray_serving.errors import ModelLoadError
from eagleray_serving.frameworks import Model
from eagleray_serving.rows import Rows, Signature
from eagleray_serving.tensors import Array

Answer = Mapping[str, Array]
"""Output tensors by name; each has one entry per row, in order."""

PREDICT = "predict"
"""Name of the output with labels or values."""
PREDICT_PROBA = "predict_proba"
"""Name of the output with one probability per class."""


class Output(StrEnum):
    """What a classifier answers with; any other model has ``LABELS`` alone: its values."""

    LABELS = "Labels"
    PROBABILITIES = "Probabilities"
    BOTH = "Both"


_NAMES = {
    Output.LABELS: (PREDICT,),
    Output.PROBABILITIES: (PREDICT_PROBA,),
    Output.BOTH: (PREDICT, PREDICT_PROBA),
}


class AnsweringModel:
    """A model, and what it is to answer with.

    Args:
        model: The model.
        output: What it answers with.
        signature: What it takes, where the user tells; what the model tells, else.

    Attributes:
        outputs: The names of the outputs, in order.
        signature: What it takes.

    Raises:
        ModelLoadError: It is to answer with probabilities and has none.
    """

    def __init__(self, model: Model, output: Output, signature: Signature | None = None) -> None:
        if output is not Output.LABELS and model.classes is None:
            raise ModelLoadError(
                f"model.output is {output}, and this model tells no probabilities; "
                "leave model.output out, or serve a classifier that has predict_proba()"
            )
        self.outputs = _NAMES[output]
        self.signature = signature or model.signature
        self._model = model

    @property
    def classes(self) -> Array | None:
        """The labels of a classifier, in the order of its probabilities."""
        return self._model.classes

    def answer(self, rows: Rows) -> Answer:
        """The outputs for each row."""
        if len(self.outputs) > 1:
            labels, probabilities = self._model.predict_both(rows)
            return {PREDICT: labels, PREDICT_PROBA: probabilities}
        (only,) = self.outputs
        return {only: self._model.predict(rows) if only == PREDICT else self._model.predict_proba(rows)}

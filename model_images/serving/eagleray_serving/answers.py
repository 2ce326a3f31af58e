"""What a model is to answer with: labels or values, probabilities, or both."""

from enum import StrEnum

from eagleray_serving.errors import InvalidInputError, ModelLoadError
from eagleray_serving.explanations import ExplainableModel, Explanation, not_explained
from eagleray_serving.frameworks import Model
from eagleray_serving.outputs import PREDICT, PREDICT_PROBA, Answer
from eagleray_serving.rows import Rows, Signature
from eagleray_serving.signature import refined
from eagleray_serving.tensors import Array, Tensor


class Output(StrEnum):
    """What a classifier answers with; any other model has ``LABELS`` alone: all that it answers."""

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
        signature: What it takes, where the user tells; what the model tells is added to it.

    Attributes:
        outputs: What it answers with, in order.
        names: The names of these.
        own_names: Those that the model has itself, and what each of them is called here.
        signature: What it takes.
        unexplained: Why its answers are not explained; None where they are, and where that was not tried.

    Raises:
        ModelLoadError: It is to answer with probabilities and has none.
    """

    def __init__(self, model: Model, output: Output, signature: Signature | None = None) -> None:
        if output is not Output.LABELS and model.classes is None:
            raise ModelLoadError(
                f"model.output is {output}, and this model tells no probabilities; "
                "leave model.output out, or serve a classifier that has predict_proba()"
            )
        wanted = {each.name for each in model.outputs} if model.classes is None else _NAMES[output]
        self.outputs: tuple[Tensor, ...] = tuple(each for each in model.outputs if each.name in wanted)
        self.names = tuple(each.name for each in self.outputs)
        self.signature = model.signature if signature is None else refined(model.signature, signature)
        self.own_names = {own: ours for own, ours in model.own_names.items() if ours in self.names and own != ours}
        self.unexplained: InvalidInputError | None = None
        self._model = model

    @property
    def classes(self) -> Array | None:
        """The labels of a classifier, in the order of its probabilities."""
        return self._model.classes

    def answer(self, rows: Rows) -> Answer:
        """The outputs for each row."""
        return self._model.predict(rows, self.names)

    def explain(self, rows: Rows) -> Explanation:
        """What each column adds to the answer for each row.

        Raises:
            InvalidInputError: With status 501 where that cannot be told, and why.
            ModelFailureError: It does not sum up.
        """
        if self.unexplained is not None:
            raise self.unexplained
        if not isinstance(self._model, ExplainableModel):
            raise not_explained("trees and linear models are; ask :predict")
        explanation = self._model.explain(rows)
        explanation.check()
        return explanation

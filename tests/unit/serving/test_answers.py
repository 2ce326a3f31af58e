from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from eagleray_serving.answers import AnsweringModel, Output
from eagleray_serving.app import parse_output
from eagleray_serving.errors import ModelLoadError
from eagleray_serving.outputs import outputs_of
from eagleray_serving.rows import Rows, Signature
from eagleray_serving.tensors import Tensor

ROWS = Rows((np.zeros((2, 1)),))


def model(classes: Any = None, outputs: tuple[Tensor, ...] = ()) -> Any:
    return SimpleNamespace(
        signature=Signature(None),
        classes=classes,
        own_names={},
        outputs=outputs or outputs_of(classes),
        predict=lambda rows, names: dict.fromkeys(names, np.zeros(len(rows))),
    )


@pytest.mark.parametrize(
    ("output", "names"),
    [("Labels", ["predict"]), ("Probabilities", ["predict_proba"]), ("Both", ["predict", "predict_proba"])],
)
def test_it_answers_what_is_asked_for(output: str, names: list[str]) -> None:
    answering = AnsweringModel(model(np.array([0, 1])), parse_output(output))
    assert [each.name for each in answering.outputs] == names
    assert list(answering.answer(ROWS)) == names


def test_a_model_with_several_outputs_answers_all_of_them() -> None:
    several = tuple(Tensor(name, np.dtype(np.float32), None) for name in ("boxes", "scores"))
    answering = AnsweringModel(model(outputs=several), Output.LABELS)
    assert answering.outputs == several
    assert list(answering.answer(ROWS)) == ["boxes", "scores"]


@pytest.mark.parametrize("output", [Output.PROBABILITIES, Output.BOTH])
def test_a_model_without_probabilities_is_refused(output: Output) -> None:
    with pytest.raises(ModelLoadError, match=f"model.output is {output}, and this model tells no probabilities"):
        AnsweringModel(model(), output)


def test_an_output_that_is_none_is_refused() -> None:
    assert parse_output(None) is Output.LABELS
    with pytest.raises(ModelLoadError, match="output is one of Labels, Probabilities, Both, got 'labels'"):
        parse_output("labels")

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from eagleray_serving.answers import AnsweringModel, Output
from eagleray_serving.app import parse_output
from eagleray_serving.errors import ModelLoadError
from eagleray_serving.rows import Rows, Signature

ROWS = Rows(np.zeros((2, 1)))


def model(classes: Any = None) -> Any:
    return SimpleNamespace(
        signature=Signature(None),
        classes=classes,
        predict=lambda _rows: np.array([0, 1]),
        predict_proba=lambda _rows: np.array([[0.9, 0.1], [0.2, 0.8]]),
        predict_both=lambda _rows: (np.array([0, 1]), np.array([[0.9, 0.1], [0.2, 0.8]])),
    )


@pytest.mark.parametrize(
    ("output", "names"),
    [("Labels", ["predict"]), ("Probabilities", ["predict_proba"]), ("Both", ["predict", "predict_proba"])],
)
def test_it_answers_what_is_asked_for(output: str, names: list[str]) -> None:
    answering = AnsweringModel(model(np.array([0, 1])), parse_output(output))
    assert list(answering.outputs) == names
    assert list(answering.answer(ROWS)) == names


@pytest.mark.parametrize("output", [Output.PROBABILITIES, Output.BOTH])
def test_a_model_without_probabilities_is_refused(output: Output) -> None:
    with pytest.raises(ModelLoadError, match=f"model.output is {output}, and this model tells no probabilities"):
        AnsweringModel(model(), output)


def test_an_output_that_is_none_is_refused() -> None:
    assert parse_output(None) is Output.LABELS
    with pytest.raises(ModelLoadError, match="output is one of Labels, Probabilities, Both, got 'labels'"):
        parse_output("labels")

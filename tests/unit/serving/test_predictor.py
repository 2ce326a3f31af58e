from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from eagleray_serving.answers import AnsweringModel, Output
from eagleray_serving.columns import Column, Kind
from eagleray_serving.errors import InvalidInputError, ModelFailureError
from eagleray_serving.outputs import Answer, outputs_of
from eagleray_serving.predictor import predict_all
from eagleray_serving.rows import Rows, Signature
from eagleray_serving.tensors import Array


class Picky:
    """Refuses 13, breaks on 99, answers too little to -1; doubles the rest."""

    signature = Signature(None)
    classes = None
    own_names: Mapping[str, str] = {}
    outputs = outputs_of(None)

    def __init__(self) -> None:
        self.calls = 0

    def predict(self, rows: Rows, outputs: Sequence[str]) -> Answer:
        return dict.fromkeys(outputs, self._doubled(rows))

    def _doubled(self, rows: Rows) -> Array:
        self.calls += 1
        if (rows.arrays[0] == 13).any():
            raise ValueError("unlucky\nsecond line")
        if np.isnan(rows.arrays[0]).any():
            raise ValueError("Input X contains NaN.")
        if (rows.arrays[0] == 99).any():
            raise KeyError("secret")
        if (rows.arrays[0] == -1).any():
            return np.zeros(0)
        return rows.arrays[0][:, 0] * 2


def serve(model: Picky, *requests: Rows) -> list[Any]:
    """What each request is answered: its labels, or what is wrong."""
    answers = predict_all(AnsweringModel(model, Output.LABELS), requests)
    return [answer if isinstance(answer, Exception) else answer["predict"].tolist() for answer in answers]


def rows(*values: float) -> Rows:
    return Rows((np.array(values, dtype=np.float64).reshape(-1, 1),), (Column("0", Kind.NUMBER),))


def test_a_batch_is_one_call() -> None:
    model = Picky()
    assert serve(model, rows(1), rows(2, 3), rows(4)) == [[2], [4, 6], [8]]
    assert model.calls == 1


def test_a_bad_request_harms_no_neighbour(caplog: pytest.LogCaptureFixture) -> None:
    good, refused, broken, short = serve(Picky(), rows(1), rows(1, 2, 13), rows(99), rows(-1))
    assert good == [2]
    assert isinstance(refused, InvalidInputError)
    assert refused.row == 2
    assert str(refused) == "row 2: the model refused the row: unlucky"
    assert isinstance(broken, ModelFailureError)
    assert "KeyError" in str(broken)
    assert "secret" not in str(broken)
    assert "secret" in caplog.text
    assert isinstance(short, ModelFailureError)
    assert "shape [0] for 1 rows" in str(short)


def test_a_missing_value_is_named() -> None:
    (refused,) = serve(Picky(), rows(1, float("nan"), 3))
    assert isinstance(refused, InvalidInputError)
    assert (refused.row, refused.field) == (1, "0")
    assert "missing value" in str(refused)

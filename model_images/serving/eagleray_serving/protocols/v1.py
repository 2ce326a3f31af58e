"""The V1 protocol: ``{"instances": [...]}`` in, ``{"predictions": [...]}`` out; ours adds ``probabilities``.

A request to explain is the same, and its answer has ``explanations`` too.

Source: https://kserve.github.io/website/docs/concepts/architecture/data-plane/v1-protocol
"""

from collections.abc import Iterable
from typing import Any

import numpy as np

from eagleray_serving.errors import InvalidInputError
from eagleray_serving.explanations import Explanation
from eagleray_serving.outputs import PREDICT, PREDICT_PROBA, Answer
from eagleray_serving.protocols import jsonable, parse_object
from eagleray_serving.rows import Rows, Signature, parse_rows


def parse_predict(body: bytes, signature: Signature) -> Rows:
    """The rows of a predict request.

    Raises:
        InvalidInputError: Naming the row and the field, or the member that is unknown.
    """
    request = parse_object(body)
    found = [name for name in _ROWS if name in request]
    if len(found) != 1:
        why = "'instances' has the rows already" if found else 'missing; send {"instances": [...]}'
        raise InvalidInputError(why, field=found[-1] if found else _ROWS[0])
    if request.get("parameters"):
        raise InvalidInputError("the model takes no parameters; leave them out", field="parameters")
    unknown = next((name for name in request if name not in {*_ROWS, *_IGNORED}), None)
    if unknown is not None:
        raise InvalidInputError("not a member of a predict request, which has 'instances'", field=unknown)
    return parse_rows(request[found[0]], signature, field=found[0])


_ROWS = ("instances", "inputs")
"""The members that hold rows: KServe knows them by both names."""
_IGNORED = frozenset({"id", "parameters", "signature_name"})
"""Members that change no answer: a request's id, empty parameters (Vertex AI), the name of a signature (TensorFlow)."""
_MEMBERS = {PREDICT: "predictions", PREDICT_PROBA: "probabilities"}


def predict_response(answer: Answer) -> dict[str, Any]:
    """The body of the answer: ``predictions``, ``probabilities``, or both; an object a row of several outputs."""
    if answer.keys() <= _MEMBERS.keys():
        return {_MEMBERS[name]: jsonable(values) for name, values in answer.items()}
    columns = {name: jsonable(values) for name, values in answer.items()}
    rows = zip(*columns.values(), strict=True)
    return {"predictions": [dict(zip(columns, row, strict=True)) for row in rows]}


def explain_response(parts: Iterable[tuple[Answer, Explanation]]) -> dict[str, Any]:
    """The body of an answer with its explanation: what `predict_response` has, and ``explanations``.

    Args:
        parts: The rows' answers and explanations, in order.
    """
    answers, explanations = zip(*parts, strict=True)
    answer = {name: np.concatenate([each[name] for each in answers]) for name in answers[0]}
    told = [row for each in explanations for row in _explained(each)]
    return {**predict_response(answer), "explanations": told}


def _explained(explanation: Explanation) -> list[list[dict[str, Any]]]:
    """For each row an object of each output."""
    numbers = (explanation.base, explanation.raw, explanation.contributions)
    rows = zip(*(values.tolist() for values in numbers), strict=True)
    return [
        [
            {
                "output": output,
                "base": base,
                "raw": raw,
                "contributions": dict(zip(explanation.columns, added, strict=True)),
            }
            for output, base, raw, added in zip(explanation.outputs, *row, strict=True)
        ]
        for row in rows
    ]

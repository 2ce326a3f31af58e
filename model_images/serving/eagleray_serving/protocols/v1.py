"""The V1 protocol: ``{"instances": [...]}`` in, ``{"predictions": [...]}`` out; ours adds ``probabilities``.

Source: https://kserve.github.io/website/docs/concepts/architecture/data-plane/v1-protocol
"""

from typing import Any

from eagleray_serving.errors import InvalidInputError
from eagleray_serving.outputs import PREDICT, PREDICT_PROBA, Answer
from eagleray_serving.protocols import jsonable, parse_object
from eagleray_serving.rows import Rows, Signature, parse_rows


def parse_predict(body: bytes, signature: Signature) -> Rows:
    """The rows of a predict request.

    Raises:
        InvalidInputError: Naming the row and the field.
    """
    request = parse_object(body)
    if "instances" not in request:
        raise InvalidInputError('missing; send {"instances": [...]}', field="instances")
    unknown = next((name for name in request if name not in {"instances", "signature_name"}), None)
    if unknown is not None:
        raise InvalidInputError("not a member of a predict request; it has 'instances' only", field=unknown)
    return parse_rows(request["instances"], signature)


_MEMBERS = {PREDICT: "predictions", PREDICT_PROBA: "probabilities"}


def predict_response(answer: Answer) -> dict[str, Any]:
    """The body of the answer: ``predictions``, ``probabilities``, or both; an object a row of several outputs."""
    if answer.keys() <= _MEMBERS.keys():
        return {_MEMBERS[name]: jsonable(values) for name, values in answer.items()}
    columns = {name: jsonable(values) for name, values in answer.items()}
    rows = zip(*columns.values(), strict=True)
    return {"predictions": [dict(zip(columns, row, strict=True)) for row in rows]}

"""The protocols that the server speaks, as pure functions between JSON and rows."""

from typing import Any, Final

import numpy as np
import orjson

from eagleray_serving.columns import describe
from eagleray_serving.errors import InvalidInputError
from eagleray_serving.tensors import Array

VERSION: Final = "1"
"""The version of every model, for clients that name one; which revision answers is decided in front of the server."""


def parse_object(body: bytes) -> dict[str, Any]:
    """The JSON object in a request's body.

    Raises:
        InvalidInputError: With status 400, saying where the JSON is broken.
    """
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InvalidInputError(f"the body is not JSON: {error}", status=400) from None
    if not isinstance(value, dict):
        raise InvalidInputError(f"the body must be a JSON object, got {describe(value)}", status=400)
    return value


def jsonable(values: Array) -> Array | list[Any]:
    """Predictions as orjson takes them: the array itself where it can, without a copy."""
    plain = values.dtype.kind in "iufb" and values.dtype.itemsize <= 8 and values.dtype.isnative
    return np.ascontiguousarray(values) if plain else values.tolist()

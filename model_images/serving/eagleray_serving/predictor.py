"""Runs a batch through the model so that each request gets its own answer and a bad one harms no neighbour."""

import logging
from collections.abc import Sequence

import numpy as np

from eagleray_serving.errors import InvalidInputError, ModelFailureError, first_line
from eagleray_serving.frameworks import Model
from eagleray_serving.rows import Array, Rows

logger = logging.getLogger("ray.serve.eagleray")


def predict_all(model: Model, requests: Sequence[Rows]) -> list[Array | Exception]:
    """Predict every request of one batch.

    The batch goes through the model as one call. Only when that raises is each request tried alone.

    Returns:
        For each request its predictions in row order, or an InvalidInputError or ModelFailureError.
    """
    if len(requests) > 1:
        batch = Rows.join(requests)
        try:
            predictions = _predict(model, batch)
        except Exception as error:  # noqa: BLE001 - whose fault it is shows when each request runs alone
            logger.info("a batch of %d requests failed (%s); trying each alone", len(requests), type(error).__name__)
        else:
            ends = np.cumsum([len(rows) for rows in requests])[:-1]
            return list(np.split(predictions, ends))
    return [_predict_alone(model, rows) for rows in requests]


def _predict_alone(model: Model, rows: Rows) -> Array | Exception:
    try:
        return _predict(model, rows)
    except ModelFailureError as error:
        logger.exception("the model's answer is of no use")
        return error
    except (
        ValueError,
        TypeError,
    ) as error:  # what scikit-learn and numpy raise for input that they cannot take
        logger.warning("the model refused a request: %s", first_line(error))
        return _refusal(model, rows, error)
    except Exception as error:
        logger.exception("the model failed")
        return ModelFailureError(f"the model raised {type(error).__name__}; the log of the replica has the details")


def _predict(model: Model, rows: Rows) -> Array:
    predictions = model.predict(rows)
    if predictions.ndim == 0 or len(predictions) != len(rows):
        shape = list(predictions.shape)
        raise ModelFailureError(f"the model answered an array of shape {shape} for {len(rows)} rows")
    return predictions


def _refusal(model: Model, rows: Rows, error: Exception) -> InvalidInputError:
    """Name the row, and the column where it can be told."""
    row, size = 0, len(rows)
    while size > 1:
        half = size // 2
        try:
            _predict(model, rows[row : row + half])
        except Exception as narrower:  # noqa: BLE001 - looking for the row that makes the model raise
            error, size = narrower, half
        else:
            row, size = row + half, size - half
    message = f"the model refused the row: {first_line(error)}"
    for position, value in enumerate(rows.values[row]):
        if value is None or value != value:  # noqa: PLR0124 - NaN is what differs from itself
            field = rows.names[position] if rows.names else str(position)
            return InvalidInputError(f"null (a missing value), and {message}", field=field, row=row)
    return InvalidInputError(message, row=row)

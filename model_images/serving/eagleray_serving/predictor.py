"""Runs a batch through the model so that each request gets its own answer and a bad one harms no neighbour."""

import logging
from collections.abc import Sequence

import numpy as np

from eagleray_serving.answers import AnsweringModel
from eagleray_serving.errors import InvalidInputError, ModelFailureError, first_line
from eagleray_serving.explanations import Explanation
from eagleray_serving.outputs import Answer
from eagleray_serving.rows import Rows

logger = logging.getLogger("ray.serve.eagleray")

_REFUSALS = (InvalidInputError, ValueError, TypeError)
"""What scikit-learn, numpy and a transform raise for input that they cannot take."""


def predict_all(model: AnsweringModel, requests: Sequence[Rows]) -> list[Answer | Exception]:
    """Predict every request of one batch.

    The batch goes through the model as one call. Only when that raises is each request tried alone.

    Returns:
        For each request its answer in row order, or an InvalidInputError or ModelFailureError.
    """
    if len(requests) > 1:
        batch = Rows.join(requests)
        try:
            answer = checked_answer(model, batch)
        except Exception as error:  # noqa: BLE001 - whose fault it is shows when each request runs alone
            logger.info("a batch of %d requests failed (%s); trying each alone", len(requests), type(error).__name__)
        else:
            ends = np.cumsum([len(rows) for rows in requests])[:-1]
            parts = {name: np.split(values, ends) for name, values in answer.items()}
            return [{name: parts[name][place] for name in parts} for place in range(len(requests))]
    return [_predict_alone(model, rows) for rows in requests]


def _predict_alone(model: AnsweringModel, rows: Rows) -> Answer | Exception:
    try:
        return checked_answer(model, rows)
    except ModelFailureError as error:
        logger.exception("the model's answer is of no use")
        return error
    except _REFUSALS as error:
        logger.warning("the model refused a request: %s", first_line(error))
        return _refusal(model, rows, error)
    except Exception as error:
        logger.exception("the model failed")
        return ModelFailureError(f"the model raised {type(error).__name__}; the log of the replica has the details")


def checked_answer(model: AnsweringModel, rows: Rows) -> Answer:
    """What the model answers.

    Raises:
        ModelFailureError: It has no entry for each row.
        Exception: What the model raised.
    """
    answer = model.answer(rows)
    for values in answer.values():
        if values.ndim == 0 or len(values) != len(rows):
            raise ModelFailureError(f"the model answered an array of shape {list(values.shape)} for {len(rows)} rows")
    return answer


def _refusal(model: AnsweringModel, rows: Rows, error: Exception) -> InvalidInputError:
    """Name the row, and the column where it can be told."""
    row, size = 0, len(rows)
    while size > 1:
        half = size // 2
        try:
            checked_answer(model, rows[row : row + half])
        except Exception as narrower:  # noqa: BLE001 - looking for the row that makes the model raise
            error, size = narrower, half
        else:
            row, size = row + half, size - half
    if isinstance(error, InvalidInputError):  # which counts the rows that a transform made
        return InvalidInputError(error.message, field=error.field, row=row)
    message = f"the model refused the row: {first_line(error)}"
    if (missing := rows.missing(row)) is not None:
        return InvalidInputError(f"null (a missing value), and {message}", field=missing, row=row)
    return InvalidInputError(message, row=row)


def explain_alone(model: AnsweringModel, rows: Rows) -> tuple[Answer, Explanation]:
    """Predict and explain rows that the model is given by themselves.

    Raises:
        InvalidInputError: The model refuses the rows, or is not explained.
        ModelFailureError: It failed on them.
    """
    if model.unexplained is not None:
        raise model.unexplained
    answer = _predict_alone(model, rows)
    if isinstance(answer, Exception):
        raise answer
    try:
        return answer, model.explain(rows)
    except (InvalidInputError, ModelFailureError):
        raise
    except Exception as error:
        logger.exception("the model's answer cannot be explained")
        raise ModelFailureError(
            f"the explainer raised {type(error).__name__}; the log of the replica has the details"
        ) from None

"""The first answer of a model, before it is ready: one that cannot answer never becomes ready."""

import contextlib
import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from eagleray_serving.answers import AnsweringModel
from eagleray_serving.columns import Column, Kind
from eagleray_serving.errors import InvalidInputError, ModelFailureError, ModelLoadError, first_line
from eagleray_serving.explanations import not_explained
from eagleray_serving.outputs import Answer
from eagleray_serving.predictor import checked_answer
from eagleray_serving.rows import Rows, Signature, parse_rows
from eagleray_serving.tensors import Array, Tensor

logger = logging.getLogger("ray.serve.eagleray")

_SIZE = 32
"""Of an axis of a made-up tensor, where any size will do."""
_VALUES: dict[Kind, tuple[Any, ...]] = {
    Kind.NUMBER: (1.0, 0.0, 0.5),
    Kind.INTEGER: (1, 0, 2),
    Kind.BOOLEAN: (True, False),
    Kind.STRING: ("a text",),
    Kind.DATETIME: ("2026-01-31T12:00:00",),
    Kind.ANY: (1.0,),
}
"""What rows are made up of; each is tried until the model answers one."""
_ROWS = max(map(len, _VALUES.values()))
_NUMBERS = {Kind.NUMBER, Kind.INTEGER, Kind.BOOLEAN}


def try_out(model: AnsweringModel, examples: Sequence[Any] | None = None) -> None:
    """Ask a model for one row and for two, and note the type and the rank of what it answers as its outputs.

    Args:
        model: The model.
        examples: Rows that its user gave, as requests have them. None has values made up from the signature; a model
            that does not say what it takes is not asked then.

    Raises:
        ModelLoadError: It raised, or answered what fits no row. A made-up row that it may refuse with reason is logged
            instead: a text that it does not know, or a type that it does not tell.
    """
    tried = _rows(model.signature, examples)
    if not tried:
        logger.info("the model does not say what it takes, so it is not tried before it is asked")
        return
    try:
        rows, alone = _first_answered(model, tried)
        together = checked_answer(model, rows[:2] if len(rows) > 1 else Rows.join([rows, rows]))
        same = _equal(alone, checked_answer(model, rows[:1]))
    except Exception as error:
        if examples is None and _may_refuse(model.signature, error):
            logger.warning("the model refused a made-up row, give it one of yours: %s", _told(error))
            return
        logger.exception("the model cannot answer")
        raise ModelLoadError(f"the model cannot answer: {_told(error)}") from None
    if same and not _equal(alone, {name: values[:1] for name, values in together.items()}):
        logger.warning("the model answers a row otherwise where another is beside it; turn batching off")
    _try_explaining(model, rows[:1])
    any_size = any(None in (tensor.shape or (None,)) for tensor in model.signature.tensors)
    model.outputs = tuple(_settled(output, together[output.name], any_size=any_size) for output in model.outputs)


def _try_explaining(model: AnsweringModel, rows: Rows) -> None:
    """Note why a model is not explained. It is served all the same."""
    try:
        model.explain(rows)
    except InvalidInputError as error:
        model.unexplained = error
    except Exception as error:  # noqa: BLE001 - explainers refuse by whatever they stumble upon
        why = str(error) if isinstance(error, ModelFailureError) else _told(error)
        logger.warning("the model is not explained: %s", why)
        model.unexplained = not_explained(why)


def _rows(signature: Signature, examples: Sequence[Any] | None) -> list[Rows]:
    try:
        return _made_up(signature) if examples is None else [parse_rows(list(examples), signature)]
    except InvalidInputError as error:
        raise ModelLoadError(f"the model's example does not fit what the model takes: {error}") from None


def _is_of_values(error: Exception) -> bool:
    """Whether a value may be to blame, and not what every row is: a transform may hand on what the model knows not."""
    return isinstance(error, ValueError) or (isinstance(error, InvalidInputError) and error.row is not None)


def _told(error: Exception) -> str:
    notes = "".join(f" ({note})" for note in getattr(error, "__notes__", ()))
    return f"{type(error).__name__}: {first_line(error)}{notes}"


def _first_answered(model: AnsweringModel, tried: Sequence[Rows]) -> tuple[Rows, Answer]:
    """The first of some rows that a model answers, and its answer to one; what it raises is of the last."""
    *others, last = tried
    for rows in others:
        with contextlib.suppress(ValueError, InvalidInputError):
            return rows, checked_answer(model, rows[:1])
    return last, checked_answer(model, last[:1])


def _may_refuse(signature: Signature, error: Exception) -> bool:
    """Whether a model that answers its users may refuse made-up rows so: numbers of all kinds were among them."""
    columns = signature.columns or ()
    told = all(column.kind is not Kind.ANY or not column.required for column in columns)
    sure = told and all(tensor.shape is not None and None not in tensor.shape for tensor in signature.tensors)
    numbers = bool(columns) and all(column.kind in _NUMBERS or _known(column) for column in columns)
    return not sure or (_is_of_values(error) and not numbers)


def _made_up(signature: Signature) -> list[Rows]:
    """Rows of the signature, one by one; none where it does not tell enough."""
    if signature.vague:
        return []
    if signature.text:
        return [parse_rows([text], signature) for text in _VALUES[Kind.STRING]]
    if signature.objects:
        return [parse_rows([{}], signature)]
    if signature.tensors:
        return [Rows(tuple(_zeros(tensor) for tensor in signature.tensors))]
    choices = [(_known(column) or _VALUES[column.kind])[:_ROWS] for column in signature.columns or ()]
    count = max(map(len, choices), default=1)
    return [parse_rows([[values[n % len(values)] for values in choices]], signature) for n in range(count)]


def _known(column: Column) -> Sequence[Any]:
    return column.categories or sorted(column.values or (), key=str)


def _zeros(tensor: Tensor) -> Array:
    return np.zeros((1, *(size or _SIZE for size in tensor.shape or (None,))), dtype=tensor.dtype)


def _equal(first: Answer, second: Answer) -> bool:
    return all(_close(values, second[name]) for name, values in first.items())


def _close(first: Array, second: Array) -> bool:
    if first.shape != second.shape or first.dtype.kind not in "fc":
        return bool(np.array_equal(first, second))
    return bool(np.allclose(first, second, rtol=1e-3, atol=1e-5, equal_nan=True))


def _settled(output: Tensor, found: Array, *, any_size: bool) -> Tensor:
    """An output with the type and rank of an answer; sizes that it told are kept where they fit."""
    sizes = found.shape[1:]
    if output.shape is not None and len(output.shape) == len(sizes):
        sizes = tuple(size if told is not None else None for told, size in zip(output.shape, sizes, strict=True))
    elif any_size:
        sizes = (None,) * len(sizes)
    return replace(output, dtype=found.dtype, shape=sizes)

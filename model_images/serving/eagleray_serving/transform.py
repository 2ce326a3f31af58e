# ruff: noqa: ANN401 - rows are of any type that a function of a user's knows
"""Code of a user's around a model: what is done to rows before it, and to its answers after it.

A function ``transform(rows, predict)`` calls the model when it likes, so that both sides are in one place, and share
what they know. It is a model as any other is: tried at load, batched, and run in the model's thread.
"""

import copy
import importlib
import importlib.util
import math
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from eagleray_serving.errors import InvalidInputError, ModelFailureError, ModelLoadError, first_line
from eagleray_serving.frameworks import Model, visible
from eagleray_serving.outputs import Answer
from eagleray_serving.protocols.inputs import rows_in
from eagleray_serving.rows import Rows, Signature, parse_rows
from eagleray_serving.tensors import Array, Tensor, of_objects

Predict = Callable[[Any], dict[str, Array]]
"""Takes rows as the model has them, and gives its outputs by name, each with one entry per row."""
Transform = Callable[[Any, Predict], Mapping[str, Any]]
"""Takes the rows of a batch and the model's predict, and gives the outputs, by the names that predict has for them."""

_MISSING = frozenset({"NAType", "NaTType"})
"""Types of pandas that stand for a missing value."""
_NO_TIME = "NaT"
"""What numpy writes for a time that is missing."""


class TransformedModel:
    """A model with a transform around it.

    The transform is given a frame of pandas where columns have names, a dict of arrays where a row is several tensors,
    and one array else, the rows first; all of it is its own to change.

    Args:
        model: The model.
        transform: The function.
        reference: Where it is from, for messages.
        takes: What the model takes.
        signature: What requests hold, if it is something else.

    Raises:
        ModelLoadError: It is to be given frames, and there is no pandas.
    """

    def __init__(
        self, model: Model, transform: Transform, reference: str, takes: Signature, signature: Signature | None = None
    ) -> None:
        self.signature: Signature = signature or takes
        self.classes: Array | None = model.classes
        self.outputs: tuple[Tensor, ...] = model.outputs
        self.own_names: Mapping[str, str] = model.own_names
        self._model, self._takes = model, takes
        self._transform, self._reference = transform, reference
        if self.signature.named and importlib.util.find_spec("pandas") is None:
            raise ModelLoadError(
                f"model.transform {reference} is given frames, and this image has no pandas; build an image with it "
                "from this one and name it in spec.image"
            )

    def predict(self, rows: Rows, outputs: Sequence[str]) -> Answer:
        """What the transform makes of the rows and of the model's answers.

        Raises:
            ModelFailureError: It gives something else than these outputs.
            InvalidInputError: The model does not take what it was given.
        """
        if not rows.columns or (rows.matrix is not None and not rows.named):
            return self._transformed(_arrays(rows, self.signature), outputs)
        from eagleray_serving.frameworks import frames  # noqa: PLC0415 - not every image has pandas

        return frames.answered_alike(
            rows, lambda alike: self._transformed(frames.given_to_model(alike).copy(), outputs)
        )

    def _transformed(self, given: Any, outputs: Sequence[str]) -> Answer:
        try:
            answers = self._transform(given, lambda rows: self._predicted(rows, outputs))
        except Exception as error:
            error.add_note(f"in model.transform {self._reference}")
            raise
        if not isinstance(answers, Mapping) or not answers.keys() >= set(outputs):
            got = ", ".join(map(str, answers)) if isinstance(answers, Mapping) else f"a {type(answers).__name__}"
            raise ModelFailureError(
                f"model.transform {self._reference} returned {got or 'nothing'}; it returns a dict of arrays as "
                f"predict(rows) does: {', '.join(outputs)}"
            )
        return {name: np.asarray(answers[name]) for name in outputs}

    def _predicted(self, rows: Any, outputs: Sequence[str]) -> dict[str, Array]:
        return dict(self._model.predict(_rows(rows, self._takes), outputs))


def _arrays(rows: Rows, signature: Signature) -> Array | dict[str, Array]:
    names = [tensor.name for tensor in signature.tensors]
    if len(names) > 1:
        return {name: array.copy() for name, array in zip(names, rows.arrays, strict=True)}
    return copy.deepcopy(rows.arrays[0])  # it may hold objects


def _rows(given: Any, signature: Signature) -> Rows:
    """Rows of a transform's, checked as those of a request are."""
    if isinstance(given, list) or signature.objects:
        return parse_rows(list(given), signature, field="rows")
    if isinstance(given, Mapping):
        return rows_in({str(name): _plain(np.asarray(values)) for name, values in given.items()}, signature)
    if hasattr(given, "iloc") and (signature.named or signature.columns is None):
        return rows_in({str(name): _of_series(values) for name, values in given.items()}, signature)
    array = np.asarray(given)
    if not array.ndim:
        raise InvalidInputError(f"predict(rows) takes a batch of rows, got a {type(given).__name__}", field="rows")
    return rows_in({"rows": _plain(array)}, signature)


def _plain(values: Array) -> Array:
    """The values in types that requests have."""
    if values.dtype.kind == "M":
        texts = np.datetime_as_string(values).reshape(-1).tolist()
        return of_objects([None if text == _NO_TIME else text for text in texts], values.shape)
    if values.dtype.kind in "OUS":
        return of_objects(list(map(_plain_value, values.reshape(-1).tolist())), values.shape)
    return values


def _plain_value(value: Any) -> Any:
    value = value.item() if isinstance(value, np.generic) else value
    if value is None or type(value).__name__ in _MISSING or (isinstance(value, float) and math.isnan(value)):
        return None
    return value.isoformat() if hasattr(value, "isoformat") else value


def _of_series(values: Any) -> Array:
    if getattr(values.dtype, "tz", None) is not None:
        values = values.dt.tz_convert(None)
    of_numpy = isinstance(values.dtype, np.dtype)
    return _plain(values.to_numpy() if of_numpy else values.astype(object).to_numpy())


def load_transform(reference: str, path: Path) -> Transform:
    """The function that a user named.

    Args:
        reference: ``module:function``: of ``module.py`` in the model's folder if it is there, else of the image.
        path: The model's file, or its folder.

    Raises:
        ModelLoadError: It cannot be imported, or is no function.
    """
    name, _, function = reference.partition(":")
    try:
        found: Any = reduce(getattr, function.split("."), _module(name, path))
    except Exception as error:  # noqa: BLE001 - it is the user's code
        raise ModelLoadError(
            f"model.transform {reference} cannot be loaded ({type(error).__name__}: {first_line(error)}); it is a "
            f"function of {name}.py in the model's folder, or of a module of your image"
        ) from None
    if not callable(found):
        raise ModelLoadError(f"model.transform {reference} is a {type(found).__name__}, and no function")
    transform: Transform = found
    return transform


def _module(name: str, path: Path) -> ModuleType:
    file = _folder(path).joinpath(*name.split(".")).with_suffix(".py")
    if not file.is_file():
        return importlib.import_module(name)
    spec = importlib.util.spec_from_file_location(f"{name}@{file}", file)
    assert spec is not None  # noqa: S101 - it is None for unknown suffixes alone
    assert spec.loader is not None  # noqa: S101 - as above
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where dataclasses look for it
    spec.loader.exec_module(module)
    return module


def _folder(path: Path) -> Path:
    while path.is_dir() and len(entries := visible(path)) == 1 and entries[0].is_dir():
        path = entries[0]
    return path if path.is_dir() else path.parent

"""Folders that MLflow wrote: what their ``MLmodel`` file says of the model. MLflow itself is not needed.

Source: https://mlflow.org/docs/latest/ml/model/ (storage format, model signature).
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from eagleray_serving.columns import Column, Kind
from eagleray_serving.errors import ModelLoadError, first_line
from eagleray_serving.frameworks import visible
from eagleray_serving.rows import Signature
from eagleray_serving.tensors import Tensor

FILE = "MLmodel"

_FLAVORS = {"torch": "pytorch"}
"""Where MLflow calls a framework otherwise."""
_KINDS = {
    **dict.fromkeys(("integer", "long", "float", "double", "boolean"), Kind.NUMBER),
    "string": Kind.STRING,
}


def told_signature(path: Path, framework: str) -> Signature | None:
    """The signature in an MLflow folder; None where it has none that rows can be checked against.

    Args:
        path: The model's file, or its folder, which may hold nothing but another folder.
        framework: That which is to load it.

    Raises:
        ModelLoadError: The folder is MLflow's, and not of this framework, or its ``MLmodel`` cannot be read.
    """
    file = _find(path)
    if file is None:
        return None
    try:
        told = yaml.safe_load(file.read_text())
        flavors = set(told["flavors"])
        inputs = json.loads((told.get("signature") or {}).get("inputs") or "null")
    except (OSError, ValueError, TypeError, KeyError, AttributeError, yaml.YAMLError) as error:
        raise ModelLoadError(f"{FILE} cannot be read ({type(error).__name__}: {first_line(error)})") from None
    if _FLAVORS.get(framework, framework) not in flavors:
        known = ", ".join(sorted(flavors - {"python_function"})) or "none but python_function, which is code"
        raise ModelLoadError(f"the MLflow model is not of framework '{framework}'; its flavors: {known}")
    return _signature(inputs)


def _find(path: Path) -> Path | None:
    while path.is_dir():
        if (path / FILE).is_file():
            return path / FILE
        entries = visible(path)
        if len(entries) != 1:
            return None
        path = entries[0]
    return None


def _signature(inputs: Any) -> Signature | None:  # noqa: ANN401 - it is what the file says
    if not isinstance(inputs, list) or not inputs:
        return None
    if all("tensor-spec" in each for each in inputs):
        tensors = tuple(tensor for place, each in enumerate(inputs) if (tensor := _tensor(each, place)))
        return Signature(columns=None, tensors=tensors) if len(tensors) == len(inputs) else None
    if all(isinstance(each.get("type"), str) and each.get("name") for each in inputs):
        return Signature(columns=tuple(_column(each) for each in inputs), named=True)
    return None


def _column(each: dict[str, Any]) -> Column:
    return Column(str(each["name"]), _KINDS.get(each["type"], Kind.ANY), required=each.get("required", True) is True)


def _tensor(each: dict[str, Any], place: int) -> Tensor | None:
    shape, dtype = each["tensor-spec"].get("shape"), str(each["tensor-spec"].get("dtype"))
    if not isinstance(shape, list) or len(shape) < 2 or shape[0] != -1 or np.dtype(dtype).kind not in "biuf":
        return None
    return Tensor.of_batch(str(each.get("name", f"input_{place}" if place else "input")), dtype, shape)

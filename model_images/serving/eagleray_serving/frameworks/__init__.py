"""One module per framework, with ``load(path) -> Model``. A new one is a file here and a line in ``FRAMEWORKS``."""

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from eagleray_serving.errors import ModelLoadError
from eagleray_serving.frameworks.device import bound_joblib
from eagleray_serving.outputs import Answer
from eagleray_serving.rows import Rows, Signature
from eagleray_serving.tensors import Array, Tensor


class Model(Protocol):
    """A loaded model. ``predict`` is called from one thread at a time."""

    @property
    def signature(self) -> Signature:
        """What the model takes."""

    @property
    def classes(self) -> Array | None:
        """The labels of a classifier that tells probabilities, in their order; None for any other model.

        Empty where the model has them and names none.
        """

    @property
    def outputs(self) -> tuple[Tensor, ...]:
        """What it can answer with: ``outputs_of(classes)``, or the model's own outputs where it has several."""

    @property
    def own_names(self) -> Mapping[str, str]:
        """What the model itself calls outputs that have another name here, and that name."""

    def predict(self, rows: Rows, outputs: Sequence[str]) -> Answer:
        """What it answers for each row, in order, in one run where the framework can.

        Args:
            rows: Rows that fit the signature.
            outputs: The names of those outputs that are wanted.
        """


@dataclass(frozen=True, slots=True)
class ModelClass:
    """The class of a model whose file holds nothing but its weights.

    Args:
        path: ``module:Class``, importable in the image.
        args: Keyword arguments of its constructor.
    """

    path: str
    args: dict[str, Any] = field(default_factory=dict)


FRAMEWORKS = {
    name: f"eagleray_serving.frameworks.{name}" for name in ("lightgbm", "onnx", "sklearn", "torch", "xgboost")
}
"""Framework to the module that loads its models; modules are imported only when used."""

_COMPRESSED = frozenset({".bz2", ".gz", ".lzma", ".xz", ".z"})

WITH_CLASS = "torch"
"""The framework whose files may hold weights alone: its ``load`` takes their ModelClass too."""


def check_framework(framework: str) -> None:
    """Refuse a framework that no module serves.

    Raises:
        ModelLoadError: Naming those that there are.
    """
    if framework not in FRAMEWORKS:
        known = ", ".join(sorted(FRAMEWORKS))
        raise ModelLoadError(f"framework '{framework}' is not known to this image; it serves: {known}")


def load_model(framework: str, path: Path, model_class: ModelClass | None = None) -> Model:
    """Load a model from a file, or from a folder that holds one.

    Args:
        framework: A key of ``FRAMEWORKS``.
        path: The file or folder.
        model_class: Whose weights the file holds, for the framework ``WITH_CLASS``.

    Raises:
        ModelLoadError: With one sentence that says why.
    """
    check_framework(framework)
    module = _module(FRAMEWORKS[framework], framework)
    model: Model = module.load(path, model_class) if framework == WITH_CLASS else module.load(path)
    return model


def load_code(folder: Path) -> Model:
    """Load an MLflow folder of no framework here, in an image that has MLflow beside scikit-learn.

    Raises:
        ModelLoadError: With one sentence that says why.
    """
    model: Model = _module("eagleray_serving.frameworks.pyfunc", "sklearn").load(folder)
    return model


def _module(name: str, framework: str) -> Any:  # noqa: ANN401 - a module has no type of its own
    bound_joblib()
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise ModelLoadError(
            f"this image has no module '{error.name}', which framework '{framework}' needs; "
            "use the image of that framework"
        ) from None


def unpacked(file: Path) -> Path:
    """A file's name without the suffix of its compression, which readers of pickles undo: ``model.joblib.gz``."""
    return file.with_suffix("") if file.suffix in _COMPRESSED else file


def visible(folder: Path) -> list[Path]:
    """What a folder holds, in order, but for hidden files."""
    return sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))


def find_model_file(path: Path, suffixes: tuple[str, ...]) -> Path:
    """The model file: the path itself, or the one that a folder holds.

    In a folder a file called ``model`` with a known suffix wins, then the only file with a known suffix, then the only
    file; a folder that holds nothing but one folder is entered. ``requirements.txt`` is no model of any framework.

    Raises:
        ModelLoadError: When there is no file, or no single one.
    """
    if not path.exists():
        raise ModelLoadError(f"there is no model at {path}")
    while path.is_dir():
        entries = [entry for entry in visible(path) if entry.name != "requirements.txt"]
        files = [entry for entry in entries if unpacked(entry).suffix in suffixes and entry.is_file()]
        named = [file for file in files if unpacked(file).stem == "model"]
        if len(named) == 1 or len(files) == 1:
            return (named or files)[0]
        if len(entries) == 1:
            path = entries[0]
            continue
        found = ", ".join(entry.name for entry in entries[:10]) or "nothing"
        wanted = " or ".join(f"model{suffix}" for suffix in suffixes)
        raise ModelLoadError(f"the folder of the model must hold one {wanted}; it holds: {found}")
    return path

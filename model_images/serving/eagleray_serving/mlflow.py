"""Folders that MLflow wrote, as their ``MLmodel`` file tells them; MLflow itself is needed for a user's code alone.

Source: https://mlflow.org/docs/latest/ml/model/ (storage format, flavors).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import yaml

from eagleray_serving.errors import ModelLoadError, first_line
from eagleray_serving.frameworks import visible
from eagleray_serving.mlflow_schema import parse_example, parse_inputs
from eagleray_serving.rows import Signature

FILE: Final = "MLmodel"
"""What tells an MLflow folder."""

_SIGNATURE, _EXAMPLE = "signature", "saved_input_example_info"
_CODE = "python_function"
_FLAVORS: dict[str, tuple[str, ...]] = {
    # Pipelines end in estimators of boosters, which images of scikit-learn do not have.
    "lightgbm": ("lightgbm", "sklearn"),
    "torch": ("pytorch",),
    "xgboost": ("xgboost", "sklearn"),
}
"""The flavors that a framework loads, the first that a folder has; that of its own name, where it is not here."""
_FILES = {"lightgbm": "data", "onnx": "data", "pytorch": "model_data", "sklearn": "pickled_model", "xgboost": "data"}
"""The entry of each flavor that names the model's file or folder."""
_CODE_FILES = ("data", "model_path")
"""Those of ``python_function``, which names it for every flavor."""


@dataclass(frozen=True)
class Folder:
    """An MLflow folder.

    Args:
        path: Where it is.
        flavors: What its ``MLmodel`` says of each way to load it.
        told: What it says of the signature and of the example.
    """

    path: Path
    flavors: Mapping[str, Mapping[str, Any]]
    told: Mapping[str, Mapping[str, Any]]

    @property
    def is_code(self) -> bool:
        """Whether no framework here has a flavor of the model's, so that MLflow alone can load it."""
        return _CODE in self.flavors and not {*self.flavors, self._known_loader()} & set(_FILES)

    def model(self, framework: str) -> Path:
        """The model's file, or its folder.

        Args:
            framework: That which is to load it.

        Raises:
            ModelLoadError: There is no flavor of this framework, or not the file that it names.
        """
        found = self._flavor_of(framework)
        if not found:
            known = ", ".join(sorted({*self.flavors, self._known_loader()} - {_CODE, ""})) or "none"
            raise ModelLoadError(f"the MLflow model is not of framework '{framework}'; its flavors: {known}")
        code = self.flavors.get(_CODE, {})
        names = [self.flavors.get(found, {}).get(_FILES[found]), *(code.get(key) for key in _CODE_FILES)]
        name = next((name for name in names if name), None)
        if not isinstance(name, str):
            raise ModelLoadError(f"{FILE} names no file of the flavor {found}: its '{_FILES[found]}' is missing")
        if not (self.path / name).exists():
            raise ModelLoadError(f"{FILE} names '{name}', which is not in the folder; save the model again")
        return self.path / name

    @cached_property
    def signature(self) -> Signature | None:
        """What the model takes; None where the folder says nothing that rows can be checked against.

        Parameters are left out: no model of a framework reads them, and MLflow gives code of a user's its defaults.
        """
        return parse_inputs(self._json(self.told[_SIGNATURE].get("inputs") or "null", FILE))

    @cached_property
    def example(self) -> list[Any] | None:
        """Rows that the user gave as an example, as requests have them; None where there are none."""
        for key in ("serving_input_path", "artifact_path"):
            if (name := self.told[_EXAMPLE].get(key)) and (self.path / name).is_file():
                return parse_example(self._json((self.path / name).read_text(), name))
        return None

    @property
    def trusted_types(self) -> tuple[str, ...]:
        """The types that its user trusted a skops file to hold, beside those that skops trusts by itself."""
        return tuple(str(name) for told in self.flavors.values() for name in told.get("skops_trusted_types") or ())

    def _flavor_of(self, framework: str) -> str | None:
        known = {*self.flavors, self._known_loader()}
        return next((flavor for flavor in _FLAVORS.get(framework, (framework,)) if flavor in known), None)

    def _known_loader(self) -> str:
        """The flavor that ``python_function`` loads by, where a framework has it; else nothing."""
        module = str(self.flavors.get(_CODE, {}).get("loader_module", ""))
        flavor = module.removeprefix("mlflow.")
        return flavor if flavor in _FILES else ""

    @staticmethod
    def _json(text: str, file: str) -> Any:  # noqa: ANN401 - it is what the file says
        try:
            return json.loads(text)
        except ValueError as error:
            raise ModelLoadError(f"{file} of the MLflow folder is not JSON ({first_line(error)})") from None


def read_folder(path: Path) -> Folder | None:
    """The MLflow folder at a path; None where there is none.

    Args:
        path: The model's file, or its folder, which may hold nothing but another folder.

    Raises:
        ModelLoadError: Its ``MLmodel`` cannot be read.
    """
    file = _find(path)
    if file is None:
        return None
    try:
        told = yaml.safe_load(file.read_text())
        flavors = {str(name): dict(about or {}) for name, about in told["flavors"].items()}
        about = {key: dict(told.get(key) or {}) for key in (_SIGNATURE, _EXAMPLE)}
    except (OSError, ValueError, TypeError, KeyError, AttributeError, yaml.YAMLError) as error:
        raise ModelLoadError(f"{FILE} cannot be read ({type(error).__name__}: {first_line(error)})") from None
    return Folder(file.parent, flavors, about)


def _find(path: Path) -> Path | None:
    while path.is_dir():
        if (path / FILE).is_file():
            return path / FILE
        entries = visible(path)
        if len(entries) != 1:
            return None
        path = entries[0]
    return None

"""What loads the models of a replica that has several, and counts them for Prometheus."""

import gc
import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from ray.serve.metrics import Counter, Gauge

from eagleray_serving.answers import AnsweringModel
from eagleray_serving.errors import ModelLoadError
from eagleray_serving.fetch.progress import size
from eagleray_serving.fetch.several import names_folder
from eagleray_serving.frameworks.pickle_versions import foreign_version
from eagleray_serving.memory import give_back, held
from eagleray_serving.model_state import Phase

_OUTCOMES = {Phase.READY: "loaded", Phase.UNLOADED: "unloaded", Phase.FAILED: "failed"}

logger = logging.getLogger("ray.serve.eagleray")


@dataclass(frozen=True, slots=True)
class Several:
    """Which models a replica has, where it has several.

    Args:
        names: Their names in paths.
        max_bytes: The most memory that those that are loaded may take.
    """

    names: tuple[str, ...]
    max_bytes: int


def parse_several(value: dict[str, Any] | None) -> Several | None:
    """What the args say of several models: ``{"names", "maxBytes"}``; None where there is one.

    Raises:
        ModelLoadError: They name none, name one that is no name of a folder, or have no bound.
    """
    if value is None:
        return None
    names, max_bytes = value.get("names"), value.get("maxBytes")
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise ModelLoadError(f"several.names is a list of the names of models, got {names!r}")
    if bad := [name for name in names if not names_folder(name)]:
        raise ModelLoadError(f"several.names: {bad[0]!r} is no name of a folder")
    if not isinstance(max_bytes, int) or max_bytes < 1:
        raise ModelLoadError(f"several.maxBytes is a number of bytes, at least 1, got {max_bytes!r}")
    return Several(tuple(names), max_bytes)


class Loadable(Protocol):
    """A saved model."""

    @property
    def path(self) -> Path:
        """Its file, or its folder."""

    def load(self) -> AnsweringModel:
        """Load it, and have it answer once."""


class SavedModels:
    """Loads saved models, and measures the memory that each takes.

    Args:
        saved: The models by their names in paths.
    """

    def __init__(self, saved: Mapping[str, Loadable]) -> None:
        self._saved = saved
        self._names = tuple(saved)
        self._file_bytes = {name: _file_bytes(model.path) for name, model in saved.items()}

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the models, as they were given."""
        return self._names

    def expected(self, name: str) -> int:
        """Bytes of a model's files, which is the least that it takes in memory."""
        return self._file_bytes[name]

    def load(self, name: str) -> tuple[AnsweringModel, int]:
        """Load a model, have it answer once, and measure by how much more the process holds."""
        give_back()  # what was unloaded before
        before = held()
        model = self._saved[name].load()
        return model, max(held() - before, self._file_bytes[name])

    def check(self, max_bytes: int) -> None:
        """Look at the files of all without running what they hold, and load the first one for a trial.

        Args:
            max_bytes: The most that loaded models may take.

        Raises:
            ModelLoadError: One has no file or one that is too large, or the first one cannot be served.
        """
        for name, taken in self._file_bytes.items():
            if not taken:
                raise ModelLoadError(f"model '{name}' has no file at {self._saved[name].path}")
            if taken > max_bytes:
                raise ModelLoadError(
                    f"model '{name}' has {size(taken)}, and all loaded models may take {size(max_bytes)} of memory; "
                    "raise model.memory"
                )
        self._tell_versions()
        first = self._names[0]
        try:
            self._saved[first].load()
        except ModelLoadError as error:
            raise ModelLoadError(f"model '{first}': {error}") from None
        # Modules stay: with them set apart, collecting what a model leaves takes a millisecond, and the loop goes on.
        gc.collect()
        gc.freeze()

    def _tell_versions(self) -> None:
        written = defaultdict(list)
        for name, model in self._saved.items():
            if version := foreign_version(model.path):
                written[version].append(name)
        for version, names in written.items():
            logger.warning("scikit-learn %s, which this image has not, wrote models %s", version, _some(names))


class Meters:
    """Counts for Prometheus what happens to models."""

    def __init__(self) -> None:
        about = "Models that were loaded, unloaded, or could not be loaded."
        self._changes = Counter("eagleray_model_changes", about, tag_keys=("model", "outcome"))
        self._loaded = Gauge("eagleray_models_loaded", "Models that are loaded.")
        self._bytes = Gauge("eagleray_models_bytes", "Memory that the loaded models take, in bytes.")

    def count(self, name: str, phase: Phase) -> None:
        """Count what happened to a model."""
        self._changes.inc(tags={"model": name, "outcome": _OUTCOMES[phase]})

    def gauge(self, models: int, taken: int) -> None:
        """Tell how many are loaded, and the bytes that they take."""
        self._loaded.set(models)
        self._bytes.set(taken)


def _file_bytes(path: Path) -> int:
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:10]) + (f" and {len(names) - 10} more" if len(names) > 10 else "")

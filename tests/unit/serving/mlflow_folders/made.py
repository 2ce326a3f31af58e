"""Models that MLflow itself saved, made once and kept in the cache of the project's tooling."""

from functools import partial
from pathlib import Path
from typing import Final

from kind import cache, shell, venv

VERSIONS: Final = {"newest": "mlflow", "2": "mlflow-2"}
"""Versions of MLflow, and the pins that each is installed from."""

_SAVE = Path(__file__).parent / "save.py"


def folders(version: str) -> Path:
    """The folder with what ``save.py`` writes.

    Args:
        version: A key of ``VERSIONS``.
    """
    python = venv.apart(VERSIONS[version])
    return cache.entry(f"folders-of-{VERSIONS[version]}", [str(python), _SAVE], partial(_save, python))


def _save(python: Path, into: Path) -> None:
    log = into.name
    shell.fresh_log(log)
    shell.run([python, _SAVE, into], log=log, cwd=into, env={"MLFLOW_DISABLE_TELEMETRY": "true"})

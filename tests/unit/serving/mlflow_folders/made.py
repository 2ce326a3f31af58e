"""Models that MLflow itself saved, made once and kept in the cache of the project's tooling."""

import shutil
import sys
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
    pins = cache.REPO / "requirements" / f"{VERSIONS[version]}.txt"
    return cache.entry(f"folders-of-{VERSIONS[version]}", [pins, _SAVE, sys.version], partial(_save, pins))


def _save(pins: Path, into: Path) -> None:
    log = f"folders-of-{pins.stem}"
    shell.fresh_log(log)
    python = into / "venv"
    venv.fill(python, pins, log=log)
    shell.run([python / "bin" / "python", _SAVE, into], log=log, cwd=into, env={"MLFLOW_DISABLE_TELEMETRY": "true"})
    shutil.rmtree(python)

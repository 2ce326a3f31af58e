"""The command as the Job has it: Ray Data in a process of its own, two copies of the model. Ray gives a start 30 s."""

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.usefixtures("customers")
def test_in_ray(model: str, tmp_path: Path) -> None:
    words = [
        "--model",
        model,
        "--revision",
        "r",
        "--input",
        f"file://{tmp_path}/rows",
        "--output",
        f"file://{tmp_path}/o",
    ]
    done = subprocess.run(
        [sys.executable, "-m", "eagleray_serving.batch", *words, "--parallelism", "2"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "3 of 3 parts, 30 rows" in done.stdout
    assert done.stdout.endswith("answered 30 rows\n")

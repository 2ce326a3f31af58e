"""The command of Ray containers: with the Ray that it knows it is shorter, with any other it is `ray start`."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from eagleray.resources.pod import ray_start


def run(path: Path, *args: str) -> str:
    """What it prints where the modules and programs of a folder come first."""
    env = os.environ | {"PYTHONPATH": str(path), "PATH": f"{path}:{os.environ['PATH']}"}
    command = [sys.executable, *ray_start()[1:], *args]
    return subprocess.run(command, env=env, check=True, capture_output=True, text=True, timeout=60).stdout


@pytest.mark.parametrize("module", ["__version__ = '2.99.0'", "raise ImportError('no Ray here')"])
def test_any_other_ray_starts_as_it_means_to(tmp_path: Path, module: str) -> None:
    (tmp_path / "ray.py").write_text(module)
    program = tmp_path / "ray"
    program.write_text('#!/bin/sh\necho "$0" "$@"\n')
    program.chmod(0o755)
    assert run(tmp_path, "--head", "--num-cpus=0").split() == [str(program), "start", "--head", "--num-cpus=0"]


def test_the_ray_that_is_pinned_is_the_one_that_it_knows(tmp_path: Path) -> None:
    (tmp_path / "ray").write_text("not a program")
    assert run(tmp_path, "--help").startswith("Usage: ray start")

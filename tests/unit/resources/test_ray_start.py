"""The command of Ray containers: with the Ray that it knows it is shorter, with any other it is `ray start`."""

import os
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from eagleray.domain.facts.ports import PROGRESS
from eagleray.domain.facts.progress import STALLED_SECONDS, Progress
from eagleray.peers.progress import parse_progress
from eagleray.resources.pod import ray_start
from eagleray.resources.ray_start import PROGRESS_PORT, tell


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


RAY_LIKE = {
    "ray/__init__.py": "__version__ = '2.60.0'",
    "ray/_private/services.py": "def start_ray_process(command, process_type): print(*command, sep='\\n')",
    "ray/scripts/scripts.py": """
import ray._private.services as services
def main():
    services.start_ray_process(["raylet", "--python_worker_command=python set.py /r/default_worker.py --a=b"], "raylet")
    services.start_ray_process(["gcs_server"], "gcs_server")
""",
    "ray/_private/workers/__init__.py": "",
    "ray/_private/workers/default_worker.py": """
import sys
if __name__ == "__main__":
    import ray.serve._private.utils, pandas
    print(sys.argv[1:], sys.path[0], pandas.here, ray.serve._private.utils.pd)
""",
    "ray/serve/_private/utils.py": """
try:
    import pandas as pd
except ImportError:
    pd = None
""",
    "pandas.py": "here = 'pandas'",
}


@pytest.mark.parametrize("head", [True, False])
def test_serve_has_no_pandas_in_a_head_and_applications_have_it(tmp_path: Path, *, head: bool) -> None:
    for name, text in RAY_LIKE.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    _, option, text, *words = ray_start()
    text = text.replace("/tmp/eagleray", str(tmp_path / "scratch"))  # noqa: S108 -- not the machine's own
    env = os.environ | {"PYTHONPATH": str(tmp_path)}
    command = [sys.executable, option, text, *words, *(["--head"] if head else [])]
    raylet, workers, gcs = subprocess.run(command, env=env, check=True, capture_output=True, text=True).stdout.split(
        "\n"
    )[:3]
    assert (raylet, gcs) == ("raylet", "gcs_server")
    file = tmp_path / "scratch/worker.py"
    assert workers == f"--python_worker_command=python set.py {file if head else '/r/default_worker.py'} --a=b"
    if head:
        worker = [sys.executable, str(file), "--a=b"]
        found = subprocess.run(worker, env=env, check=True, capture_output=True, text=True).stdout
        assert found == f"['--a=b'] {tmp_path / 'ray/_private/workers'} pandas None\n"


def listening(file: Path) -> int:
    """A port at which it is told what `file` says."""
    with socket.create_server(("", 0)) as free:
        port = int(free.getsockname()[1])
    threading.Thread(target=tell, args=(str(file), port), daemon=True).start()
    until = time.monotonic() + 30
    while time.monotonic() < until:
        try:
            socket.create_connection(("127.0.0.1", port), 5).close()
        except ConnectionRefusedError:
            time.sleep(0.01)
        else:
            return port
    raise AssertionError("nobody listens")


def asked(port: int) -> Progress:
    """What the operator reads there."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/progress", timeout=10) as response:
        return parse_progress(response.read())


def test_what_a_constructor_writes_is_told_and_whoever_is_silent_keeps_nobody_waiting_for_long(tmp_path: Path) -> None:
    assert PROGRESS_PORT == PROGRESS
    file = tmp_path / "progress"
    port = listening(file)
    with pytest.raises(urllib.error.HTTPError, match="404"):
        asked(port)
    file.write_text("shard 3 of 12\nand more")
    with socket.create_connection(("127.0.0.1", port)):
        assert str(asked(port)) == "shard 3 of 12"
    file.write_bytes(b"\xff" * 10_000)
    assert len(asked(port).said or "") == 200
    file.write_text("")
    assert str(asked(port)) == "it says that it lives"
    past = file.stat().st_mtime - STALLED_SECONDS
    os.utime(file, (past, past))
    assert asked(port).stalled

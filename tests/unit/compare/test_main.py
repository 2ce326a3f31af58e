"""The process as its container runs it: it outlives the comparer, and ends when it is told to."""

import asyncio
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from fakes.ports import free_port
from unit.router.envoy_rig import until

CODE = Path(__file__).parents[3] / "model_images/router"


@pytest.fixture
def report() -> str:
    return f"http://127.0.0.1:{free_port()}/mirror"


@pytest.fixture
def supervisor(report: str) -> Iterator[subprocess.Popen[bytes]]:
    port = report.split(":")[2].partition("/")[0]
    ports = [f"--report-port={port}", f"--exchanges-port={free_port()}", "--copies-port=1"]
    env = {**os.environ, "PYTHONPATH": str(CODE)}
    with subprocess.Popen([sys.executable, "-m", "eagleray_compare", *ports], env=env) as process:
        yield process
        process.kill()


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=1) as answer:  # noqa: S310 -- loopback, http
            return bool(answer.read() == b'{"mirrors": []}')
    except OSError:
        return False


def children(process: subprocess.Popen[bytes]) -> list[int]:
    text = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
    return [int(pid) for pid in text.split()]


async def test_it_starts_again_by_itself_and_ends_with_all_that_it_started(
    supervisor: subprocess.Popen[bytes], report: str
) -> None:
    await until(lambda: answers(report))
    (first,) = children(supervisor)
    os.kill(first, signal.SIGKILL)
    await until(lambda: children(supervisor) not in ([], [first]) and answers(report))
    assert supervisor.poll() is None
    supervisor.terminate()
    assert await asyncio.to_thread(supervisor.wait, 30) == 0
    assert not answers(report)

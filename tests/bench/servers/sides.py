"""The servers that are compared: how each is started, and where it is asked."""

import json
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.scale.processes import Running, free_ports, running
from bench.servers.models import Fitted
from kind import venv

HERE = Path(__file__).parent
OURS, PLAIN, MLSERVER, KSERVE = "Eagleray", "plain Ray Serve", "MLServer", "KServe's SDK server"
PEERS = (MLSERVER, KSERVE, PLAIN)
START_SECONDS = 300.0
Words = Sequence[str | Path]
V1, V2 = "/v1/models/m:predict", "/v2/models/m/infer"
MLSERVER_RUNTIMES = {"sklearn": "mlserver_sklearn.SKLearnModel", "lightgbm": "mlserver_lightgbm.LightGBMModel"}
# As Ray tells a replica of one CPU: otherwise the trees of one request take all cores.
ONE_THREAD = {"OMP_NUM_THREADS": "1"}
# As the operator has its workers (operator/eagleray/resources/env.py).
DIRECT = {"RAY_SERVE_ENABLE_HA_PROXY": "0", "RAY_SERVE_THROUGHPUT_OPTIMIZED": "1"}


@dataclass(frozen=True, slots=True)
class Side:
    """A server that runs.

    Attributes:
        address: where it listens.
        path: where its model is asked.
    """

    address: str
    path: str


@contextmanager
def started(model: Fitted, folder: Path) -> Iterator[dict[str, Side]]:
    """All servers with one model, by their labels, until the end.

    Args:
        model: the model.
        folder: for their logs and settings.
    """
    starts: dict[str, Callable[[ExitStack, Fitted, Path], Side]] = {
        OURS: _ours,
        PLAIN: _plain,
        MLSERVER: _mlserver,
        KSERVE: _kserve,
    }
    with ExitStack() as until_end:
        yield {label: start(until_end, model, folder) for label, start in starts.items()}


def _ours(until_end: ExitStack, model: Fitted, folder: Path) -> Side:
    proxy, port = free_ports(2)
    ports = {
        "RAY_SERVE_DIRECT_INGRESS_MIN_HTTP_PORT": str(port),
        "RAY_SERVE_DIRECT_INGRESS_MAX_HTTP_PORT": str(port + 1),
    }
    words: Words = [sys.executable, HERE / "ray_ours.py", model.framework, model.folder, str(proxy)]
    program = until_end.enter_context(running(words, folder / "ours.log", DIRECT | ports))
    return ready(program, port, "/v2/models/m/ready", V2)


def _plain(until_end: ExitStack, model: Fitted, folder: Path) -> Side:
    (port,) = free_ports(1)
    words: Words = [sys.executable, HERE / "ray_plain.py", model.file, str(port)]
    program = until_end.enter_context(running(words, folder / "plain.log"))
    return ready(program, port, "/-/healthz", "/")


def _mlserver(until_end: ExitStack, model: Fitted, folder: Path) -> Side:
    ports = dict(zip(("http_port", "grpc_port", "metrics_port"), free_ports(3), strict=True))
    # No worker processes: without them there is one hop less.
    server = {"debug": False, "host": "127.0.0.1", "parallel_workers": 0, **ports}
    served = {
        "name": "m",
        "implementation": MLSERVER_RUNTIMES[model.framework],
        "parameters": {"uri": str(model.file)},
    }
    settings = folder / "mlserver"
    settings.mkdir()
    (settings / "settings.json").write_text(json.dumps(server))
    (settings / "model-settings.json").write_text(json.dumps(served))
    words: Words = [venv.apart("mlserver").parent / "mlserver", "start", settings]
    program = until_end.enter_context(running(words, folder / "mlserver.log", ONE_THREAD))
    return ready(program, ports["http_port"], "/v2/models/m/ready", V2)


def _kserve(until_end: ExitStack, model: Fitted, folder: Path) -> Side:
    (port,) = free_ports(1)
    words: Words = [venv.apart("kserve-server"), HERE / "kserve_sdk.py", model.file, str(port)]
    program = until_end.enter_context(running(words, folder / "kserve.log", ONE_THREAD))
    return ready(program, port, "/v2/models/m/ready", V2)


def ready(program: Running, port: int, path: str, asked: str) -> Side:
    """The side, when it says that it is ready.

    Args:
        program: what was started.
        port: where it listens.
        path: where it is asked whether it is ready.
        asked: where its model is asked.

    Raises:
        TimeoutError: It did not in time.
    """
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        program.check()
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=1):
                return Side(f"127.0.0.1:{port}", asked)
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.2)
    raise TimeoutError(f"{program.log.stem} is not ready after {START_SECONDS:.0f} s; see {program.log}")

"""All of `make bench ARGS=--switches`."""

import json
import os
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.scale.processes import free_ports, running
from bench.servers import bodies, models, sides
from bench.servers.models import Fitted
from bench.servers.run import ask
from bench.servers.sides import Side, ready
from bench.switches import table
from bench.switches.found import HEALTH, LARGE, LONE, MANY, Found
from bench.switches.switch import DIRECT, SWITCHES, TUNED, Switch, label
from kind.progress import say

TURNS = 2
"""How often each switch is measured. What is compared is asked in turns of a second."""
HERE = Path(__file__).parent
BLOCK_SECONDS = 1.0
# Serve gives its proxy 5 s to start, which are few beside a server that is asked.
_PATIENT = {"RAY_SERVE_PROXY_READY_CHECK_TIMEOUT_S": "60"}
MIB = 2**20
Words = Sequence[str | Path]


@dataclass(frozen=True, slots=True)
class Server:
    """A server whose switches are turned.

    Attributes:
        found: where what is measured goes.
        words: its program and arguments, but for the proxy's port, which is the last.
        plain: variables that the operator sets.
        turned: variables of a switch that is turned.
        ready: the path that tells that it is ready.
        path: where it is asked.
        ways: by figure, what it is asked.
    """

    found: Found
    words: Words
    plain: Mapping[str, str]
    turned: Callable[[Switch], Mapping[str, str]]
    ready: str
    path: str
    ways: Callable[[Side], Mapping[str, Any]]


def run(turns: int = TURNS) -> None:
    """Measure both servers, and write the tables.

    Args:
        turns: how often.
    """
    load = os.getloadavg()[2]
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        servers = [_application(), _ours(models.by_lightgbm(folder / "lightgbm"))]
        for server in servers:
            _measure(server, folder, turns)
    table.write([server.found for server in servers], load)


def _application() -> Server:
    def ways(side: Side) -> Mapping[str, Any]:
        asked = {"path": side.path, "addresses": [side.address]}
        return {LONE: {**asked, "body": "x"}, LARGE: {**asked, "body": "x" * MIB}}

    return Server(
        found=Found("An application of two deployments", "`RAY_SERVE_THROUGHPUT_OPTIMIZED`"),
        words=[HERE / "app.py"],
        plain=DIRECT,
        turned=lambda switch: switch.tuned,
        ready="/-/healthz",
        path="/",
        ways=ways,
    )


def _ours(model: Fitted) -> Server:
    return Server(
        found=Found("Our model server", "Ray Serve by itself"),
        words=[sides.HERE / "ray_ours.py", model.framework, model.folder],
        plain=DIRECT | TUNED,
        turned=lambda switch: switch.default,
        ready="/v2/models/m/ready",
        path=sides.V2,
        ways=lambda side: {LONE: bodies.way(sides.OURS, side, models.rows(1))},
    )


def _measure(server: Server, folder: Path, turns: int) -> None:
    with _started(server, {}, folder, proxied=False) as plain:
        for number, switch in enumerate(SWITCHES, 1):
            variables = server.turned(switch)
            say(f"{server.found.title}, switch {number} of {len(SWITCHES)}: {label(switch, variables)}")
            with _started(server, variables, folder, proxied=switch.proxied) as turned:
                for _ in range(turns):
                    _turn(server, label(switch, variables), plain, turned)
    sys.stdout.write(table.text([server.found]) + "\n\n")


@contextmanager
def _started(server: Server, variables: Mapping[str, str], folder: Path, *, proxied: bool) -> Iterator[Side]:
    proxy, port = free_ports(2)
    listens = {
        "RAY_SERVE_DIRECT_INGRESS_MIN_HTTP_PORT": str(port),
        "RAY_SERVE_DIRECT_INGRESS_MAX_HTTP_PORT": str(port + 1),
    }
    words: Words = [sys.executable, *server.words, str(proxy)]
    with running(words, folder / f"{port}.log", {**server.plain, **variables, **listens, **_PATIENT}) as program:
        yield ready(program, proxy if proxied else port, server.ready, server.path)


def _turn(server: Server, turn: str, plain: Side, turned: Side) -> None:
    for figure, way in server.ways(plain).items():
        both = {"plain": way, "turned": server.ways(turned)[figure]}
        found = ask(both, latency=1 if figure == LARGE else 4, **({"throughput": 1} if figure == LONE else {}))
        _note(server, figure, turn, {side: each["p50"] for side, each in found["latency_ms"].items()})
        if figure == LONE:
            _note(server, MANY, turn, {side: each["rps"] for side, each in found["throughput"].items()})
    if LARGE in server.ways(plain):
        _note(server, HEALTH, turn, {"plain": _blocked(plain), "turned": _blocked(turned)})


def _note(server: Server, figure: str, turn: str, found: Mapping[str, float]) -> None:
    pair = server.found.figures[figure][turn]
    pair.plain.append(found["plain"])
    pair.turned.append(found["turned"])


def _blocked(side: Side) -> float:
    """How long a health check takes, in milliseconds, while the replica computes for a second."""
    url = f"http://{side.address}/?block={BLOCK_SECONDS}"
    request = urllib.request.Request(url, b"x")
    computing = threading.Thread(target=lambda: _read(request))
    computing.start()
    time.sleep(BLOCK_SECONDS / 4)
    began = time.perf_counter()
    _read(urllib.request.Request(f"http://{side.address}/-/healthz"))
    took = 1000 * (time.perf_counter() - began)
    computing.join()
    return took


def _read(request: urllib.request.Request) -> Any:
    with urllib.request.urlopen(request, timeout=60) as response:  # noqa: S310 - loopback
        text = response.read()
        return json.loads(text) if text.startswith(b"{") else text

"""All of `make bench ARGS=--servers`."""

import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from statistics import median
from typing import Any

from bench.servers import bodies, models, table
from bench.servers.found import MANY, SOME, Found, Latencies
from bench.servers.models import Fitted, Matrix
from bench.servers.sides import KSERVE, OURS, Side, started
from kind.progress import say

TURNS = 5
"""How often everything is measured. What is compared is compared within a turn."""
CLIENT = Path(__file__).parents[1] / "client" / "speed.py"
BARE_SECONDS = 0.3


def run(turns: int = TURNS) -> None:
    """Measure with each model, and write the table.

    Args:
        turns: how often.
    """
    load = os.getloadavg()[2]
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        fitted = [models.by_sklearn(folder / "sklearn"), models.by_lightgbm(folder / "lightgbm")]
        found = [_measure(model, folder / f"{model.framework}-logs", turns) for model in fitted]
    table.write(found, load)


def _measure(model: Fitted, logs: Path, turns: int) -> Found:
    logs.mkdir()
    found = Found(model.title)
    say(f"{model.title}: starting four servers; their logs are in {logs}")
    with started(model, logs) as sides:
        _check_alike(sides, model)
        for turn in range(turns):
            say(f"{model.title}: turn {turn + 1} of {turns}, half a minute each")
            _turn(sides, model, found)
    sys.stdout.write(table.text([found]) + "\n\n")
    return found


def _turn(sides: dict[str, Side], model: Fitted, found: Found) -> None:
    one = {label: bodies.way(label, side, models.rows(1)) for label, side in sides.items()}
    some = {label: bodies.way(label, side, models.rows(SOME)) for label, side in sides.items()}
    # MLServer and plain Ray Serve have no binary tensors.
    many = {label: bodies.binary_way(sides[label], models.rows(MANY)) for label in (OURS, KSERVE)}
    alone = ask(one, latency=5, throughput=2)
    _append(found.one, alone["latency_ms"])
    for label, rate in alone["throughput"].items():
        found.rates[label].append(rate["rps"])
    _append(found.some, ask(some, latency=4)["latency_ms"])
    _append(found.many, ask(many, latency=1)["latency_ms"])
    found.bare.append(_bare(model, models.rows(MANY)))


def _append(into: Latencies, latency: dict[str, dict[str, float]]) -> None:
    for label, each in latency.items():
        into[label].append(each)


def ask(ways: dict[str, Any], **rounds: int) -> dict[str, Any]:
    """What client/speed.py finds in a process of its own.

    Args:
        ways: what it is asked, by label.
        rounds: how often each of its measurements is made.
    """
    words = [sys.executable, str(CLIENT), *(f"{name}={count}" for name, count in rounds.items())]
    out = subprocess.run(words, input=json.dumps(ways), text=True, stdout=subprocess.PIPE, check=True, timeout=600)
    found: dict[str, Any] = json.loads(out.stdout)
    return found


def _bare(model: Fitted, rows: Matrix) -> float:
    """The median milliseconds of the model's own predict."""
    model.predict(rows)
    took: list[float] = []
    until = time.perf_counter() + BARE_SECONDS
    while (began := time.perf_counter()) < until:
        model.predict(rows)
        took.append(1000 * (time.perf_counter() - began))
    return median(took)


def _check_alike(sides: dict[str, Side], model: Fitted) -> None:
    """Nobody may be quick because the answer is wrong."""
    rows = models.rows(SOME)
    right = [round(float(value), 9) for value in model.predict(rows)]
    for label, side in sides.items():
        way = bodies.way(label, side, rows)
        url = f"http://{side.address}{side.path}"
        request = urllib.request.Request(url, way["body"].encode(), {"content-type": "application/json"})
        with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310 - loopback
            answer = json.load(response)
        given = answer["predictions"] if "predictions" in answer else answer["outputs"][0]["data"]
        assert [round(float(value), 9) for value in given] == right, label

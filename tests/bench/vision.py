"""How long a frame of the example `vision-stream` is on its way, from the camera's request to its boxes."""

import base64
import time
from dataclasses import dataclass, field

from bench import report
from e2e.client import Client
from e2e.given import ROLLOUT_NAMESPACE, Given
from e2e.when import When

COMMAND = "make bench ARGS=--vision"
# One camera, four of them, and more than a model of this size is meant for.
RATES = (30.0, 120.0, 240.0)
ROUNDS = 5
SECONDS = 6.0


@dataclass(slots=True)
class Way:
    """Frames at one rate.

    Attributes:
        rate: frames per second.
        p50: milliseconds, a round each.
        p99: milliseconds, a round each.
        lost: frames without an answer of 200, of all rounds.
    """

    rate: float
    p50: list[float] = field(default_factory=list)
    p99: list[float] = field(default_factory=list)
    lost: int = 0


def measure(given: Given, client: Client) -> list[Way]:
    """Measure each rate in turns on one replica of both parts, without a GPU."""
    manifest = given.own_image("vision-stream")
    for part in manifest["spec"]["app"]["deployments"]:
        part.pop("placement", None)
        part["resources"].pop("limits", None)
    md = When(given.cluster).applied(manifest)
    given.then.ready(md)
    ways = [Way(rate) for rate in RATES]
    frame = {"camera": "gate", "frame": base64.b64encode(bytes(range(256)) * 16).decode()}
    for _ in range(ROUNDS):
        for way in ways:
            with client.load(md.url, body=frame, expected=None, rate=way.rate) as load:
                time.sleep(SECONDS)
            way.p50.append(load.result.raw["latency_ms"]["p50"])
            way.p99.append(load.result.raw["latency_ms"]["p99"])
            way.lost += load.result.failed
    given.cluster.delete("md", md.name, ROLLOUT_NAMESPACE)
    return ways


def write(ways: list[Way]) -> None:
    """Put the table into the page."""
    rows = [
        "### A frame's way to its boxes",
        "",
        f"The example `vision-stream` without a GPU; one replica of each part; {ROUNDS} rounds of {SECONDS:.0f} s in",
        "turns, medians (least to most). The goal is 30 ms with a GPU.",
        "",
        "| frames per second | p50, ms | p99, ms | frames refused or lost |",
        "|---|---|---|---|",
    ]
    rows += [f"| {w.rate:.0f} | {report.spread(w.p50)} | {report.spread(w.p99)} | {w.lost} |" for w in ways]
    report.put(COMMAND, report.where(), "\n".join(rows))

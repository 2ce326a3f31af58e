"""What a mirrored version costs the users of another one."""

import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from statistics import median

from bench import report
from e2e.given import Given, Served
from e2e.when import When

COMMAND = "make bench ARGS=--mirror"
RATE = 30.0
ROUNDS = 8
ROUND_SECONDS = 10.0
# As long as the answer of a small model takes.
MODEL_SECONDS = 0.02
Latencies = list[dict[str, float]]


@dataclass(frozen=True, slots=True)
class Costs:
    """Users' latencies in ms by quantile, a round each; the three take turns.

    Attributes:
        alone: nothing beside them.
        mirrored: a copy of each request is sent to another version.
        beside: as many requests of somebody else are sent to that version, and no copies.
    """

    alone: Latencies = field(default_factory=list)
    mirrored: Latencies = field(default_factory=list)
    beside: Latencies = field(default_factory=list)


def measure(given: Given, when: When) -> Costs:
    """Measure on two versions of one replica each, the second without a share of the requests."""
    app = {"args": {"delay": MODEL_SECONDS}}
    versions = [{"name": "v1", "weight": 100, "app": app}, {"name": "v2", "weight": 0, "app": app}]
    served, costs = given.knobs("mirror", versions=versions, replicas=2), Costs()
    for _ in range(ROUNDS):
        costs.alone.append(_round(given, when, served))
        costs.mirrored.append(_round(given, when, served, mirror=True))
        costs.beside.append(_round(given, when, served, beside=True))
    given.cluster.delete("md", served.md.name, served.md.namespace)
    return costs


def _round(given: Given, when: When, served: Served, *, mirror: bool = False, beside: bool = False) -> dict[str, float]:
    when.changed(served.md, {"traffic": {"mirror": {"version": "v2", "percent": 100}} if mirror else None})
    given.then.settled(served.md)
    with ExitStack() as stack:
        if beside:
            stack.enter_context(when.loaded(served, RATE, headers={"x-eagleray-version": "v2"}))
        with when.loaded(served, RATE) as load:
            time.sleep(ROUND_SECONDS)
    assert load.result.failed == 0, load.result.told()
    found: dict[str, float] = load.result.raw["latency_ms"]
    return found


def write(costs: Costs) -> None:
    """Put the table into the page."""
    rows = [
        "### What a mirrored version costs the user",
        "",
        f"An answer takes {1000 * MODEL_SECONDS:.0f} ms and some; {RATE:.0f} requests a second; {ROUNDS} rounds of",
        "each in turns. Medians of the rounds (least to most).",
        "",
        "| ms to the user's answer | no copies | a copy of every request | no copies, somebody else's requests |",
        "|---|---|---|---|",
    ]
    for q in ("p50", "p99"):
        alone, mirrored, beside = ([found[q] for found in arm] for arm in (costs.alone, costs.mirrored, costs.beside))
        cells = (f"{report.spread(arm)}, **{median(arm) / median(alone):.2f}x**" for arm in (mirrored, beside))
        rows.append(f"| {q} | {report.spread(alone)} | {' | '.join(cells)} |")
    rows += [
        "",
        "In the last column somebody else sends the mirrored version as many requests as it gets copies in the one",
        "before: both versions share the machine's cores, and that is what their work costs. What copies cost beyond",
        "it is the mirror; how far rounds of one column differ among themselves is the noise.",
    ]
    report.put(COMMAND, report.where(), "\n".join(rows))

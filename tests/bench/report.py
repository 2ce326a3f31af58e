"""Writes what was measured into docs/benchmarks.md, between markers."""

import json
import os
import platform
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from bench.router import Cost
from bench.shift import Shift, Shifts
from bench.start import Start
from e2e.cluster import REPO

PAGE = REPO / "docs" / "benchmarks.md"
HEAD_LOSS = REPO / "build" / "bench" / "head-loss.json"


def write(hand: list[Start], eagleray: list[Start], cost: Cost, shifts: Shifts) -> None:
    """Put the tables into the page."""
    parts = [
        where(),
        _start_table(hand, eagleray),
        _router_table(cost),
        _shift_table(shifts),
        *_head_loss(),
    ]
    put("make bench", *parts)


def put(command: str, *parts: str) -> None:
    """Put what a command has found between its two markers on the page."""
    begin, end = (f"<!-- written by {command}: {edge} -->" for edge in ("begin", "end"))
    before, rest = PAGE.read_text().split(begin)
    _, after = rest.split(end)
    PAGE.write_text(f"{before}{begin}\n\n" + "\n\n".join(parts) + f"\n\n{end}{after}")


def put_local(command: str, load: float, tables: str) -> None:
    """Put what a command has found of local processes on the page.

    Args:
        command: which.
        load: the machine's load average before.
        tables: what it has found.
    """
    put(command, f"{where('local processes')} The load average before was {load:.1f}.", tables)


def ratio(hand: list[Start], eagleray: list[Start]) -> float:
    """Median time to the first right answer, of that by hand."""
    return median(s.seconds for s in eagleray) / median(s.seconds for s in hand)


def where(cluster: str = "three-node kind cluster") -> str:
    """When, and on what machine.

    Args:
        cluster: what ran on it.
    """
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    day = datetime.now(UTC).date().isoformat()
    return f"Measured on {day}: {cluster} on {os.cpu_count()} cores, {memory:.0f} GiB, {platform.machine()}."


def _start_table(hand: list[Start], eagleray: list[Start]) -> str:
    rows = [
        "### From apply to the first right answer",
        "",
        f"`examples/square`, two replicas, images on the nodes; {len(hand)} starts each, in turns.",
        "",
        "| seconds after `kubectl apply` | by hand (head, workers, REST PUT) | Eagleray |",
        "|---|---|---|",
    ]
    steps = dict.fromkeys(step for start in (*hand, *eagleray) for step in start.steps)
    at = {step: min(_median(hand, step), _median(eagleray, step)) for step in steps}
    in_order = sorted(steps, key=lambda step: at[step])
    rows += [f"| {step} | {_cell(hand, step)} | {_cell(eagleray, step)} |" for step in in_order]
    rows += [
        "",
        f"Eagleray needs **{ratio(hand, eagleray):.2f}x** the time that it takes by hand (goal: at most 0.8x).",
    ]
    return "\n".join(rows)


def _median(starts: list[Start], step: str) -> float:
    found = [s.steps[step] for s in starts if step in s.steps]
    return median(found) if found else float("inf")


def _cell(starts: list[Start], step: str) -> str:
    found = sorted(s.steps[step] for s in starts if step in s.steps)
    return f"{median(found):.1f} ({found[0]:.1f} to {found[-1]:.1f})" if found else ""


def _router_table(cost: Cost) -> str:
    latency, throughput, clients = cost.raw["latency_ms"], cost.raw["throughput"], cost.raw["clients"]
    rows = [
        "### What the router costs",
        "",
        "| | replica's port directly | through the router | |",
        "|---|---|---|---|",
    ]
    for q in ("p50", "p99"):
        direct, router = latency["direct"][q], latency["router"][q]
        rows.append(f"| latency {q}, one client | {direct:.2f} ms | {router:.2f} ms | +{cost.added_ms(q):.2f} ms |")
    direct, router = throughput["direct"], throughput["router"]
    share = f"{cost.throughput_ratio():.2f}x"
    rows.append(f"| requests per second, {clients} clients | {direct['rps']:.0f} | {router['rps']:.0f} | {share} |")
    rows += [f"| latency {q}, {clients} clients | {direct[q]:.1f} ms | {router[q]:.1f} ms | |" for q in ("p50", "p99")]
    rows += [
        "",
        "The client, the router and the replicas share the machine's cores: the router's CPU is taken from theirs.",
    ]
    return "\n".join(rows)


def _shift_table(shifts: Shifts) -> str:
    rows = [
        "### When requests move",
        "",
        "Seconds after `kubectl patch` has returned, under load: median (least to most).",
        "",
        "| | first answer of the new side | last answer of the old side | requests lost |",
        "|---|---|---|---|",
        _shift_row("weights 100/0 to 0/100", shifts.weights),
        _shift_row("a whole new revision, with its start", shifts.revisions),
    ]
    return "\n".join(rows)


def _shift_row(what: str, found: list[Shift]) -> str:
    first, last = spread([s.first for s in found]), spread([s.last for s in found])
    return f"| {what} | {first} | {last} | {sum(s.failed for s in found)} of {sum(s.sent for s in found)} |"


def spread(values: list[float]) -> str:
    """The median, the least and the most."""
    return f"{median(values):.1f} ({min(values):.1f} to {max(values):.1f})"


def _head_loss() -> list[str]:
    """What `tests/e2e/test_chaos.py` measured last, if it ran on this machine."""
    if not Path(HEAD_LOSS).exists():
        return []
    loss = json.loads(HEAD_LOSS.read_text())
    rows = [
        "### When the Ray head is killed",
        "",
        f"By force, under {loss['rate']:.0f} requests per second: {loss['failed']} of {loss['sent']} requests failed;",
        f"everything was settled again {loss['seconds']:.0f} s after the load began;",
        f"the slowest answer took {loss['latency_ms']['max'] / 1000:.1f} s.",
    ]
    return ["\n".join(rows)]

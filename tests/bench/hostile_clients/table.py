"""Writes what hostile clients do into docs/benchmarks.md."""

from statistics import median

from bench import report
from bench.hostile_clients.found import SIDES, Found, Held
from eagleray.domain.actions.router_size import RouterSize

COMMAND = "make bench ARGS=--hostile-clients"
MIB = 1024 * 1024


def write(found: Found, load: float) -> None:
    """Put the tables into the page.

    Args:
        found: what was measured.
        load: the machine's load average before.
    """
    report.put_local(COMMAND, load, text(found))


def text(found: Found) -> str:
    """The tables."""
    measured = all(held.charged is not None for sides in found.held.values() for held in sides.values())
    how = "in a control group with that limit" if measured else "as the kernel counts the process, without a limit"
    rows = [
        "### A router under hostile clients",
        "",
        f"One router Pod may have {RouterSize().memory // MIB} MiB; the most that it had, {how}. *Others* ask another",
        "version meanwhile; *operator* is whether readiness and statistics were answered each time.",
        "",
        "| | before, MiB | others | operator | now, MiB | others | operator |",
        "|---|---|---|---|---|---|---|",
    ]
    for attack, sides in found.held.items():
        rows.append(f"| {attack} | {' | '.join(_cells(sides[side]) for side in SIDES)} |")
    return "\n".join([*rows, "", *_ordinary(found)])


def _cells(held: Held) -> str:
    peak = f"{(held.charged or held.peak) / MIB:.0f}{', **ended**' if held.ended else ''}"
    return f"{peak} | {held.answered} of {held.asked} | {'yes' if held.told else '**no**'}"


def _ordinary(found: Found) -> list[str]:
    turns = len(found.rates["now"])
    rows = [f"Without any, {turns} turns of both, medians:", "", "| | before | now | |", "|---|---|---|---|"]
    for q in ("p50", "p99"):
        was, now = (median(turn[q] for turn in found.latency[side]) for side in SIDES)
        rows.append(f"| a lone caller, {q} ms | {was:.2f} | {now:.2f} | **{now / was:.2f}x** |")
    was, now = (median(found.rates[side]) for side in SIDES)
    rows.append(f"| 32 callers, requests/s | {was:.0f} | {now:.0f} | **{now / was:.2f}x** |")
    was, now = (found.memory[side] / MIB for side in SIDES)
    rows.append(f"| memory after that, MiB | {was:.0f} | {now:.0f} | **{now / was:.2f}x** |")
    return rows

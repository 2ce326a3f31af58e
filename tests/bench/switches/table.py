"""Writes what was measured of the switches into docs/benchmarks.md."""

from collections.abc import Sequence
from statistics import median

from bench import report
from bench.switches.found import HEALTH, Found, Pair

COMMAND = "make bench ARGS=--switches"


def write(found: Sequence[Found], load: float) -> None:
    """Put the tables into the page.

    Args:
        found: what was measured of each server.
        load: the machine's load average before.
    """
    report.put_local(COMMAND, load, text(found))


def text(found: Sequence[Found]) -> str:
    """The tables: a cell is what a switch that is turned makes of the figure, as a ratio to the same turn without."""
    rows = ["### What each switch of Ray Serve costs and brings", ""]
    for each in found:
        rows += [*_of(each), ""]
    return "\n".join(rows).rstrip()


def _of(found: Found) -> list[str]:
    rows = [
        f"**{found.title}**, with one switch after another turned to what {found.turned} has.",
        "",
        f"| switch | {' | '.join(found.figures)} |",
        "|---" * (len(found.figures) + 1) + "|",
    ]
    for label in next(iter(found.figures.values())):
        cells = (_cell(title, of_label[label]) for title, of_label in found.figures.items())
        rows.append(f"| {label} | {' | '.join(cells)} |")
    plain = {title: median(v for pair in each.values() for v in pair.plain) for title, each in found.figures.items()}
    return [*rows, f"| none turned | {' | '.join(f'{value:.4g}' for value in plain.values())} |"]


def _cell(title: str, pair: Pair) -> str:
    if title == HEALTH:
        return f"{median(pair.turned):.0f}"
    return f"{median(turned / plain for plain, turned in zip(pair.plain, pair.turned, strict=True)):.2f}x"

"""Writes what was measured of the servers into docs/benchmarks.md."""

from collections.abc import Sequence
from statistics import median

from bench import report
from bench.servers.found import MANY, SOME, Found, Latencies
from bench.servers.sides import OURS, PEERS

COMMAND = "make bench ARGS=--servers"


def write(found: Sequence[Found], load: float) -> None:
    """Put the table into the page.

    Args:
        found: what was measured of each model.
        load: the machine's load average before.
    """
    report.put_local(COMMAND, load, text(found))


def text(found: Sequence[Found]) -> str:
    """The tables."""
    turns = len(found[0].bare)
    rows = [
        "### Our model server beside its peers",
        "",
        "One model, one process, one thread for the model; requests by the Open Inference Protocol in JSON, but for",
        f"plain Ray Serve; {turns} turns of every server, medians. Ratios are ours to the turn's best peer.",
        "",
    ]
    for each in found:
        rows += [*_beside(each), "", *_binary(each), ""]
    return "\n".join(rows).rstrip()


def _beside(found: Found) -> list[str]:
    rows = [
        f"| {found.title} | one row, p50 ms | p99 | {SOME} rows, p50 ms | p99 | 32 callers, requests/s |",
        "|---|---|---|---|---|---|",
    ]
    for label in (OURS, *PEERS):
        cells = [f"{_middle(found.one, label, q):.2f}" for q in ("p50", "p99")]
        cells += [f"{_middle(found.some, label, q):.2f}" for q in ("p50", "p99")]
        rows.append(f"| {label} | {' | '.join(cells)} | {median(found.rates[label]):.0f} |")
    ratios = [_ratio(found.one, "p50"), _ratio(found.one, "p99"), _ratio(found.some, "p50"), _ratio(found.some, "p99")]
    rate = median(ours / max(found.rates[peer][turn] for peer in PEERS) for turn, ours in enumerate(found.rates[OURS]))
    return [*rows, f"| **ours, of the best peer** | {' | '.join(f'**{r:.2f}x**' for r in (*ratios, rate))} |"]


def _binary(found: Found) -> list[str]:
    each = [
        f"{label} {_middle(found.many, label, 'p50'):.2f} ms, "
        f"**{median(of['p50'] / bare for of, bare in zip(found.many[label], found.bare, strict=True)):.2f}x**"
        for label in found.many
    ]
    return [
        f"{MANY:,} rows of 30 columns in binary, beside {median(found.bare):.2f} ms of the model's own `predict`:",
        f"{'; '.join(each)}.",
    ]


def _middle(latencies: Latencies, label: str, quantile: str) -> float:
    return median(turn[quantile] for turn in latencies[label])


def _ratio(latencies: Latencies, quantile: str) -> float:
    best = (min(latencies[peer][turn][quantile] for peer in PEERS) for turn in range(len(latencies[OURS])))
    return median(ours[quantile] / peer for ours, peer in zip(latencies[OURS], best, strict=True))

"""What was measured with many objects, as Markdown."""

from bench import report
from bench.scale.pending import OBJECTS, Side
from bench.scale.stage import BURST, BURST_SECONDS, RESTART_SECONDS, SETTLE_SECONDS, Stage

COMMAND = "make bench ARGS=--scale"


def write(stages: list[Stage], sides: list[Side]) -> None:
    """Put the tables into the page."""
    report.put(COMMAND, report.where("a control plane without nodes"), scale(stages), beside(sides))


def scale(stages: list[Stage]) -> str:
    """The table of all numbers of objects."""
    rows = [
        ("ModelDeployments", "", [f"{s.objects}" for s in stages]),
        ("their Pods", "", [f"{s.pods}" for s in stages]),
        ("all settled after, s", "", [_within(s.settled, SETTLE_SECONDS) for s in stages]),
        ("CPU of the operator, share of a core", "15 %", [f"{s.quiet.cpu:.1f} %" for s in stages]),
        ("its memory, MiB", "300", [f"{s.quiet.memory:.0f}" for s in stages]),
        ("API requests in a minute, reads", "0", [f"{s.quiet.requests.reads.total()}" for s in stages]),
        ("API requests in a minute, writes", "0", [f"{s.quiet.requests.writes.total()}" for s in stages]),
        ("questions to heads and routers in a minute", "", [f"{s.questions}" for s in stages]),
        ("a change is acted upon after, s: p50", "", [f"{quantile(s.reactions, 0.5):.2f}" for s in stages]),
        (f"the same, p99 of {_counts(stages)}", "1", [f"{quantile(s.reactions, 0.99):.2f}" for s in stages]),
        ("after a restart all were looked at, s", "60", [_within(s.restart.seconds, RESTART_SECONDS) for s in stages]),
        ("writes to the API server meanwhile", "0", [f"{s.restart.writes}" for s in stages]),
        (f"{BURST} more at once: all have their Pods, s", "30", [_within(s.burst.pods, BURST_SECONDS) for s in stages]),
        ("the same: all are ready, s", "", [_within(s.burst.ready, BURST_SECONDS) for s in stages]),
    ]
    (title, goal, first), *others = rows
    lines = [
        "### Many models",
        "",
        "A real API server, etcd and controllers; Pods, Ray heads and routers are stubs at addresses of loopback.",
        "A twentieth have two versions, a fiftieth are autoscaled under load, and a fiftieth are asleep. Watches and",
        "the Lease do not count as requests. Half of the changes are killed worker Pods, the others new `replicas`.",
        "",
        f"| {title} | {' | '.join(first)} | {goal or 'goal, at most'} |",
        f"|---|{'---|' * (len(stages) + 1)}",
        *(f"| {title} | {' | '.join(cells)} | {goal} |" for title, goal, cells in others),
    ]
    return "\n".join(lines)


def quantile(values: list[float], share: float) -> float:
    """The value that `share` of the sorted values do not exceed."""
    return values[min(len(values) - 1, int(share * len(values)))]


def _counts(stages: list[Stage]) -> str:
    return " and ".join(dict.fromkeys(f"{len(s.reactions)}" for s in stages))


def _within(seconds: float | None, limit: float) -> str:
    return f"{seconds:.1f}" if seconds is not None else f"not within {limit:.0f}"


def beside(sides: list[Side]) -> str:
    """The table of two operators."""
    lines = [
        "### Beside KubeRay",
        "",
        f"{OBJECTS} objects each (a RayService of KubeRay's), one worker each, whose Pods stay pending; one minute.",
        "Its questions to Ray's heads, which pass through the API server here, do not count as requests.",
        "",
        "| | CPU, share of a core | memory, MiB | API reads | API writes |",
        "|---|---|---|---|---|",
    ]
    for side in sides:
        if side.cost is None:
            lines.append(f"| {side.name} | not measured: {side.why} | | | |")
            continue
        reads, writes = side.cost.requests.reads.total(), side.cost.requests.writes.total()
        lines.append(f"| {side.name} | {side.cost.cpu:.1f} % | {side.cost.memory:.0f} | {reads} | {writes} |")
    return "\n".join(lines)

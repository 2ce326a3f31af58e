"""python -m simulation: runs every autoscaler on every pattern; writes the table and picture of docs/benchmarks.md."""

import math
import sys
import time
from collections.abc import Callable

from bench import report
from simulation.model import (
    CONCURRENCY,
    GOAL_SECONDS,
    REPLICA_SECONDS,
    SERVICE_SECONDS,
    START_SECONDS,
    Outcome,
    Policy,
    simulate,
)
from simulation.patterns import MOST, PATTERNS, PER_REPLICA
from simulation.picture import draw
from simulation.policies import Eagleray, HpaOnCpu, Knative, RayServe

COMMAND = "make simulate-scaling"
PICTURE = report.PAGE.parent / "autoscaling-simulation.svg"
IDLE_SECONDS = 60
OURS = "Eagleray"
# As long as Knative looks back.
SHORT_WINDOW_SECONDS = 60
MODELS = 1000
LARGE = 10_000
# Shares of late requests that differ by less, and costs that differ by less, are the same.
SAME_PERCENT, SAME_COST = 0.1, 1.02
WHY = (
    "Where Knative wins it looks back one minute before it takes replicas away, and jumps to what it sees at once; by",
    "default ours looks back five minutes and adds at most 100% or four replicas in 15 s, as a HorizontalPodAutoscaler",
    "does. Knative buys that with many more changes, each of which starts or drains replicas; that costs nothing here.",
    "`behavior` sets window and policies.",
)
Outcomes = dict[str, dict[str, Outcome]]


def policies(*, zero: bool) -> list[Callable[[int], Policy]]:
    """Each autoscaler, to be made for so many replicas at most; to zero go those that can, where that is asked for."""
    idle = IDLE_SECONDS if zero else 0
    return [
        lambda most: Eagleray(most, idle),
        lambda most: Eagleray(most, idle, SHORT_WINDOW_SECONDS),
        HpaOnCpu,
        RayServe,
        lambda most: Knative(most, zero=zero),
    ]


def main() -> None:
    """Run the command."""
    outcomes: Outcomes = {}
    for pattern, arrivals in PATTERNS.items():
        first = max(1, math.ceil(arrivals[0] / PER_REPLICA))
        made = [make(MOST) for make in policies(zero=pattern == "spiky")]
        outcomes[pattern] = {policy.name: simulate(policy, arrivals, most=MOST, first=first) for policy in made}
        say(f"{pattern}: {', '.join(f'{n} {o.late_percent:.1f}%' for n, o in outcomes[pattern].items())}")
    PICTURE.write_text(draw({p: [a / PER_REPLICA for a in PATTERNS[p]] for p in PATTERNS}, outcomes))
    report.put(COMMAND, *table(outcomes), scale())
    say(f"written to {report.PAGE.name} and {PICTURE.name}")


def table(outcomes: Outcomes) -> list[str]:
    """The figures, and where ours is beaten."""
    head = [
        f"A replica works on {CONCURRENCY} requests at a time, {1000 * SERVICE_SECONDS:.0f} ms each; another one",
        f"answers after {REPLICA_SECONDS} s, the first after {START_SECONDS} s; {MOST} at most. **Late**: not within",
        f"{1000 * GOAL_SECONDS:.0f} ms. **Capped**: seconds at the most replicas with a queue.",
        "",
        "| pattern | autoscaler | late | replica hours | changes | capped |",
        "|---|---|---|---|---|---|",
    ]
    rows = [
        f"| {pattern} | {name} | {o.late_percent:.2f}% | {o.replica_hours:.2f} | {o.changes} | {o.capped} |"
        for pattern, found in outcomes.items()
        for name, o in found.items()
    ]
    picture = f"![replicas of each, and what was needed]({PICTURE.name})"
    return ["### Autoscalers on the same requests", "\n".join([*head, *rows]), verdicts(outcomes), picture]


def verdicts(outcomes: Outcomes) -> str:
    """For each pattern, who is both cheaper and faster than ours, and why."""
    lines = []
    for pattern, found in outcomes.items():
        others = {name: o for name, o in found.items() if not name.startswith(OURS)}
        beaten = " and ".join(name for name, other in others.items() if better(other, found[OURS]))
        short = found[f"{OURS}, window {SHORT_WINDOW_SECONDS} s"]
        still = " and ".join(name for name, other in others.items() if better(other, short)) or "nobody"
        after = f"; with a window of {SHORT_WINDOW_SECONDS} s: {still}" if beaten else ""
        lines.append(f"- {pattern}: both cheaper and faster is {beaten or 'nobody'}{after}.")
    return "\n".join([*lines, "", *WHY])


def better(other: Outcome, ours: Outcome) -> bool:
    """Whether another one is no worse in either and clearly better in one."""
    cheaper, faster = ours.replica_seconds / other.replica_seconds, ours.late_percent - other.late_percent
    no_worse = cheaper >= 1 / SAME_COST and faster >= -SAME_PERCENT
    return no_worse and (cheaper > SAME_COST or faster > SAME_PERCENT)


def scale() -> str:
    """How long the decisions of many models take, and of a very large one."""
    began = time.perf_counter()
    arrivals = list(PATTERNS.values())
    for number in range(MODELS):
        simulate(Eagleray(MOST), arrivals[number % len(arrivals)][:600], most=MOST)
        if number % 250 == 249:
            say(f"{number + 1} of {MODELS} models")
    many = time.perf_counter() - began
    began = time.perf_counter()
    large = simulate(Eagleray(LARGE), [LARGE * a / MOST for a in PATTERNS["step x10"]], most=LARGE)
    seconds = time.perf_counter() - began
    return (
        f"{MODELS} models for ten minutes each were simulated in {many:.0f} s,"
        f" one of up to {max(large.wanted)} replicas for an hour in {seconds:.2f} s."
    )


def say(text: str) -> None:
    """One line for people."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()

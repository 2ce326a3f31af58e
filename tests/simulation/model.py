"""A model under load as a fluid: requests come, wait in one queue, and are worked on by the replicas that run."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

# An answer takes so long, and a replica works on so many at a time.
SERVICE_SECONDS = 0.1
CONCURRENCY = 8
# Measured on kind (docs/benchmarks.md): a whole revision with its Ray head, and one more replica on a new Pod.
START_SECONDS = 14
REPLICA_SECONDS = 7
GOAL_SECONDS = 0.5
STEP_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Seen:
    """What an autoscaler may look at.

    Attributes:
        in_progress: requests in progress, waiting ones included.
        rate: requests that came in the last second.
        busy: share of what the running replicas can do that they did, from 0 to 1.
        running: replicas that answer.
        wanted: replicas that are to be there.
    """

    in_progress: float
    rate: float
    busy: float
    running: int
    wanted: int


class Policy(Protocol):
    """An autoscaler."""

    name: str

    def decide(self, second: int, seen: Seen) -> int:
        """How many replicas there are to be, asked every second."""


@dataclass(slots=True)
class Outcome:
    """What came of one policy on one pattern.

    Attributes:
        requests: how many came.
        late: those of them that were answered after the goal.
        replica_seconds: what was paid for: replicas that run or start.
        changes: changes of the wanted number.
        capped: seconds at the most replicas with a queue.
        wanted: the number in each second.
    """

    requests: float = 0.0
    late: float = 0.0
    replica_seconds: float = 0.0
    changes: int = 0
    capped: int = 0
    wanted: list[int] = field(default_factory=list)

    @property
    def late_percent(self) -> float:
        """Share of the requests that were late."""
        return 100 * self.late / self.requests if self.requests else 0.0

    @property
    def replica_hours(self) -> float:
        """What was paid for."""
        return self.replica_seconds / 3600


def simulate(policy: Policy, arrivals: Sequence[float], *, most: int, first: int = 1) -> Outcome:
    """Run one policy.

    Args:
        policy: the autoscaler.
        arrivals: requests that come in each second.
        most: most replicas.
        first: replicas at the beginning.
    """
    outcome, running, queue, wanted = Outcome(), first, 0.0, first
    starting: list[int] = []
    for second, rate in enumerate(arrivals):
        running += sum(at <= second for at in starting)
        starting = [at for at in starting if at > second]
        capacity = running * CONCURRENCY / SERVICE_SECONDS * STEP_SECONDS
        served = min(queue + rate, capacity)
        wait = (queue + rate - served) / capacity if capacity else float("inf")
        queue += rate - served
        outcome.requests += rate
        outcome.late += rate if wait + SERVICE_SECONDS > GOAL_SECONDS else 0.0
        outcome.replica_seconds += running + len(starting)
        outcome.capped += wanted == most and queue > 0
        busy = served / capacity if capacity else 0.0
        seen = Seen(queue + served * SERVICE_SECONDS, rate, busy, running, wanted)
        asked = min(most, max(0, policy.decide(second, seen)))
        outcome.changes += asked != wanted
        if asked > running + len(starting):
            wait_for = START_SECONDS if running + len(starting) == 0 else REPLICA_SECONDS
            starting += [second + wait_for] * (asked - running - len(starting))
        starting = starting[: max(0, asked - running)]
        running, wanted = min(running, asked), asked
        outcome.wanted.append(wanted)
    return outcome

"""The other autoscalers against vectors worked out by hand from their specifications, and the fluid that all run in."""

import pytest

from simulation.model import CONCURRENCY, SERVICE_SECONDS, Policy, Seen, simulate
from simulation.policies import Eagleray, HpaOnCpu, Knative, RayServe


def seen(in_progress: float, wanted: int, busy: float = 0.5) -> Seen:
    return Seen(in_progress, in_progress / SERVICE_SECONDS, busy, running=wanted, wanted=wanted)


def steady(policy: Policy, seconds: int, in_progress: float, wanted: int, *, busy: float = 0.5) -> list[int]:
    """What it decides in each second, while it is obeyed."""
    found = []
    for second in range(seconds):
        wanted = policy.decide(second, seen(in_progress, wanted, busy))
        found.append(wanted)
    return found


def test_ray_serve_waits_half_a_minute_up_and_ten_down() -> None:
    up = steady(RayServe(20), 60, 20, 1)
    assert up[29] == 1
    assert up[30:] == [4] * 30
    down = steady(RayServe(20), 700, 5, 4)
    assert down[599] == 4
    assert down[600] == 1


def test_knative_jumps_in_panic_and_halves_at_most_on_the_way_down() -> None:
    up = steady(Knative(20), 10, 50, 1)
    assert up[0] == 10, "ten times two hundred percent: panic, and at once"
    down = steady(Knative(20), 200, 0.001, 16)
    assert down[0] == 8
    assert down[-1] == 1
    assert steady(Knative(20, zero=True), 200, 0, 1)[-1] == 0


def test_hpa_looks_every_quarter_minute_and_keeps_for_five() -> None:
    up = steady(HpaOnCpu(20), 16, 0, 4, busy=1.0)
    assert up[14] == 7, "62% of 100% on four, rounded up"
    assert steady(HpaOnCpu(20), 290, 0, 4, busy=0.1)[-1] == 4


def test_ours_takes_a_sudden_doubling_at_once_within_its_policy() -> None:
    assert steady(Eagleray(20), 1, 60, 1) == [5]
    assert steady(Eagleray(20, idle=60), 61, 0, 1)[-1] == 0


class Fixed:
    name = "fixed"

    def __init__(self, replicas: int) -> None:
        self.replicas = replicas

    def decide(self, _second: int, _seen: Seen) -> int:
        return self.replicas


def test_nobody_is_late_while_there_is_room_and_all_are_when_there_is_none() -> None:
    capacity = 2 * CONCURRENCY / SERVICE_SECONDS
    assert simulate(Fixed(2), [capacity] * 100, most=9, first=2).late == 0
    assert simulate(Fixed(2), [2 * capacity] * 100, most=9, first=2).late_percent > 98
    assert simulate(Fixed(0), [1.0] * 100, most=9, first=0).late_percent == 100


@pytest.mark.parametrize(("replicas", "paid"), [(2, 200), (3, 293)])
def test_what_starts_is_paid_for_and_what_runs(replicas: int, paid: float) -> None:
    found = simulate(Fixed(replicas), [1.0] * 100, most=9, first=2)
    assert found.replica_seconds == pytest.approx(paid, abs=7)
    assert found.changes == replicas - 2

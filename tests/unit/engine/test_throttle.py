"""Paces of questions while the process is busy."""

import pytest

from eagleray.domain.plan.pace import MOVING_SECONDS, SETTLED_HEADS_SECONDS, SETTLED_SECONDS
from eagleray.engine.throttle import MOVING, QUIET, Throttle, Tier, stretched


@pytest.mark.parametrize(
    ("tier", "factor", "busy", "after"),
    [
        (MOVING, 1, 0.1, 1),
        (MOVING, 1, 0.4, 1),
        (MOVING, 1, 0.6, 1.5),
        (MOVING, 1.5, 0.9, 2.25),
        (MOVING, 2, 0.4, 2),
        (MOVING, 2, 0.2, 1.6),
        (MOVING, MOVING.most, 1, MOVING.most),
        (MOVING, 1.1, 0, 1),
        (QUIET, 1, 0.12, 1),
        (QUIET, 1, 0.2, 1.5),
        (QUIET, 1.5, 0.2, 2),
        (QUIET, 2, 0.12, 2),
        (QUIET, 2, 0.05, 1.6),
    ],
)
def test_the_factor(tier: Tier, factor: float, busy: float, after: float) -> None:
    assert stretched(tier, factor, busy) == pytest.approx(after)


class Busy:
    """A throttle of a process that uses so much of a core in each second."""

    def __init__(self) -> None:
        self.now = self.used = 0.0
        self.throttle = Throttle(lambda: self.used, lambda: self.now)

    def second(self, share: float, pace: float = 0.5) -> float:
        self.now, self.used = self.now + 1, self.used + share
        return self.throttle.pace(pace)


def test_a_busy_process_asks_ever_less_often_and_a_calm_one_as_it_is_told() -> None:
    process = Busy()
    paces = [process.second(share) for share in (0.1, 0.9, 0.9, 0.9, *[0.1] * 6)]
    assert paces[:5] == pytest.approx([0.5, 0.75, 1.125, 1.6875, 1.35])
    assert paces[-1] == 0.5


def test_what_is_slow_already_is_not_put_off_for_long() -> None:
    process = Busy()
    for _ in range(40):
        process.second(1)
    paces = [process.throttle.pace(seconds) for seconds in (0.1, 1, 14, 15, 30, 60, 300)]
    assert paces == pytest.approx([0.1 * MOVING.most, 30, 30, 30, 60, 60, 300])


def test_what_has_settled_waits_long_before_what_moves_does() -> None:
    process = Busy()
    for _ in range(10):
        process.second(0.3)
    paces = [process.throttle.pace(s) for s in (MOVING_SECONDS, SETTLED_SECONDS, SETTLED_HEADS_SECONDS)]
    assert paces == [MOVING_SECONDS, 2 * SETTLED_SECONDS, 2 * SETTLED_HEADS_SECONDS]

"""Paces of questions while the process is busy."""

import pytest

from eagleray.engine.throttle import MOST, SLOWEST_SECONDS, Throttle, stretched


@pytest.mark.parametrize(
    ("factor", "busy", "after"),
    [
        (1, 0.1, 1),
        (1, 0.4, 1),
        (1, 0.6, 1.5),
        (1.5, 0.9, 2.25),
        (2, 0.4, 2),
        (2, 0.2, 1.6),
        (MOST, 1, MOST),
        (1.1, 0, 1),
    ],
)
def test_the_factor(factor: float, busy: float, after: float) -> None:
    assert stretched(factor, busy) == pytest.approx(after)


def test_a_busy_process_asks_ever_less_often_and_a_calm_one_as_it_is_told() -> None:
    clock, used = 0.0, 0.0
    throttle = Throttle(lambda: used, lambda: clock)
    paces = []
    for share in (0.1, 0.9, 0.9, 0.9, *[0.1] * 6):
        clock, used = clock + 1, used + share
        paces.append(throttle.pace(0.5))
    assert paces[:5] == pytest.approx([0.5, 0.75, 1.125, 1.6875, 1.35])
    assert paces[-1] == 0.5


def test_what_is_slow_already_is_not_put_off_for_long() -> None:
    clock, used = 0.0, 0.0
    throttle = Throttle(lambda: used, lambda: clock)
    for _ in range(40):
        clock, used = clock + 1, used + 1
        throttle.pace(1)
    assert throttle.pace(15) == SLOWEST_SECONDS
    assert throttle.pace(60) == 60
    assert throttle.pace(0.1) == pytest.approx(0.1 * MOST)

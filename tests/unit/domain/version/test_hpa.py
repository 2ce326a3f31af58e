"""HPA v2's arithmetic: its test vectors, by the letters of the facts that they come from, and tables."""

from datetime import UTC, datetime, timedelta

import pytest

from eagleray.api.autoscaling import ScalingPolicy, ScalingRules
from eagleray.domain.state.scaling import ChangeState, RecommendationState
from eagleray.domain.version.scaling import hpa
from eagleray.domain.version.scaling.hpa import ToleratedRatio

NOW = datetime(2026, 1, 1, tzinfo=UTC)
TEN = ToleratedRatio()


def policy(kind: str, value: int, period: int = 15) -> ScalingPolicy:
    return ScalingPolicy(type=kind, value=value, period_seconds=period)


def change(seconds_ago: float, before: int, after: int) -> ChangeState:
    return ChangeState(at=NOW - timedelta(seconds=seconds_ago), from_=before, to=after)


def test_a_utilization_above_target() -> None:
    """Target 60%, 4 Pods that request 500m each and use 1800m together: 6."""
    percents = [100 * 450 / 500] * 4
    assert hpa.utilization(percents) == 90
    assert hpa.by_utilization(percents, 60, 4, TEN) == 6


def test_b_the_edge_of_the_tolerance_is_within_it() -> None:
    assert hpa.by_total(11.0, 1.0, 10, TEN) == 10
    assert hpa.by_total(1.1 * 3, 1.1, 3, TEN) == 3
    assert hpa.by_total(3.3, 1.0, 3, TEN) == 3
    assert hpa.by_total(11.1, 1.0, 10, TEN) == 12


def test_c_a_missing_pod_that_turns_the_direction_changes_nothing() -> None:
    """Target 50%, 3 Pods at 40% and one missing: 40 of 50 would say down, filled with 100% it says 55 of 50: stay."""
    assert hpa.by_utilization([40.0, 40.0, 40.0, None], 50, 4, TEN) == 4


def test_d_utilization_is_truncated() -> None:
    """100m of 300m."""
    assert hpa.utilization([100 * 100 / 300]) == 33


def test_e_up_by_the_larger_of_double_and_four() -> None:
    assert hpa.limit_up(1, 100, None, [], NOW) == 5
    assert hpa.limit_up(5, 100, None, [], NOW) == 10
    assert hpa.limit_up(5, 100, None, [change(10, 1, 5)], NOW) == 5, "within the period it is used up"


@pytest.mark.parametrize(("seconds", "kept"), [(299, [10, 3]), (301, [3])])
def test_f_the_highest_counts_for_the_window(seconds: int, kept: list[int]) -> None:
    """Ten were asked for until so many seconds ago, three since."""
    history = [
        RecommendationState(at=NOW - timedelta(hours=1), replicas=10),
        RecommendationState(at=NOW - timedelta(seconds=seconds), replicas=3),
    ]
    assert hpa.in_window(history, NOW, 300) == kept


@pytest.mark.parametrize(
    ("proposals", "wanted"),
    [([None, 2], 5), ([None, 8], 8), ([2, 4], 4), ([None, None], None), ([], None)],
)
def test_g_what_is_not_known_scales_up_alone(proposals: list[int | None], wanted: int | None) -> None:
    assert hpa.combine(proposals, 5) == wanted


def test_h_percent_down_is_truncated() -> None:
    rules = ScalingRules(policies=[policy("Percent", 50)])
    assert hpa.limit_down(5, 0, rules, [], NOW) == 2


def test_i_disabled_stays() -> None:
    rules = ScalingRules(select_policy="Disabled")
    assert hpa.limit_down(5, 1, rules, [], NOW) == 5
    assert hpa.limit_up(5, 9, rules, [], NOW) == 5


@pytest.mark.parametrize(
    ("select", "up", "down"),
    [("Max", 15, 2), ("Min", 12, 8), (None, 15, 2)],
)
def test_policies_are_chosen_from_by_the_change_that_they_allow(select: str | None, up: int, down: int) -> None:
    both = [policy("Pods", 2), policy("Percent", 50)]
    growing = ScalingRules(policies=both, select_policy=select)
    shrinking = ScalingRules(policies=[policy("Pods", 2), policy("Percent", 80)], select_policy=select)
    assert hpa.limit_up(10, 100, growing, [], NOW) == up
    assert hpa.limit_down(10, 0, shrinking, [], NOW) == down


def test_what_was_removed_within_the_period_counts_against_the_next() -> None:
    rules = ScalingRules(policies=[policy("Pods", 2, 60)])
    assert hpa.limit_down(8, 0, rules, [change(59, 10, 8)], NOW) == 8
    assert hpa.limit_down(8, 0, rules, [change(61, 10, 8)], NOW) == 6


@pytest.mark.parametrize(
    ("values", "target", "current", "wanted"),
    [
        ([100.0, 100.0, None], 50, 3, 4),  # up: the missing one is taken for nothing: 67 of 50, times three
        ([10.0, 10.0, None], 50, 3, 3),  # down: the missing one is taken for 100: 40 of 50 on three
        ([10.0, 10.0, 10.0, None], 90, 4, 2),  # 33 of 90, times four
        ([None, None], 50, 2, 2),
        ([50.0, 50.0], 50, 2, 2),
    ],
)
def test_missing_pods_keep_from_changing_much(
    values: list[float | None], target: float, current: int, wanted: int
) -> None:
    assert hpa.by_utilization(values, target, current, TEN) == wanted


def test_tolerance_is_a_matter_of_direction() -> None:
    given = hpa.tolerance(ScalingRules(tolerance="0.5"), ScalingRules(tolerance="50m"))
    assert given == ToleratedRatio(down=0.05, up=0.5)
    assert hpa.by_total(14.0, 1.0, 10, given) == 10
    assert hpa.by_total(9.4, 1.0, 10, given) == 10
    assert hpa.by_total(9.0, 1.0, 10, given) == 9

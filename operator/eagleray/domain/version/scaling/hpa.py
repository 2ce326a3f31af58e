"""The arithmetic of HorizontalPodAutoscaler v2, rule by rule.

Source: k8s.io/kubernetes/pkg/controller/podautoscaler (horizontal.go, replica_calculator.go) as of Kubernetes 1.36, and
https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/#algorithm-details.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from eagleray.api.autoscaling import ScalingPolicy, ScalingRules
from eagleray.api.units import parse_quantity
from eagleray.domain.state.scaling import ChangeState, RecommendationState

DEFAULT_TOLERANCE = 0.1
UP_WINDOW_SECONDS, DOWN_WINDOW_SECONDS = 0, 300
UP_POLICIES = (
    ScalingPolicy(type="Percent", value=100, period_seconds=15),
    ScalingPolicy(type="Pods", value=4, period_seconds=15),
)
DOWN_POLICIES = (ScalingPolicy(type="Percent", value=100, period_seconds=15),)
# Quotients of floats are taken for the whole number, or the edge of a tolerance, that they miss by less.
_EPSILON = 1e-9


@dataclass(frozen=True, slots=True)
class ToleratedRatio:
    """Deviations of the ratio from 1 that change nothing.

    Attributes:
        down: below 1.
        up: above 1.
    """

    down: float = DEFAULT_TOLERANCE
    up: float = DEFAULT_TOLERANCE

    def holds(self, ratio: float) -> bool:
        """Whether nothing is to be changed at this ratio of value to target."""
        return 1 - self.down - _EPSILON <= ratio <= 1 + self.up + _EPSILON


def tolerance(up: ScalingRules | None, down: ScalingRules | None) -> ToleratedRatio:
    """Read the tolerance of each direction."""
    given = (
        float(parse_quantity(r.tolerance)) if r and r.tolerance is not None else DEFAULT_TOLERANCE for r in (down, up)
    )
    return ToleratedRatio(*given)


def ceil(number: float) -> int:
    """Round up, but for the error of a float."""
    return math.ceil(number - _EPSILON)


def by_total(total: float, target: float, current: int, allowed: ToleratedRatio) -> int:
    """Replicas for a figure over all of them (`AverageValue` of an external metric).

    Args:
        total: the figure.
        target: per replica.
        current: replicas that there are, above zero.
        allowed: the tolerance.
    """
    return current if allowed.holds(total / (target * current)) else ceil(total / target)


def by_utilization(percents: Sequence[float | None], target: float, current: int, allowed: ToleratedRatio) -> int:
    """Replicas for what each Pod uses of what it requests, where some do not tell.

    What is missing is taken for what keeps from changing much: for all of the request, or the target where that is
    more, if the others say down; for nothing if they say up. Where that turns the direction, nothing is changed.

    Args:
        percents: use of each Pod in percent of its request, all of which are alike; None where it is missing.
        target: in percent.
        current: replicas that there are.
        allowed: the tolerance.
    """
    known = [p for p in percents if p is not None]
    if not known:
        return current
    ratio = utilization(known) / target
    if len(known) == len(percents):
        return current if allowed.holds(ratio) else ceil(ratio * len(known))
    stand_in = max(100.0, target) if ratio < 1 else 0.0
    full = [stand_in if p is None else p for p in percents]
    again = utilization(full) / target
    if allowed.holds(again) or (ratio < 1) != (again < 1):
        return current
    wanted = ceil(again * len(full))
    return current if (wanted < current) != (again < 1) else wanted


def utilization(percents: Sequence[float]) -> int:
    """Use over all Pods in percent, truncated as HPA does."""
    return int(sum(percents) / len(percents) + _EPSILON)


def combine(proposals: Iterable[int | None], current: int) -> int | None:
    """The largest of what the metrics ask for; where one is not known, never less than there is.

    Returns:
        None where none is known.
    """
    asked = list(proposals)
    known = [p for p in asked if p is not None]
    if not known:
        return None
    return max(known) if len(known) == len(asked) else max(current, *known)


def window_seconds(rules: ScalingRules | None, default: int) -> int:
    """Length of a stabilization window."""
    given = rules.stabilization_window_seconds if rules else None
    return default if given is None else given


def in_window(history: Sequence[RecommendationState], now: datetime, seconds: int) -> list[int]:
    """What was asked for at some time within the last `seconds`; each recommendation holds until the next."""
    begin = now - timedelta(seconds=seconds)
    ends = [*(r.at for r in history[1:]), now]
    return [r.replicas for r, end in zip(history, ends, strict=True) if end > begin]


def limit_up(
    current: int, desired: int, rules: ScalingRules | None, changes: Sequence[ChangeState], now: datetime
) -> int:
    """How far a growth to `desired` may go now."""
    if rules is not None and rules.select_policy == "Disabled":
        return current
    policies = (rules.policies if rules else None) or UP_POLICIES
    limits = [_up(p, current, changes, now) for p in policies]
    least = rules is not None and rules.select_policy == "Min"
    return min(desired, max(current, min(limits) if least else max(limits)))


def limit_down(
    current: int, desired: int, rules: ScalingRules | None, changes: Sequence[ChangeState], now: datetime
) -> int:
    """How far a decrease to `desired` may go now."""
    if rules is not None and rules.select_policy == "Disabled":
        return current
    policies = (rules.policies if rules else None) or DOWN_POLICIES
    limits = [_down(p, current, changes, now) for p in policies]
    least = rules is not None and rules.select_policy == "Min"
    return max(desired, min(current, max(limits) if least else min(limits)))


def _up(policy: ScalingPolicy, current: int, changes: Sequence[ChangeState], now: datetime) -> int:
    start = _start(policy, current, changes, now)
    return start + policy.value if policy.type == "Pods" else ceil(start * (1 + policy.value / 100))


def _down(policy: ScalingPolicy, current: int, changes: Sequence[ChangeState], now: datetime) -> int:
    start = _start(policy, current, changes, now)
    return start - policy.value if policy.type == "Pods" else math.trunc(start * (1 - policy.value / 100) + _EPSILON)


def _start(policy: ScalingPolicy, current: int, changes: Sequence[ChangeState], now: datetime) -> int:
    """Replicas at the beginning of the period: without what was added, with what was removed."""
    begin = now - timedelta(seconds=policy.period_seconds)
    return current - sum(c.to - c.from_ for c in changes if c.at > begin)


def periods(up: ScalingRules | None, down: ScalingRules | None) -> frozenset[int]:
    """How far back each of the policies looks, in seconds."""
    policies = ((up and up.policies) or UP_POLICIES, (down and down.policies) or DOWN_POLICIES)
    return frozenset(policy.period_seconds for both in policies for policy in both)

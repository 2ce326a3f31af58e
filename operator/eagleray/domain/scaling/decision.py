"""How many replicas a revision is to have, by its load: HorizontalPodAutoscaler v2's decision, and why it is so."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from eagleray.api.autoscaling import ScalingBehavior
from eagleray.api.conditions import Reason
from eagleray.api.scaling_status import Recommendation, ScalingChange, ScalingMetricStatus, ScalingStatus
from eagleray.domain.scaling import hpa

HISTORY = 10
MOST_KEPT = 64


@dataclass(frozen=True, slots=True)
class Load:
    """What one metric says of one revision at one moment.

    Attributes:
        name: as status names it.
        target: per replica, in the metric's unit.
        target_text: the same as spec writes it.
        total: over all replicas, in the same unit; None where nothing is known, or `pods` counts.
        complete: whether all is known; else `total` is a lower bound.
        message: what is wrong, or what else is to be known.
        pods: of CPU: each Pod's use in percent of its request, None where it is missing.
        shown: the value as status is to show it; "" for `total` per replica.
    """

    name: str
    target: float
    target_text: str
    total: float | None
    complete: bool = True
    message: str = ""
    pods: tuple[float | None, ...] = ()
    shown: str = ""


@dataclass(frozen=True, slots=True)
class Bounds:
    """Fewest and most replicas that are allowed."""

    least: int
    most: int


@dataclass(frozen=True, slots=True)
class Subject:
    """What is scaled.

    Attributes:
        version: the version.
        revision: its revision.
        deployment: the Serve deployment that is scaled on its own; "" for the revision as a whole.
        current: replicas that it is to have now, above zero.
    """

    version: str
    revision: str
    current: int
    deployment: str = ""


def decide(
    subject: Subject,
    rules: ScalingBehavior | None,
    bounds: Bounds,
    loads: Sequence[Load],
    known: ScalingStatus | None,
    now: datetime,
    *,
    hold: str = "",
) -> ScalingStatus:
    """Decide once.

    Args:
        subject: what is scaled.
        rules: how fast; HPA's defaults where there are none.
        bounds: how far.
        loads: what the metrics say, in the order of spec.
        known: the decision before, or None for the first.
        now: the time of the decision.
        hold: why nothing may be scaled down now, or "".

    Returns:
        The decision. While the metrics say the same it equals the one before.
    """
    current, rules = subject.current, rules or ScalingBehavior()
    allowed = hpa.tolerance(rules.scale_up, rules.scale_down)
    asked = [_proposal(load, current, allowed) for load in loads]
    metrics = [_metric(load, asks, current, known, now) for load, asks in zip(loads, asked, strict=True)]
    safe = [a if _is_complete(load) else None for load, a in zip(loads, asked, strict=True)]
    wanted = hpa.combine([*safe, *(a for a in asked if a is not None and a > current)], current)
    recommended = current if wanted is None else wanted
    history = _history(known, recommended, current, rules, now)
    past = _Past(history, known.changes or [] if known else [], now)
    replicas, reason = _limited(current, wanted, rules, bounds, past, hold)
    record = ScalingStatus(
        version=subject.version,
        revision=subject.revision,
        deployment=subject.deployment,
        desired=current,
        min_replicas=bounds.least,
        max_replicas=bounds.most,
        reason=reason,
        message=_message(metrics, wanted, reason, bounds, hold),
        metrics=metrics,
        changes=known.changes if known else None,
        recommendations=history,
        **({name: getattr(known, name) for name in _OTHERS} if known else {}),
    )
    kept = hpa.longest_period(rules.scale_up, rules.scale_down)
    return changed(record, replicas, now, record.message, seconds=kept)


# What of a record is not this module's.
_OTHERS = ("active_at", "idle_since", "wakes_since", "start_seconds")


def changed(record: ScalingStatus, replicas: int, now: datetime, why: str, *, seconds: int = 0) -> ScalingStatus:
    """The record with another number of replicas, and that change the first of the last.

    Args:
        record: the record.
        replicas: how many there are to be.
        now: the time.
        why: the reason, for people.
        seconds: how far back changes count for policies.
    """
    if replicas == record.desired:
        return record
    step = ScalingChange(at=now, from_=record.desired, to=replicas, message=why[:256])
    changes = [step, *(record.changes or [])]
    needed = sum(c.at > now - timedelta(seconds=seconds) for c in changes)
    kept = changes[: min(MOST_KEPT, max(HISTORY, needed))]
    return record.model_copy(update={"desired": replicas, "changes": kept})


def _is_complete(load: Load) -> bool:
    return load.complete and (bool(load.pods) or _total(load) is not None)


def _total(load: Load) -> float | None:
    return load.total if load.total is not None and math.isfinite(load.total) else None


def _proposal(load: Load, current: int, allowed: hpa.Tolerance) -> int | None:
    if load.pods:
        if all(value is None for value in load.pods):
            return None
        return hpa.by_utilization(load.pods, load.target, current, allowed)
    total = _total(load)
    return None if total is None else hpa.by_total(max(0.0, total), load.target, current, allowed)


def _metric(
    load: Load, asks: int | None, current: int, known: ScalingStatus | None, now: datetime
) -> ScalingMetricStatus:
    before = next((m for m in (known.metrics or [] if known else []) if m.name == load.name), None)
    missing = not _is_complete(load) or None in load.pods
    since = (before.missing_since if before else None) or now
    return ScalingMetricStatus(
        name=load.name,
        value=_value(load, current),
        target=load.target_text,
        replicas=asks,
        message=load.message[:512] or None,
        missing_since=since if missing else None,
    )


def _value(load: Load, current: int) -> str | None:
    if load.shown:
        return load.shown
    known = [v for v in load.pods if v is not None]
    if known:
        return f"{hpa.utilization(known)}%"
    total = _total(load)
    if total is None:
        return None
    # Two digits: a third one changes with every look, and each change is written.
    return f"{total / current:.2g}" if total < 100 * current else f"{total / current:.0f}"


def _history(
    known: ScalingStatus | None, wanted: int, current: int, rules: ScalingBehavior, now: datetime
) -> list[Recommendation]:
    """What was asked for, as a function of time that changes in steps; at first what there is counts as asked for."""
    before = known.recommendations or [] if known else []
    steps = list(before) or [Recommendation(at=now, replicas=current)]
    down = hpa.window_seconds(rules.scale_down, hpa.DOWN_WINDOW_SECONDS)
    up = hpa.window_seconds(rules.scale_up, hpa.UP_WINDOW_SECONDS)
    at = now
    while not up and steps and steps[-1].replicas <= wanted:
        # No window will see this one without the higher one after it: that takes its place in time.
        at = steps.pop().at
    if not steps or steps[-1].replicas != wanted:
        steps.append(Recommendation(at=at, replicas=wanted))
    begin = now - timedelta(seconds=max(down, up))
    # A step ends where the next begins; the last never does.
    seen = [step for step, after in zip(steps, [*steps[1:], None], strict=True) if after is None or after.at > begin]
    return _thinned(seen)


def _thinned(steps: list[Recommendation]) -> list[Recommendation]:
    """At most `MOST_KEPT` steps: of two neighbours the higher one is kept, so that nothing shrinks too early."""
    while len(steps) > MOST_KEPT:
        lengths = [after.at - step.at for step, after in pairwise(steps[:-1])]
        place = lengths.index(min(lengths))
        first, second = steps[place : place + 2]
        merged = first.model_copy(update={"replicas": max(first.replicas, second.replicas)})
        steps = [*steps[:place], merged, *steps[place + 2 :]]
    return steps


@dataclass(frozen=True, slots=True)
class _Past:
    """What was asked for, and what was changed, until now."""

    history: Sequence[Recommendation]
    changes: Sequence[ScalingChange]
    now: datetime

    def seen(self, seconds: int) -> list[int]:
        return hpa.in_window(self.history, self.now, seconds)


def _limited(
    current: int, wanted: int | None, rules: ScalingBehavior, bounds: Bounds, past: _Past, hold: str
) -> tuple[int, Reason]:
    """The number of replicas, and what kept it from what is wanted.

    HPA's order: what is out of bounds comes back at once; else windows, then policies, then bounds.
    """
    inside = min(max(current, bounds.least), bounds.most)
    if inside != current:
        return inside, Reason.TOO_FEW_REPLICAS if inside > current else Reason.TOO_MANY_REPLICAS
    if wanted is None:
        return current, Reason.FAILED_GET_METRIC
    up, down = rules.scale_up, rules.scale_down
    if wanted > current:
        lowest = min([wanted, *past.seen(hpa.window_seconds(up, hpa.UP_WINDOW_SECONDS))])
        stable = max(current, lowest)
        limited = hpa.limit_up(current, stable, up, past.changes, past.now)
        return _within(wanted, stable, limited, bounds, (Reason.SCALE_UP_STABILIZED, Reason.SCALE_UP_LIMIT))
    if wanted < current and hold:
        return current, Reason.SCALE_DOWN_HELD
    highest = max([wanted, *past.seen(hpa.window_seconds(down, hpa.DOWN_WINDOW_SECONDS))])
    stable = min(current, highest)
    limited = hpa.limit_down(current, stable, down, past.changes, past.now)
    return _within(wanted, stable, limited, bounds, (Reason.SCALE_DOWN_STABILIZED, Reason.SCALE_DOWN_LIMIT))


def _within(
    wanted: int, stable: int, limited: int, bounds: Bounds, reasons: tuple[Reason, Reason]
) -> tuple[int, Reason]:
    final = min(max(limited, bounds.least), bounds.most)
    if final < limited:
        return final, Reason.TOO_MANY_REPLICAS
    if final > limited:
        return final, Reason.TOO_FEW_REPLICAS
    if limited != stable:
        return final, reasons[1]
    return final, reasons[0] if stable != wanted else Reason.DESIRED_WITHIN_RANGE


def _message(
    metrics: Sequence[ScalingMetricStatus], wanted: int | None, reason: Reason, bounds: Bounds, hold: str
) -> str:
    if wanted is None:
        return "no metric is known in full: the number of replicas stays"
    said = next((m for m in metrics if m.replicas == wanted), None)
    what = f"{said.name} {said.value} per replica, target {said.target}: " if said else ""
    return f"{what}{wanted} replicas are asked for{_LIMITS.get(reason, '').format(bounds=bounds, hold=hold)}"


_LIMITS = {
    Reason.TOO_MANY_REPLICAS: "; at most {bounds.most} are allowed",
    Reason.TOO_FEW_REPLICAS: "; at least {bounds.least} are kept",
    Reason.SCALE_UP_LIMIT: "; a policy of behavior.scaleUp lets them come bit by bit",
    Reason.SCALE_DOWN_LIMIT: "; a policy of behavior.scaleDown lets them go bit by bit",
    Reason.SCALE_UP_STABILIZED: "; fewer were within the window of behavior.scaleUp",
    Reason.SCALE_DOWN_STABILIZED: "; more were within the window of behavior.scaleDown",
    Reason.SCALE_DOWN_HELD: "; nothing is removed now: {hold}",
}

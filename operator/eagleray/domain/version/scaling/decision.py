"""How many replicas a revision is to have, by its load: HorizontalPodAutoscaler v2's decision, and why it is so."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from eagleray.api.autoscaling import ScalingBehavior
from eagleray.api.conditions import Reason
from eagleray.domain.actions.actions import Wake
from eagleray.domain.state.scaling import MetricState, ScalingState
from eagleray.domain.version.scaling import hpa
from eagleray.domain.version.scaling.history import Past, changed, recommended
from eagleray.domain.version.scaling.live import LiveLoad, LiveMetric
from eagleray.domain.version.scaling.metrics.metric import Load

LONGEST_MESSAGE = 256


@dataclass(frozen=True, slots=True)
class Bounds:
    """Fewest and most replicas that are allowed."""

    least: int
    most: int

    def inside(self, replicas: int) -> int:
        """The nearest number that is allowed."""
        return min(max(replicas, self.least), self.most)


@dataclass(frozen=True, slots=True)
class Subject:
    """What is scaled, and within which limits.

    Attributes:
        version: the version.
        revision: its revision.
        current: replicas that it is to have now, above zero.
        bounds: how far it may go.
        deployment: the Serve deployment that is scaled on its own; "" for the revision as a whole.
        behavior: how fast; HPA's defaults where nothing is said.
        hold: why nothing may be scaled down now, or "".
    """

    version: str
    revision: str
    current: int
    bounds: Bounds
    deployment: str = ""
    behavior: ScalingBehavior = field(default_factory=ScalingBehavior)
    hold: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """What was decided.

    Attributes:
        state: what is remembered: while the decision is the same it equals the one before, whatever the figures are.
        live: the figures.
        wakes: when the clock alone changes something.
    """

    state: ScalingState
    live: LiveLoad
    wakes: tuple[Wake, ...] = ()


def decide(subject: Subject, loads: Sequence[Load], known: ScalingState | None, now: datetime) -> Decision:
    """Decide once.

    Args:
        subject: what is scaled.
        loads: what the metrics say, in the order of spec.
        known: the decision before, or None for the first.
        now: the time of the decision.
    """
    current, rules, bounds = subject.current, subject.behavior, subject.bounds
    allowed = hpa.tolerance(rules.scale_up, rules.scale_down)
    asked = [_proposal(load, current, allowed) for load in loads]
    wanted = _wanted(loads, asked, current)
    # What lies beyond the bounds is all one: it changes nothing, and each change is written.
    goal = bounds.inside(current if wanted is None else wanted)
    past = Past(recommended(known, goal, current, rules, now), known.changes if known else (), rules, now)
    replicas, reason = _limited(subject, wanted, past)
    metrics = tuple(_metric(load, asks, current, known, now) for load, asks in zip(loads, asked, strict=True))
    before = known or ScalingState(
        subject.version, subject.revision, subject.deployment, current, bounds.least, bounds.most, reason
    )
    record = replace(
        before,
        desired=current,
        min_replicas=bounds.least,
        max_replicas=bounds.most,
        reason=reason,
        message=_message(metrics, wanted, reason, subject),
        metrics=metrics,
        recommendations=past.recommendations,
    )
    kept = max(hpa.periods(rules.scale_up, rules.scale_down))
    record = changed(record, replicas, now, record.message, seconds=kept)
    wakes = tuple(_wakes(reason, replace(past, changes=record.changes)))
    live = tuple(_live(load, asks, current) for load, asks in zip(loads, asked, strict=True))
    stands = known if known is not None and _essence(known) == _essence(record) else record
    return Decision(stands, LiveLoad(subject.version, subject.revision, subject.deployment, live), wakes)


def _essence(record: ScalingState) -> object:
    """What a decision consists of: without the figures that led to it."""
    metrics = tuple((m.name, m.target, m.missing_since, m.message) for m in record.metrics)
    return replace(record, message="", metrics=()), metrics


def _wakes(reason: Reason, past: Past) -> Iterator[Wake]:
    match reason:
        case Reason.SCALE_DOWN_STABILIZED:
            yield from past.window_ends(past.down_seconds)
        case Reason.SCALE_UP_STABILIZED:
            yield from past.window_ends(past.up_seconds)
        case Reason.SCALE_UP_LIMIT | Reason.SCALE_DOWN_LIMIT:
            yield from past.period_ends()
        case _:
            return


def _wanted(loads: Sequence[Load], asked: Sequence[int | None], current: int) -> int | None:
    """The most that is asked for; what is not known in full may only ask for more than there is."""
    safe = [a if load.whole else None for load, a in zip(loads, asked, strict=True)]
    return hpa.combine([*safe, *(a for a in asked if a is not None and a > current)], current)


def _proposal(load: Load, current: int, allowed: hpa.ToleratedRatio) -> int | None:
    if load.pods:
        if all(value is None for value in load.pods):
            return None
        return hpa.by_utilization(load.pods, load.target, current, allowed)
    total = load.known_total
    return None if total is None else hpa.by_total(total, load.target, current, allowed)


def _value(load: Load, current: int) -> float | None:
    """What was measured per replica, in base units."""
    if load.shown is not None:
        return load.shown
    known = [v for v in load.pods if v is not None]
    if known:
        return hpa.utilization(known) / 100
    return None if load.known_total is None else load.known_total / current


def _metric(load: Load, asks: int | None, current: int, known: ScalingState | None, now: datetime) -> MetricState:
    before = next((m for m in (known.metrics if known else ()) if m.name == load.name), None)
    missing = not load.whole or None in load.pods
    value = _value(load, current)
    return MetricState(
        name=load.name,
        target=load.target_text,
        value=None if value is None else load.unit.text(value),
        replicas=asks,
        message=load.message[:LONGEST_MESSAGE] or None,
        missing_since=((before.missing_since if before else None) or now) if missing else None,
    )


def _live(load: Load, asks: int | None, current: int) -> LiveMetric:
    return LiveMetric(load.name, load.unit.read(load.target_text), _value(load, current), asks)


def _limited(subject: Subject, wanted: int | None, past: Past) -> tuple[int, Reason]:
    """The number of replicas, and what kept it from what is wanted.

    HPA's order: what is out of bounds comes back at once; else windows, then policies, then bounds.
    """
    current, bounds = subject.current, subject.bounds
    inside = bounds.inside(current)
    if inside != current:
        return inside, Reason.TOO_FEW_REPLICAS if inside > current else Reason.TOO_MANY_REPLICAS
    if wanted is None:
        return current, Reason.FAILED_GET_METRIC
    up, down = subject.behavior.scale_up, subject.behavior.scale_down
    if wanted > current:
        asked = [wanted if bounds.most <= a < wanted else a for a in past.asked(past.up_seconds)]
        stable = max(current, min([wanted, *asked]))
        limited = hpa.limit_up(current, stable, up, past.changes, past.now)
        return _within(wanted, stable, limited, bounds, (Reason.SCALE_UP_STABILIZED, Reason.SCALE_UP_LIMIT))
    if wanted < current and subject.hold:
        return current, Reason.SCALE_DOWN_HELD
    asked = [wanted if wanted < a <= bounds.least else a for a in past.asked(past.down_seconds)]
    stable = min(current, max([wanted, *asked]))
    limited = hpa.limit_down(current, stable, down, past.changes, past.now)
    return _within(wanted, stable, limited, bounds, (Reason.SCALE_DOWN_STABILIZED, Reason.SCALE_DOWN_LIMIT))


def _within(
    wanted: int, stable: int, limited: int, bounds: Bounds, reasons: tuple[Reason, Reason]
) -> tuple[int, Reason]:
    final = bounds.inside(limited)
    if final < limited:
        return final, Reason.TOO_MANY_REPLICAS
    if final > limited:
        return final, Reason.TOO_FEW_REPLICAS
    if limited != stable:
        return final, reasons[1]
    return final, reasons[0] if stable != wanted else Reason.DESIRED_WITHIN_RANGE


def _message(metrics: Sequence[MetricState], wanted: int | None, reason: Reason, subject: Subject) -> str:
    if wanted is None:
        return "no metric is known in full: the number of replicas stays"
    asking = next((m for m in metrics if m.replicas == wanted), None)
    what = f"{asking.name} {asking.value} per replica, target {asking.target}: " if asking else ""
    limit = _LIMITS.get(reason, "").format(bounds=subject.bounds, hold=subject.hold)
    return f"{what}{wanted} replicas are asked for{limit}"


_LIMITS = {
    Reason.TOO_MANY_REPLICAS: "; at most {bounds.most} are allowed",
    Reason.TOO_FEW_REPLICAS: "; at least {bounds.least} are kept",
    Reason.SCALE_UP_LIMIT: "; a policy of behavior.scaleUp lets them come bit by bit",
    Reason.SCALE_DOWN_LIMIT: "; a policy of behavior.scaleDown lets them go bit by bit",
    Reason.SCALE_UP_STABILIZED: "; fewer were within the window of behavior.scaleUp",
    Reason.SCALE_DOWN_STABILIZED: "; more were within the window of behavior.scaleDown",
    Reason.SCALE_DOWN_HELD: "; nothing is removed now: {hold}",
}

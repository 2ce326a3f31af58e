"""What was asked for and what was changed until now, as far back as windows and policies look."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise

from eagleray.api.autoscaling import ScalingBehavior
from eagleray.domain.actions.actions import Wake
from eagleray.domain.state.scaling import ChangeState, RecommendationState, ScalingState
from eagleray.domain.version.scaling import hpa

HISTORY = 10
MOST_KEPT = 64
Recommendations = tuple[RecommendationState, ...]


@dataclass(frozen=True, slots=True)
class Past:
    """What was asked for, and what was changed, until now.

    Attributes:
        recommendations: what was asked for, the oldest first.
        changes: what was changed, the latest first.
        behavior: how far back windows and policies look.
        now: the time.
    """

    recommendations: Recommendations
    changes: Sequence[ChangeState]
    behavior: ScalingBehavior
    now: datetime

    @property
    def up_seconds(self) -> int:
        """Length of the window upwards."""
        return hpa.window_seconds(self.behavior.scale_up, hpa.UP_WINDOW_SECONDS)

    @property
    def down_seconds(self) -> int:
        """Length of the window downwards."""
        return hpa.window_seconds(self.behavior.scale_down, hpa.DOWN_WINDOW_SECONDS)

    def asked(self, seconds: int) -> list[int]:
        """What was asked for within the last `seconds`."""
        return hpa.in_window(self.recommendations, self.now, seconds)

    def window_ends(self, seconds: int) -> Iterator[Wake]:
        """When what was asked for leaves a window of so many seconds."""
        for _, after in pairwise(self.recommendations):
            yield Wake(after.at + timedelta(seconds=seconds), "a stabilization window ends")

    def period_ends(self) -> Iterator[Wake]:
        """When changes count no more for a policy."""
        for seconds in hpa.periods(self.behavior.scale_up, self.behavior.scale_down):
            for change in self.changes:
                yield Wake(change.at + timedelta(seconds=seconds), "a policy's period ends")


def recommended(
    known: ScalingState | None, wanted: int, current: int, behavior: ScalingBehavior, now: datetime
) -> Recommendations:
    """What was asked for, as a function of time that changes in steps; at first what there is counts as asked for.

    While the same is asked for it stays as it is: what no window sees any more goes with the next step.

    Args:
        known: what was decided last.
        wanted: what is asked for now.
        current: replicas that there are.
        behavior: how far back the windows look.
        now: the time.
    """
    before = known.recommendations if known else ()
    if before and before[-1].replicas == wanted:
        return before
    past = Past(before, (), behavior, now)
    steps, at = list(before) or [RecommendationState(now, current)], now
    while not past.up_seconds and steps and steps[-1].replicas <= wanted:
        # No window will see this one without the higher one after it: that takes its place in time.
        at = steps.pop().at
    if not steps or steps[-1].replicas != wanted:
        steps.append(RecommendationState(at, wanted))
    begin = now - timedelta(seconds=max(past.down_seconds, past.up_seconds))
    # A step ends where the next begins; the last never does.
    return _thinned(
        [step for step, after in zip(steps, [*steps[1:], None], strict=True) if not after or after.at > begin]
    )


def _thinned(steps: list[RecommendationState]) -> Recommendations:
    """At most `MOST_KEPT` steps: of two neighbours the higher one is kept, so that nothing shrinks too early."""
    while len(steps) > MOST_KEPT:
        lengths = [after.at - step.at for step, after in pairwise(steps[:-1])]
        place = lengths.index(min(lengths))
        first, second = steps[place : place + 2]
        merged = replace(first, replicas=max(first.replicas, second.replicas))
        steps = [*steps[:place], merged, *steps[place + 2 :]]
    return tuple(steps)


def changed(record: ScalingState, replicas: int, now: datetime, why: str, *, seconds: int = 0) -> ScalingState:
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
    changes = (ChangeState(now, record.desired, replicas, why), *record.changes)
    needed = sum(c.at > now - timedelta(seconds=seconds) for c in changes)
    return replace(record, desired=replicas, changes=changes[: min(MOST_KEPT, max(HISTORY, needed))])

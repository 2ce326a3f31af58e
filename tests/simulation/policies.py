"""The autoscalers: ours, and three others from their specifications."""

import math
from collections import deque
from datetime import UTC, datetime, timedelta
from itertools import islice

from eagleray.api.autoscaling import ScalingBehavior, ScalingRules
from eagleray.domain.version.scaling.decision import Bounds, Decision, Subject, decide
from eagleray.domain.version.scaling.metrics.metric import WINDOW_SECONDS, Load, Unit
from eagleray.domain.version.scaling.metrics.ongoing import believed
from simulation.model import CONCURRENCY, Seen

TARGET = 5.0
# Whole percents, as HPA has them.
CPU_PERCENT = 100 * round(TARGET) // CONCURRENCY
START = datetime(2026, 1, 1, tzinfo=UTC)


class Eagleray:
    """`eagleray.domain.scaling.decision` on requests in progress, with sleep after a while without requests.

    Args:
        most: most replicas.
        idle: seconds without a request until nothing runs; 0 for never.
        window: seconds of `behavior.scaleDown.stabilizationWindowSeconds`; None for the default.
    """

    def __init__(self, most: int, idle: int = 0, window: int | None = None) -> None:
        self.name = "Eagleray" if window is None else f"Eagleray, window {window} s"
        self._behavior = ScalingBehavior(scale_down=ScalingRules(stabilization_window_seconds=window))
        self._bounds, self._idle = Bounds(1, most), idle
        self._seen: deque[float] = deque(maxlen=round(WINDOW_SECONDS))
        self._known: Decision | None = None
        self._quiet = 0

    def decide(self, second: int, seen: Seen) -> int:
        """The operator's look; every five seconds, as the operator does, unless more is asked for."""
        self._seen.append(seen.in_progress)
        self._quiet = 0 if seen.rate or seen.in_progress >= 1 else self._quiet + 1
        if self._idle and (self._quiet >= self._idle or not seen.wanted):
            if self._quiet:
                return 0
            self._known = None
            return 1
        metrics = self._known.live.metrics if self._known else ()
        rising = any((metric.replicas or 0) > seen.wanted for metric in metrics)
        if second % 5 and not rising:
            return seen.wanted
        mean = sum(self._seen) / len(self._seen)
        load = Load("OngoingRequests", TARGET, "5", believed(mean, seen.in_progress, TARGET * seen.wanted))
        subject = Subject("v", "m-v-1", seen.wanted, self._bounds, behavior=self._behavior)
        now = START + timedelta(seconds=second)
        self._known = decide(subject, [load], self._known.state if self._known else None, now)
        return self._known.state.desired


class HpaOnCpu:
    """HorizontalPodAutoscaler v2 with every default, at the use of CPU that a replica has at our target."""

    name = "HPA on CPU"

    def __init__(self, most: int) -> None:
        self._most = most
        self._busy: deque[float] = deque(maxlen=15)
        self._known: Decision | None = None

    def decide(self, second: int, seen: Seen) -> int:
        """One sync every 15 s, on the mean since the last."""
        self._busy.append(seen.busy)
        if second % 15 or not seen.running:
            return seen.wanted
        percent = 100 * sum(self._busy) / len(self._busy)
        pods = (percent,) * seen.running
        load = Load("CPU", CPU_PERCENT, f"{CPU_PERCENT}%", None, pods=pods, unit=Unit.PERCENT)
        subject = Subject("v", "m-v-1", seen.wanted, Bounds(1, self._most))
        now = START + timedelta(seconds=second)
        self._known = decide(subject, [load], self._known.state if self._known else None, now)
        return self._known.state.desired


class RayServe:
    """Ray Serve 2.60's autoscaling policy: look-back 30 s, up after 30 s and down after 600 s of the same wish.

    Source: ray/serve/autoscaling_policy.py, `replica_queue_length_autoscaling_policy`.
    """

    name = "Ray Serve"

    def __init__(self, most: int) -> None:
        self._most = most
        self._seen: deque[float] = deque(maxlen=30)
        self._since = 0
        self._direction = 0

    def decide(self, second: int, seen: Seen) -> int:
        """Metrics come every ten seconds; a wish must last."""
        self._seen.append(seen.in_progress)
        if second % 10:
            return seen.wanted
        mean = sum(self._seen) / len(self._seen)
        wish = min(self._most, max(1, math.ceil(mean / TARGET)))
        direction = (wish > seen.wanted) - (wish < seen.wanted)
        if direction != self._direction:
            self._direction, self._since = direction, second
        delay = 30 if direction > 0 else 600
        return wish if direction and second - self._since >= delay else seen.wanted


class Knative:
    """Knative Serving 1.23's KPA: stable window 60 s, panic window 6 s at 200%, to zero after that and 30 s of grace.

    Source: knative/serving pkg/autoscaler/scaling/autoscaler.go. The target is 70% of 7.2, about our five.

    Args:
        most: most replicas.
        zero: whether it may go to zero.
    """

    name = "Knative KPA"

    def __init__(self, most: int, *, zero: bool = False) -> None:
        self._most, self._least = most, 0 if zero else 1
        self._seen: deque[float] = deque(maxlen=60)
        self._panic_until, self._highest, self._zero_for = -1, 0, 0

    def decide(self, second: int, seen: Seen) -> int:
        """One tick every two seconds."""
        self._seen.append(seen.in_progress)
        if second % 2:
            return seen.wanted
        stable = sum(self._seen) / len(self._seen)
        latest = list(islice(reversed(self._seen), 6))
        panic = sum(latest) / len(latest)
        ready = max(1, seen.running)
        least, most = ready // 2, 1000 * ready
        wish, sudden = (min(max(math.ceil(v / (0.7 * 7.2)), least), most) for v in (stable, panic))
        if not stable:
            wish = 0
        if sudden / ready >= 2:
            self._panic_until = second + 60
        if second <= self._panic_until:
            self._highest = max(self._highest, wish, sudden)
            return min(self._most, max(self._highest, seen.wanted))
        self._highest = 0
        self._zero_for = self._zero_for + 2 if not wish else 0
        floor = self._least if self._zero_for > 30 else 1 if seen.wanted else self._least
        return min(self._most, max(wish, floor))

"""Requests in progress, those that wait for a replica included."""

from typing import ClassVar

from eagleray.api.autoscaling import ScalingMetric
from eagleray.domain.facts.signals import Window
from eagleray.domain.version.scaling.metrics.metric import Load, Metric, Needs, Signals, of_routers

# A load of so many times what the replicas are meant for is believed at first sight (Knative's panic threshold).
SUDDEN = 2.0


class OngoingRequests(Metric):
    """Requests in progress."""

    type: ClassVar[str] = "OngoingRequests"
    needs_inside: ClassVar[Needs | None] = Needs.NODES

    def load(self, name: str, spec: ScalingMetric, signals: Signals, seen: Window) -> Load:
        """As the routers see them; of a deployment behind others as Serve tells."""
        target = float(spec.target)
        if signals.deployment:
            return _inside(name, spec, target, signals)
        return of_routers(name, target, spec.target, in_progress(signals, seen, signals.current * target), seen)


def in_progress(signals: Signals, seen: Window, meant_for: float) -> float | None:
    """Requests in progress.

    The mean over `WINDOW_SECONDS`: of what was seen at each look, or by Little's law where that is more, as short
    requests hide between two looks.

    Args:
        signals: what is known.
        seen: what the revision did over `WINDOW_SECONDS`.
        meant_for: requests that its replicas are to have in progress.

    Returns:
        The number, or None where no router has told.
    """
    name = signals.revision.name
    looks = [sum(s.of(name).active for s in look.stats.values()) for look in signals.recent if look.stats]
    if not looks:
        return None
    mean = max(sum(looks) / len(looks), seen.busy / seen.seconds if seen.seconds else 0.0)
    return believed(mean, looks[-1], meant_for)


def believed(mean: float, latest: float, meant_for: float) -> float:
    """The mean, or the last look where that alone has `SUDDEN` times what is meant to be: an average would lag behind.

    Args:
        mean: requests in progress, on average.
        latest: the same at the last look.
        meant_for: how many are to be in progress.
    """
    return max(mean, latest) if latest >= SUDDEN * meant_for else mean


def _inside(name: str, spec: ScalingMetric, target: float, signals: Signals) -> Load:
    """What the replicas of a deployment work on, and what waits for them elsewhere."""
    nodes = [*signals.pods, *signals.others]
    used = [signals.use[node] for node in nodes if node in signals.use]
    silent = next((node for node in nodes if node not in signals.use), None)
    total = sum(u.ongoing.get(signals.deployment, 0.0) + u.queued.get(signals.deployment, 0.0) for u in used)
    message = f"Pod {silent} does not tell its requests" if silent else ""
    return Load(name, target, spec.target, total if used else None, bool(used) and not silent, message)

"""The load of a revision, metric by metric, as scaling decides on it."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from eagleray.api.autoscaling import Autoscaling, ScalingMetric
from eagleray.api.units import parse_duration, parse_quantity
from eagleray.domain.evidence import ProviderQuery, Reading, prometheus_query
from eagleray.domain.revisions import Revision
from eagleray.domain.scaling import Load
from eagleray.domain.signals import Sample, Window, window

DEFAULT_METRIC = ScalingMetric(type="OngoingRequests", target="5")
# Averages are taken over this long: HPA's interval between two decisions.
WINDOW_SECONDS = 15.0
# A load of so many times what the replicas are meant for is believed at first sight (Knative's panic threshold).
SUDDEN = 2.0
# How often others are asked, and how old an answer may be.
QUERY_SECONDS = 15.0
STALE_SECONDS = 45.0
DEFAULT_QUANTILE = "p90"
# What took longer than the last edge of the routers' histograms is taken for this.
LONGEST_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Signals:
    """What is known of one revision's load.

    Attributes:
        revision: the revision.
        current: replicas that it is to have.
        samples: what the routers said, the latest last.
        cores: by worker Pod, how many cores its replicas use; a Pod that did not tell is absent.
        pods: names of its worker Pods.
        readings: what others answered last.
        now: the time.
    """

    revision: Revision
    current: int
    samples: tuple[Sample, ...]
    cores: Mapping[str, float]
    pods: tuple[str, ...]
    readings: Mapping[ProviderQuery, Reading]
    now: datetime


def loads(rules: Autoscaling, signals: Signals) -> tuple[Load, ...]:
    """What each metric says now, in the order of spec.

    Args:
        rules: the spec.
        signals: what is known.
    """
    metrics, recent = metrics_of(rules), _recent(signals.samples)
    begin = recent[0].at if recent else signals.now
    seen = window(signals.samples, signals.revision.name, begin)
    return tuple(_load(name, metric, signals, seen) for name, metric in zip(_names(metrics), metrics, strict=True))


def metrics_of(rules: Autoscaling) -> list[ScalingMetric]:
    """The metrics that count."""
    return rules.metrics or [DEFAULT_METRIC]


def due_queries(
    rules: Autoscaling, revision: Revision, readings: Mapping[ProviderQuery, Reading], now: datetime
) -> Iterator[ProviderQuery]:
    """What to ask Prometheus now about a revision.

    Args:
        rules: the spec.
        revision: the revision.
        readings: what was answered last.
        now: the time.
    """
    for metric in metrics_of(rules):
        if metric.type != "Prometheus":
            continue
        query = query_of(metric, revision)
        reading = readings.get(query)
        if reading is None or (now - reading.at).total_seconds() >= QUERY_SECONDS:
            yield query


def query_of(metric: ScalingMetric, revision: Revision) -> ProviderQuery:
    """What a Prometheus server is asked about a revision."""
    about = {
        "name": revision.deployment,
        "namespace": revision.namespace,
        "version": revision.version,
        "revision": revision.name,
    }
    return prometheus_query(metric.server or "", metric.query or "", about)


def in_progress(signals: Signals, seen: Window, meant_for: float) -> float | None:
    """Requests in progress, those that wait for a replica included.

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
    looks = [sum(s.of(name).active for s in look.stats.values()) for look in _recent(signals.samples) if look.stats]
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


def covered(samples: Sequence[Sample]) -> float:
    """Seconds between the first and the last look at the routers."""
    return (samples[-1].at - samples[0].at).total_seconds() if samples else 0.0


def _recent(samples: Sequence[Sample]) -> list[Sample]:
    if not samples:
        return []
    since = samples[-1].at - timedelta(seconds=WINDOW_SECONDS)
    return [s for s in samples if s.at >= since]


def _names(metrics: Sequence[ScalingMetric]) -> list[str]:
    """The type of each, numbered where one is there more than once."""
    types = [m.type for m in metrics]
    return [t if types.count(t) == 1 else f"{t} {types[: i + 1].count(t)}" for i, t in enumerate(types)]


def _load(name: str, metric: ScalingMetric, signals: Signals, seen: Window) -> Load:
    match metric.type:
        case "OngoingRequests":
            return _ongoing(name, metric, signals, seen)
        case "RequestRate":
            return _rate(name, metric, seen)
        case "Latency":
            return _latency(name, metric, signals, seen)
        case "CPU":
            return _use(name, metric, signals)
        case "Prometheus":
            return _answered(name, metric, signals)


def _ongoing(name: str, metric: ScalingMetric, signals: Signals, seen: Window) -> Load:
    target = float(metric.target)
    return _of_routers(name, metric, target, in_progress(signals, seen, signals.current * target), seen)


def _rate(name: str, metric: ScalingMetric, seen: Window) -> Load:
    return _of_routers(name, metric, float(metric.target), seen.requests / seen.seconds if seen.seconds else None, seen)


def _of_routers(name: str, metric: ScalingMetric, target: float, total: float | None, seen: Window) -> Load:
    missing = "a router Pod does not tell its figures" if seen.missing else ""
    return Load(name, target, metric.target, total, complete=not seen.missing, message=missing)


def _latency(name: str, metric: ScalingMetric, signals: Signals, seen: Window) -> Load:
    """How many requests a replica may have in progress, so that the quantile stays below the limit.

    A replica that works on n requests answers each in n times its service time. Measured is the time to the answer and
    n; so the service time is known, and limit / service time is how many a replica may have. Where a single one takes
    longer than the limit, more replicas than requests would not help.
    """
    limit, quantile = parse_duration(metric.target), metric.quantile or DEFAULT_QUANTILE
    took = seen.latencies.quantile(int(quantile[1:]) / 100)
    total = in_progress(signals, seen, math.inf)
    base = _of_routers(name, metric, 1.0, None, seen)
    if total is None or (took is None and total > 0):
        return base
    if took is None or total == 0:
        return Load(name, 1.0, metric.target, 0.0, complete=base.complete, message=base.message, shown="0ms")
    seconds = min(took / 1000, LONGEST_SECONDS)
    service = seconds / max(1.0, total / signals.current)
    slow = f"a lone request takes {service:.3g} s, more replicas do not help" if service > limit else ""
    return Load(
        name=name,
        target=max(1.0, limit / service) if service else math.inf,
        target_text=metric.target,
        total=total,
        complete=base.complete,
        message=base.message or slow,
        shown=f"{1000 * seconds:.3g}ms",
    )


def _use(name: str, metric: ScalingMetric, signals: Signals) -> Load:
    """Of each Pod, what its replicas use in percent of what they request."""
    target = float(metric.target[:-1])
    resources = signals.revision.template.resources
    request = (resources.requests or {}).get("cpu") if resources else None
    if request is None:
        return Load(name, target, metric.target, None, complete=False, message="write resources.requests.cpu")
    requested = float(parse_quantity(request)) * signals.revision.replicas_per_pod
    told = [signals.cores.get(pod) for pod in signals.pods]
    values = tuple(None if cores is None else 100 * cores / requested for cores in told)
    silent = [pod for pod, value in zip(signals.pods, values, strict=True) if value is None]
    message = f"Pod {silent[0]} does not tell its use" if silent else ""
    return Load(name, target, metric.target, None, complete=bool(values), message=message, pods=values)


def _answered(name: str, metric: ScalingMetric, signals: Signals) -> Load:
    reading = signals.readings.get(query_of(metric, signals.revision))
    target = float(metric.target)
    if reading is None:
        return Load(name, target, metric.target, None, complete=False, message="no answer yet")
    age = (signals.now - reading.at).total_seconds()
    if age > STALE_SECONDS:
        return Load(name, target, metric.target, None, complete=False, message=f"no answer for {age:.0f} s")
    known = reading.value is not None
    return Load(name, target, metric.target, reading.value, complete=known, message=reading.error)

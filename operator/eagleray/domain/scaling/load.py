"""The load of a revision, metric by metric, as scaling decides on it."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from eagleray.api.autoscaling import Scaling, ScalingMetric
from eagleray.api.scaling_status import ScalingStatus
from eagleray.api.units import parse_duration, parse_quantity
from eagleray.domain.ray_cluster.groups import WorkerGroup
from eagleray.domain.ray_cluster.ray_nodes import NodeUse
from eagleray.domain.revisions import Revision
from eagleray.domain.rollout.evidence import ProviderQuery, Reading, prometheus_query
from eagleray.domain.rollout.signals import Sample, Window, window
from eagleray.domain.scaling.decision import Load

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
    """What is known of the load of one revision, or of one Serve deployment of it.

    Attributes:
        revision: the revision.
        deployment: the Serve deployment; "" for the revision as a whole.
        current: replicas that it is to have.
        samples: what the routers said, the latest last.
        use: by worker Pod of the revision, what its replicas use and do; a Pod that did not tell is absent.
        pods: worker groups of the worker Pods that are scaled, by name.
        others: names of the revision's other worker Pods, which may have requests for those.
        readings: what others answered last.
        now: the time.
    """

    revision: Revision
    current: int
    samples: tuple[Sample, ...]
    use: Mapping[str, NodeUse]
    pods: Mapping[str, WorkerGroup]
    readings: Mapping[ProviderQuery, Reading]
    now: datetime
    deployment: str = ""
    others: tuple[str, ...] = ()


def loads(rules: Scaling, signals: Signals) -> tuple[Load, ...]:
    """What each metric says now, in the order of spec.

    Args:
        rules: the spec.
        signals: what is known.
    """
    metrics, recent = metrics_of(rules), _recent(signals.samples)
    begin = recent[0].at if recent else signals.now
    seen = window(signals.samples, signals.revision.name, begin)
    return tuple(_load(name, metric, signals, seen) for name, metric in zip(_names(metrics), metrics, strict=True))


def metrics_of(rules: Scaling) -> list[ScalingMetric]:
    """The metrics that count."""
    return rules.metrics or [DEFAULT_METRIC]


def by_nodes(record: ScalingStatus) -> bool:
    """Whether the figures of Ray's nodes are needed to decide again: the routers do not see inside a revision."""
    return bool(record.deployment) or any(m.name.startswith(("CPU", "GPU")) for m in record.metrics or [])


def due_queries(
    rules: Scaling, revision: Revision, deployment: str, readings: Mapping[ProviderQuery, Reading], now: datetime
) -> Iterator[ProviderQuery]:
    """What to ask Prometheus now about a revision.

    Args:
        rules: the spec.
        revision: the revision.
        deployment: the Serve deployment that is scaled; "" for the revision as a whole.
        readings: what was answered last.
        now: the time.
    """
    for metric in metrics_of(rules):
        if metric.type != "Prometheus":
            continue
        query = query_of(metric, revision, deployment)
        reading = readings.get(query)
        if reading is None or (now - reading.at).total_seconds() >= QUERY_SECONDS:
            yield query


def query_of(metric: ScalingMetric, revision: Revision, deployment: str) -> ProviderQuery:
    """What a Prometheus server is asked about a revision, or about a Serve deployment of it."""
    about = {
        "name": revision.deployment,
        "namespace": revision.namespace,
        "version": revision.version,
        "revision": revision.name,
        "deployment": deployment,
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
            return _use(name, metric, signals, _cpu_percent)
        case "GPU":
            return _use(name, metric, signals, _gpu_percent)
        case "Prometheus":
            return _answered(name, metric, signals)


def _ongoing(name: str, metric: ScalingMetric, signals: Signals, seen: Window) -> Load:
    target = float(metric.target)
    if signals.deployment:
        return _ongoing_inside(name, metric, target, signals)
    return _of_routers(name, metric, target, in_progress(signals, seen, signals.current * target), seen)


def _ongoing_inside(name: str, metric: ScalingMetric, target: float, signals: Signals) -> Load:
    """Of a deployment behind others, as Serve tells: what its replicas work on, and what waits for them elsewhere."""
    nodes = [*signals.pods, *signals.others]
    told = [signals.use[node] for node in nodes if node in signals.use]
    silent = next((node for node in nodes if node not in signals.use), None)
    total = sum(u.ongoing.get(signals.deployment, 0.0) + u.queued.get(signals.deployment, 0.0) for u in told)
    message = f"Pod {silent} does not tell its requests" if silent else ""
    return Load(
        name, target, metric.target, total if told else None, complete=bool(told) and not silent, message=message
    )


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


def _use(
    name: str, metric: ScalingMetric, signals: Signals, percent: Callable[[NodeUse, WorkerGroup], float | str]
) -> Load:
    """What each Pod uses, in percent of what it may."""
    target = float(metric.target[:-1])
    told = {
        pod: percent(signals.use[pod], group) if pod in signals.use else f"Pod {pod} does not tell its use"
        for pod, group in signals.pods.items()
    }
    silent = next((why for why in told.values() if isinstance(why, str)), "")
    values = tuple(value if isinstance(value, float) else None for value in told.values())
    return Load(name, target, metric.target, None, complete=bool(values), message=silent, pods=values)


def _cpu_percent(use: NodeUse, group: WorkerGroup) -> float | str:
    request = ((group.resources and group.resources.requests) or {}).get("cpu")
    if request is None:
        return "write resources.requests.cpu"
    return 100 * use.cores / (float(parse_quantity(request)) * group.replicas_per_pod)


def _gpu_percent(use: NodeUse, _: WorkerGroup) -> float | str:
    return sum(use.gpus) / len(use.gpus) if use.gpus else "Ray tells no use of a GPU; a share of one (MIG) has none"


def _answered(name: str, metric: ScalingMetric, signals: Signals) -> Load:
    reading = signals.readings.get(query_of(metric, signals.revision, signals.deployment))
    target = float(metric.target)
    if reading is None:
        return Load(name, target, metric.target, None, complete=False, message="no answer yet")
    age = (signals.now - reading.at).total_seconds()
    if age > STALE_SECONDS:
        return Load(name, target, metric.target, None, complete=False, message=f"no answer for {age:.0f} s")
    known = reading.value is not None
    return Load(name, target, metric.target, reading.value, complete=known, message=reading.error)

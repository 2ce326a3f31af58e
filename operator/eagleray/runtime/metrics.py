"""Prometheus metrics under controller-runtime's and client-go's names, so that existing dashboards work."""

from collections.abc import Collection, Sequence

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)

from eagleray.api.status import ModelDeploymentStatus
from eagleray.domain.version.scaling.live import LiveLoad
from eagleray.engine.queue import QueueMetrics
from eagleray.engine.worker import ReconcileMetrics
from eagleray.kube.kinds import Key
from eagleray.runtime.scaling_metrics import ScalingMetrics
from eagleray.runtime.start_metrics import StartMetrics

CONTROLLER = "modeldeployment"
RESULTS = ("success", "requeue_after", "error")

_RECONCILE_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_QUEUE_BUCKETS = (1e-3, 1e-2, 0.1, 1, 10, 100, 1000)


class Metrics(QueueMetrics, ReconcileMetrics):
    """All metrics of one operator process, in a registry of their own.

    Args:
        concurrency: the number of workers.
        lease: name of the leader election's Lease.
    """

    def __init__(self, *, concurrency: int, lease: str) -> None:
        # A second series for every counter and histogram, which nobody reads.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        self._reconciles(concurrency)
        self._workqueue()
        self._requests = self._counter("rest_client_requests", "API requests", ["code", "method"])
        self._request_time = self._histogram(
            "rest_client_request_duration_seconds", "API request time", _RECONCILE_BUCKETS, ["verb"]
        )
        leader = self._gauge("leader_election_master_status", "1 on the leader", ["name"])
        self._leader = leader.labels(lease)
        self._leader.set(0)
        self._scaling, self._starts = ScalingMetrics(), StartMetrics()
        self.registry.register(self._scaling)
        self.registry.register(self._starts)

    def _reconciles(self, concurrency: int) -> None:
        prefix = "controller_runtime_"
        label = ["controller"]
        total = self._counter(prefix + "reconcile", "Reconciles by result", ["controller", "result"])
        self._results = {result: total.labels(CONTROLLER, result) for result in RESULTS}
        self._errors = self._counter(prefix + "reconcile_errors", "Failed reconciles", label).labels(CONTROLLER)
        self._panics = self._counter(prefix + "reconcile_panics", "Unexpected errors", label).labels(CONTROLLER)
        self._time = self._histogram(
            prefix + "reconcile_time_seconds", "Time of a reconcile", _RECONCILE_BUCKETS, label
        ).labels(CONTROLLER)
        self._active = self._gauge(prefix + "active_workers", "Busy workers", label).labels(CONTROLLER)
        workers = self._gauge(prefix + "max_concurrent_reconciles", "Workers", label)
        workers.labels(CONTROLLER).set(concurrency)

    def _workqueue(self) -> None:
        label = ["name"]
        self._depth = self._gauge("workqueue_depth", "Keys that wait", label).labels(CONTROLLER)
        self._adds = self._counter("workqueue_adds", "Keys added", label).labels(CONTROLLER)
        self._retries = self._counter("workqueue_retries", "Keys retried", label).labels(CONTROLLER)
        self._queue_time = self._histogram(
            "workqueue_queue_duration_seconds", "Time that a key waited", _QUEUE_BUCKETS, label
        ).labels(CONTROLLER)
        self._work_time = self._histogram(
            "workqueue_work_duration_seconds", "Time that a key was worked on", _QUEUE_BUCKETS, label
        ).labels(CONTROLLER)
        self._unfinished = self._gauge(
            "workqueue_unfinished_work_seconds", "Sum of the time in present work", label
        ).labels(CONTROLLER)
        self._longest = self._gauge(
            "workqueue_longest_running_processor_seconds", "Longest present work", label
        ).labels(CONTROLLER)

    def _counter(self, name: str, text: str, labels: list[str]) -> Counter:
        return Counter(name, text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str, labels: list[str]) -> Gauge:
        return Gauge(name, text, labels, registry=self.registry)

    def _histogram(self, name: str, text: str, buckets: tuple[float, ...], labels: list[str]) -> Histogram:
        return Histogram(name, text, labels, buckets=buckets, registry=self.registry)

    def decided(self, key: Key, status: ModelDeploymentStatus | None, live: Sequence[LiveLoad] = ()) -> None:
        """The status of one object, or None where it is gone."""
        self._scaling.decided(key, (status.scaling if status else None) or [], live)
        self._starts.decided(key, status.revisions if status else [])

    def render(self) -> bytes:
        """Everything in Prometheus' text format."""
        return generate_latest(self.registry)

    def request(self, method: str, code: str, seconds: float) -> None:
        """One request to the API server; a `RequestObserver`."""
        self._requests.labels(code, method).inc()
        self._request_time.labels(method).observe(seconds)

    def leading(self) -> None:
        """This process became the leader; it never stops being one and lives on."""
        self._leader.set(1)

    def working(self, seconds: Collection[float]) -> None:
        """For how long each key in hand has been there."""
        self._unfinished.set(sum(seconds))
        self._longest.set(max(seconds, default=0))

    def depth(self, waiting: int) -> None:  # noqa: D102 - documented at the Protocol, as all below
        self._depth.set(waiting)

    def added(self) -> None:  # noqa: D102
        self._adds.inc()

    def retried(self) -> None:  # noqa: D102
        self._retries.inc()

    def waited(self, seconds: float) -> None:  # noqa: D102
        self._queue_time.observe(seconds)

    def worked(self, seconds: float) -> None:  # noqa: D102
        self._work_time.observe(seconds)

    def started(self) -> None:  # noqa: D102
        self._active.inc()

    def finished(self, result: str, seconds: float) -> None:  # noqa: D102
        self._active.dec()
        self._results[result].inc()
        self._time.observe(seconds)
        if result == "error":
            self._errors.inc()

    def crashed(self) -> None:  # noqa: D102
        self._panics.inc()

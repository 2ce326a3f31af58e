from prometheus_client.parser import text_string_to_metric_families

from eagleray.runtime.metrics import Metrics


def samples(metrics: Metrics) -> dict[str, float]:
    found = {}
    for family in text_string_to_metric_families(metrics.render().decode()):
        for sample in family.samples:
            labels = ",".join(f"{k}={v}" for k, v in sorted(sample.labels.items()))
            found[f"{sample.name}{{{labels}}}"] = sample.value
    return found


def test_every_name_of_controller_runtime_is_there_from_the_start() -> None:
    found = samples(Metrics(concurrency=16, lease="op"))
    label = "{controller=modeldeployment}"
    assert found[f"controller_runtime_max_concurrent_reconciles{label}"] == 16
    for name in ("active_workers", "reconcile_errors_total", "reconcile_panics_total"):
        assert found[f"controller_runtime_{name}{label}"] == 0
    for result in ("success", "requeue_after", "error"):
        assert found[f"controller_runtime_reconcile_total{{controller=modeldeployment,result={result}}}"] == 0
    for name in (
        "depth",
        "adds_total",
        "retries_total",
        "queue_duration_seconds_count",
        "work_duration_seconds_count",
        "unfinished_work_seconds",
        "longest_running_processor_seconds",
    ):
        assert found[f"workqueue_{name}{{name=modeldeployment}}"] == 0
    assert found["leader_election_master_status{name=op}"] == 0


def test_what_happens_is_counted() -> None:
    metrics = Metrics(concurrency=1, lease="op")
    metrics.leading()
    metrics.request("GET", "200", 0.1)
    metrics.started()
    metrics.finished("error", 0.2)
    metrics.crashed()
    metrics.added()
    metrics.retried()
    metrics.depth(3)
    metrics.waited(1)
    metrics.worked(2)
    metrics.working((4.0, 6.0))
    found = samples(metrics)
    assert found["leader_election_master_status{name=op}"] == 1
    assert found["rest_client_requests_total{code=200,method=GET}"] == 1
    assert found["rest_client_request_duration_seconds_count{verb=GET}"] == 1
    assert found["controller_runtime_reconcile_total{controller=modeldeployment,result=error}"] == 1
    assert found["controller_runtime_reconcile_errors_total{controller=modeldeployment}"] == 1
    assert found["controller_runtime_reconcile_panics_total{controller=modeldeployment}"] == 1
    assert found["controller_runtime_active_workers{controller=modeldeployment}"] == 0
    assert found["workqueue_depth{name=modeldeployment}"] == 3
    assert found["workqueue_queue_duration_seconds_sum{name=modeldeployment}"] == 1
    assert found["workqueue_work_duration_seconds_sum{name=modeldeployment}"] == 2
    assert found["workqueue_unfinished_work_seconds{name=modeldeployment}"] == 10
    assert found["workqueue_longest_running_processor_seconds{name=modeldeployment}"] == 6


def test_idle_workers_have_no_longest_work() -> None:
    metrics = Metrics(concurrency=1, lease="op")
    metrics.working((5.0,))
    metrics.working(())
    assert samples(metrics)["workqueue_longest_running_processor_seconds{name=modeldeployment}"] == 0


def test_the_process_tells_of_itself_and_no_counter_tells_twice() -> None:
    metrics = Metrics(concurrency=1, lease="op")
    metrics.request("GET", "200", 0.1)
    found = {name.partition("{")[0] for name in samples(metrics)}
    assert {"process_resident_memory_bytes", "process_cpu_seconds_total", "python_info"} <= found
    assert not {name for name in found if name.endswith("_created")}

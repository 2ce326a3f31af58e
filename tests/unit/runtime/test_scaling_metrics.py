import pytest

from eagleray.api.scaling_status import ScalingStatus
from eagleray.api.status import ModelDeploymentStatus
from eagleray.domain.version.scaling.live import LiveLoad, LiveMetric
from eagleray.kube.kinds import Key
from eagleray.runtime.metrics import Metrics
from unit.runtime.test_metrics import samples

KEY = Key("ns", "m")
RECORD = ScalingStatus(
    version="v",
    revision="m-v-1",
    deployment="",
    desired=3,
    min_replicas=1,
    max_replicas=9,
    reason="DesiredWithinRange",
    start_seconds=14,
)
LIVE = LiveLoad("v", "m-v-1", "", (LiveMetric("Latency", 0.2, 0.15, 3), LiveMetric("CPU", 0.7, None, None)))


def test_every_term_of_the_decision_is_told_until_the_object_is_gone() -> None:
    metrics = Metrics(concurrency=1, lease="op")
    metrics.decided(KEY, ModelDeploymentStatus(scaling=[RECORD]), [LIVE])
    found = {k: v for k, v in samples(metrics).items() if k.startswith("eagleray_scaling")}
    label = "{deployment=,name=m,namespace=ns,revision=m-v-1,version=v}"
    latency = "{deployment=,metric=Latency,name=m,namespace=ns,revision=m-v-1,version=v}"
    cpu = "{deployment=,metric=CPU,name=m,namespace=ns,revision=m-v-1,version=v}"
    assert found == pytest.approx(
        {
            f"eagleray_scaling_desired_replicas{label}": 3,
            f"eagleray_scaling_min_replicas{label}": 1,
            f"eagleray_scaling_max_replicas{label}": 9,
            f"eagleray_scaling_asleep{label}": 0,
            f"eagleray_scaling_start_seconds{label}": 14,
            f"eagleray_scaling_metric_value{latency}": 0.15,
            f"eagleray_scaling_metric_target{latency}": 0.2,
            f"eagleray_scaling_metric_replicas{latency}": 3,
            f"eagleray_scaling_metric_target{cpu}": 0.7,
        }
    )
    metrics.decided(KEY, None)
    assert not [k for k in samples(metrics) if k.startswith("eagleray_scaling")]

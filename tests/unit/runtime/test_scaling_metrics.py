import pytest

from eagleray.api.scaling_status import ScalingMetricStatus, ScalingStatus
from eagleray.api.status import ModelDeploymentStatus
from eagleray.kube.kinds import Key
from eagleray.runtime.metrics import Metrics
from eagleray.runtime.scaling_metrics import number
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
    metrics=[
        ScalingMetricStatus(name="Latency", value="150ms", target="200ms", replicas=3),
        ScalingMetricStatus(name="CPU", target="70%"),
    ],
)


def test_every_term_of_the_decision_is_told_until_the_object_is_gone() -> None:
    metrics = Metrics(concurrency=1, lease="op")
    metrics.decided(KEY, ModelDeploymentStatus(scaling=[RECORD]))
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


@pytest.mark.parametrize(("text", "value"), [("7.5", 7.5), ("70%", 0.7), ("12.5ms", 0.0125), ("1m30s", 90), ("2s", 2)])
def test_numbers_are_read_in_base_units(text: str, value: float) -> None:
    assert number(text) == pytest.approx(value)

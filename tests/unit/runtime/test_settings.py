import os

import pytest

from eagleray.domain.goals.fleet import Fleet
from eagleray.domain.goals.pod_defaults import PodDefaults
from eagleray.runtime.settings import Settings, SettingsError, from_environment


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment without any setting."""
    for name in [name for name in os.environ if name.startswith("EAGLERAY_")]:
        monkeypatch.delenv(name)
    return monkeypatch


def test_an_empty_environment_gives_the_defaults() -> None:
    assert from_environment() == Settings()
    assert from_environment().images["torch-gpu"] == "eagleray/torch-gpu"


def test_everything_is_read(environment: pytest.MonkeyPatch) -> None:
    for name, value in {
        "WATCH_NAMESPACES": "a, b,,a",
        "NAMESPACE": "system",
        "POD_NAME": "op-1",
        "LEASE_NAME": "lease",
        "ROUTER_IMAGE": " r/router:1 ",
        "BASE_IMAGE": "r/base:1",
        "SKLEARN_IMAGE": "r/sklearn:1",
        "TORCH_GPU_IMAGE": "r/cuda:1",
        "IMAGE_PULL_POLICY": "Always",
        "IMAGE_PULL_SECRETS": "s1,s2",
        "NODES": '{"spotTaints": ["spot"]}',
        "PODS": '{"runAsUser": null, "caBundle": {}, "templates": {"head": {}, "router": {"spec": {}}}}',
        "REQUIRE_SHA256": "true",
        "ALLOWED_SERVERS": "http://prometheus.monitoring:9090, https://judge.shop,",
        "MAX_MODEL_SIZE": "5Gi",
        "REQUEST_LOG_PERCENT": "0.5",
        "CONCURRENCY": "4",
        "METRICS_PORT": "1",
        "HEALTH_PORT": "2",
        "RESYNC_SECONDS": "30",
        "DRAIN_SECONDS": "1.5",
        "LOG_LEVEL": "DEBUG",
    }.items():
        environment.setenv(f"EAGLERAY_{name}", value)
    settings = from_environment()
    untouched = ("lightgbm", "onnx", "torch", "xgboost", "onnx-gpu", "xgboost-gpu")
    assert settings.model_dump() == {
        "watch_namespaces": ("a", "b"),
        "namespace": "system",
        "pod_name": "op-1",
        "lease_name": "lease",
        "router_image": "r/router:1",
        "images": {
            **{name: f"eagleray/{name}" for name in untouched},
            "base": "r/base:1",
            "torch-gpu": "r/cuda:1",
            "sklearn": "r/sklearn:1",
        },
        "image_pull_policy": "Always",
        "image_pull_secrets": ("s1", "s2"),
        "nodes": Fleet(spotTaints=["spot"]).model_dump(),
        "pods": PodDefaults.model_validate({"runAsUser": None, "templates": {"router": {"spec": {}}}}).model_dump(),
        "require_sha256": True,
        "allowed_servers": {
            "allowed": frozenset({("http", "prometheus.monitoring", 9090), ("https", "judge.shop", 443)})
        },
        "max_model_size": 5 * 2**30,
        "request_log_percent": 0.5,
        "concurrency": 4,
        "metrics_port": 1,
        "health_port": 2,
        "resync_seconds": 30,
        "drain_seconds": 1.5,
        "log_level": "DEBUG",
    }


@pytest.mark.parametrize("name", [name.upper() for name in Settings.model_fields] + ["TORCH_IMAGE"])
def test_what_is_empty_keeps_its_default(environment: pytest.MonkeyPatch, name: str) -> None:
    # The chart sets every variable, some of them to "".
    environment.setenv(f"EAGLERAY_{name}", "")
    assert from_environment() == Settings()


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("CONCURRENCY", "many", "EAGLERAY_CONCURRENCY: Input should be a valid integer.* but it is 'many'"),
        ("CONCURRENCY", "0", "EAGLERAY_CONCURRENCY: Input should be greater than or equal to 1, but it is '0'"),
        ("NODES", '{"spotLabel": {}}', "EAGLERAY_NODES: spotLabel: Extra inputs are not permitted"),
        ("NODES", "{", "EAGLERAY_NODES: this is no JSON: Expecting property name"),
        ("PODS", "{", "EAGLERAY_PODS: this is no JSON: Expecting property name"),
        ("PODS", '{"user": 1}', "EAGLERAY_PODS: user: Extra inputs are not permitted"),
        ("PODS", '{"templates": {"workers": {"spec": {"hostPID": true}}}}', "hostPID is the operator's"),
        ("REQUIRE_SHA256", "perhaps", "EAGLERAY_REQUIRE_SHA256: Input should be a valid boolean"),
        (
            "ALLOWED_SERVERS",
            "prometheus:9090",
            "EAGLERAY_ALLOWED_SERVERS: .*'prometheus:9090' is no URL that begins with",
        ),
        ("MAX_MODEL_SIZE", "much", "EAGLERAY_MAX_MODEL_SIZE: .*'much' is not a quantity"),
        ("MAX_MODEL_SIZE", "0", "EAGLERAY_MAX_MODEL_SIZE: Input should be greater than or equal to 1"),
        ("HEALTH_PORT", "70000", "EAGLERAY_HEALTH_PORT: Input should be less than or equal to 65535"),
        ("RESYNC_SECONDS", "nan", "EAGLERAY_RESYNC_SECONDS: Input should be a finite number"),
        ("DRAIN_SECONDS", "21", "EAGLERAY_DRAIN_SECONDS: Input should be less than or equal to 20"),
        ("LOG_LEVEL", "LOUD", "EAGLERAY_LOG_LEVEL: Input should be 'DEBUG', 'INFO', 'WARNING' or 'ERROR'"),
        ("IMAGE_PULL_POLICY", "Maybe", "EAGLERAY_IMAGE_PULL_POLICY: Input should be '', 'Always', 'IfNotPresent'"),
    ],
)
def test_nonsense_is_refused_by_name(environment: pytest.MonkeyPatch, name: str, value: str, message: str) -> None:
    environment.setenv(f"EAGLERAY_{name}", value)
    with pytest.raises(SettingsError, match=message):
        from_environment()

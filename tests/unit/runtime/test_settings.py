import pytest

from eagleray.domain.fleet import Fleet
from eagleray.runtime.settings import Settings, SettingsError, from_environment


def test_an_empty_environment_gives_the_defaults() -> None:
    assert from_environment({}) == Settings()


def test_everything_is_read() -> None:
    settings = from_environment(
        {
            "EAGLERAY_WATCH_NAMESPACES": "a, b,,a",
            "EAGLERAY_NAMESPACE": "system",
            "EAGLERAY_POD_NAME": "op-1",
            "EAGLERAY_LEASE_NAME": "lease",
            "EAGLERAY_ROUTER_IMAGE": "r/router:1",
            "EAGLERAY_BASE_IMAGE": "r/base:1",
            "EAGLERAY_SKLEARN_IMAGE": "r/sklearn:1",
            "EAGLERAY_TORCH_GPU_IMAGE": "r/cuda:1",
            "EAGLERAY_IMAGE_PULL_POLICY": "Always",
            "EAGLERAY_IMAGE_PULL_SECRETS": "s1,s2",
            "EAGLERAY_NODES": '{"spotTaints": ["spot"]}',
            "EAGLERAY_REQUIRE_SHA256": "true",
            "EAGLERAY_MAX_MODEL_SIZE": "5Gi",
            "EAGLERAY_REQUEST_LOG_PERCENT": "0.5",
            "EAGLERAY_CONCURRENCY": "4",
            "EAGLERAY_METRICS_PORT": "1",
            "EAGLERAY_HEALTH_PORT": "2",
            "EAGLERAY_RESYNC_SECONDS": "30",
            "EAGLERAY_DRAIN_SECONDS": "1.5",
            "EAGLERAY_LOG_LEVEL": "DEBUG",
        }
    )
    assert settings == Settings(
        watch_namespaces=("a", "b"),
        namespace="system",
        pod_name="op-1",
        lease_name="lease",
        router_image="r/router:1",
        images={
            **{
                name: f"eagleray/{name}" for name in ("lightgbm", "onnx", "torch", "xgboost", "onnx-gpu", "xgboost-gpu")
            },
            "base": "r/base:1",
            "torch-gpu": "r/cuda:1",
            "sklearn": "r/sklearn:1",
        },
        image_pull_policy="Always",
        image_pull_secrets=("s1", "s2"),
        fleet=Fleet(spotTaints=["spot"]),
        require_sha256=True,
        max_model_bytes=5 * 2**30,
        logged_percent=0.5,
        concurrency=4,
        metrics_port=1,
        health_port=2,
        resync_seconds=30,
        drain_seconds=1.5,
        log_level="DEBUG",
    )


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("CONCURRENCY", "many", "EAGLERAY_CONCURRENCY: 'many' is not a number"),
        ("CONCURRENCY", "0", "EAGLERAY_CONCURRENCY: 0 is not between 1 and 1000"),
        ("NODES", '{"spotLabel": {}}', "EAGLERAY_NODES: spotLabel: Extra inputs are not permitted"),
        ("REQUIRE_SHA256", "yes", "EAGLERAY_REQUIRE_SHA256: 'yes' is none of false, true"),
        ("MAX_MODEL_SIZE", "much", "EAGLERAY_MAX_MODEL_SIZE: 'much' is not a quantity"),
        ("MAX_MODEL_SIZE", "0", "EAGLERAY_MAX_MODEL_SIZE: 0 is less than a byte"),
        ("HEALTH_PORT", "70000", "EAGLERAY_HEALTH_PORT: 70000 is not between 0 and 65535"),
        ("RESYNC_SECONDS", "nan", "EAGLERAY_RESYNC_SECONDS: nan is not between"),
        ("LOG_LEVEL", "LOUD", "EAGLERAY_LOG_LEVEL: 'LOUD' is none of DEBUG, ERROR, INFO, WARNING"),
        ("IMAGE_PULL_POLICY", "Maybe", "EAGLERAY_IMAGE_PULL_POLICY: 'Maybe' is none of Always, IfNotPresent, Never"),
    ],
)
def test_nonsense_is_refused_by_name(name: str, value: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        from_environment({f"EAGLERAY_{name}": value})

"""Names of revisions: an upgrade of the operator makes no new revision of what nobody has changed."""

from typing import Any

import pytest

from eagleray.api.template import VersionTemplate
from eagleray.domain.goals.revision import revision_name

CHURN = {"framework": "sklearn", "uri": "pvc://models/churn/1"}
WHOLE: dict[str, Any] = {
    "model": {**CHURN, "uri": "s3://models/churn", "sha256": "0" * 64, "credentials": {"secretName": "store"}},
    "image": "registry.example.com/churn:1",
    "imagePullSecrets": [{"name": "pull"}],
    "env": [{"name": "A", "value": "1"}, {"name": "B", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}],
    "resources": {"requests": {"cpu": "1"}, "limits": {"nvidia.com/gpu": 1, "memory": "8Gi"}},
    "batching": {"maxSize": 32, "maxWait": "50ms"},
    "concurrency": {"max": 16, "queue": 64},
    "warmup": [{"path": "/v2/models/churn/infer", "body": {"a": 1}}],
    "placement": {"accelerator": "nvidia-a10g", "spot": "Prefer", "tolerations": [{"key": "a", "operator": "Exists"}]},
    "workers": {"replicasPerPod": 2},
    "autoscaling": {"maxReplicas": 3},
}
APP = {"app": {"importPath": "a:b", "args": {"x": 1}, "deployments": [{"name": "A", "workers": {"replicasPerPod": 3}}]}}
NAMES = {
    "model": ({"model": CHURN}, "churn-default-9fe05125"),
    "whole": (WHOLE, "churn-default-b54e254d"),
    "app": (APP, "churn-default-250994a0"),
}


@pytest.mark.parametrize("what", NAMES)
def test_what_was_asked_for_before_is_called_as_before(what: str) -> None:
    fields, name = NAMES[what]
    assert revision_name("churn", "default", VersionTemplate.model_validate(fields)) == name


@pytest.mark.parametrize(
    "fields",
    [
        {"volumes": [{"name": "a", "emptyDir": {}}]},
        {"envFrom": [{"secretRef": {"name": "keys"}}]},
        {"serviceAccountName": "reader"},
        {"runtimeClassName": "nvidia"},
        {"sharedMemory": "1Gi"},
        {"caBundle": {"configMapName": "ca"}},
        {"head": {"resources": {"limits": {"cpu": "1"}}}},
        {"workers": {"podTemplate": {"metadata": {"labels": {"a": "b"}}}}},
    ],
    ids=lambda fields: next(iter(fields)),
)
def test_what_changes_a_ray_pod_is_another_revision(fields: dict[str, Any]) -> None:
    plain, other = (VersionTemplate.model_validate({"model": CHURN, **more}) for more in ({}, fields))
    assert revision_name("churn", "default", plain) != revision_name("churn", "default", other)

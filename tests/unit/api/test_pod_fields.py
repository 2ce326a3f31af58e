"""Fields of a Pod that spec has a word for: what a version takes over, and what a runtime environment may say."""

from typing import Any

import pytest
from pydantic import ValidationError

from eagleray.api.runtime_env import REFUSED_PLUGINS
from eagleray.api.serving import App
from eagleray.api.spec import ModelDeploymentSpec
from eagleray.api.template import VersionTemplate

CHURN: dict[str, Any] = {"model": {"framework": "sklearn", "uri": "pvc://models/churn/1"}}


def version_of(top: dict[str, Any], own: dict[str, Any]) -> VersionTemplate:
    versions = [{"name": "a", "weight": 100, **own}]
    (lane,) = ModelDeploymentSpec.model_validate(CHURN | top | {"versions": versions}).lanes()
    return lane.template


def test_a_version_adds_volumes_by_name_and_mounts_by_place() -> None:
    top = {
        "volumes": [{"name": "a", "emptyDir": {}}, {"name": "b", "emptyDir": {}}],
        "volumeMounts": [{"name": "a", "mountPath": "/a"}, {"name": "a", "mountPath": "/b"}],
    }
    own = {
        "volumes": [{"name": "b", "secret": {"secretName": "s"}}],
        "volumeMounts": [{"name": "b", "mountPath": "/b"}, {"name": "b", "mountPath": "/c"}],
    }
    found = version_of(top, own)
    assert found.volumes == [{"name": "a", "emptyDir": {}}, {"name": "b", "secret": {"secretName": "s"}}]
    assert [(m["name"], m["mountPath"]) for m in found.volume_mounts or []] == [("a", "/a"), ("b", "/b"), ("b", "/c")]


def test_a_versions_pod_template_is_merged_field_by_field() -> None:
    top = {"workers": {"podTemplate": {"metadata": {"labels": {"a": "1"}}, "spec": {"schedulerName": "x"}}}}
    own = {"workers": {"podTemplate": {"spec": {"containers": [{"name": "log", "image": "i", "args": ["--name=x"]}]}}}}
    workers = version_of(top, own).workers
    assert workers is not None
    assert workers.pod_template is not None
    assert workers.pod_template.metadata is not None
    assert workers.pod_template.metadata.labels == {"a": "1"}
    assert (workers.pod_template.spec or {}).keys() == {"schedulerName", "containers"}


@pytest.mark.parametrize("name", REFUSED_PLUGINS)
def test_a_runtime_environment_is_none_that_no_pod_can_have(name: str) -> None:
    with pytest.raises(ValidationError, match=f"{name}: "):
        App.model_validate({"importPath": "a:b", "runtimeEnv": {name: "x"}})


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"env_vars": {"RAY_AUTH_TOKEN": "mine"}}, "the operator sets RAY_AUTH_TOKEN itself"),
        ({"working_dir": "."}, "working_dir: . is a folder of nobody's; write the URI of an archive"),
        ({"py_modules": ["s3://a/b.zip", "lib"]}, "py_modules: lib is a folder of nobody's"),
    ],
)
def test_a_runtime_environment_is_refused(given: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        App.model_validate({"importPath": "a:b", "runtimeEnv": given})


def test_a_runtime_environment_of_packages_variables_and_archives_is_rays_to_check() -> None:
    given = {"pip": ["emoji==2.14.0"], "env_vars": {"A": "1"}, "working_dir": "https://example.com/a.zip"}
    assert App.model_validate({"importPath": "a:b", "runtimeEnv": given}).runtime_env == given

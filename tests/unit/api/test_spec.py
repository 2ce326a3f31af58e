from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from eagleray.api.crd.refused import refused_fields
from eagleray.api.spec import ModelDeployment, ModelDeploymentSpec, explain
from eagleray.api.status import ModelDeploymentStatus
from eagleray.api.template import VersionTemplate

REFUSALS: list[dict[str, Any]] = yaml.safe_load(Path(__file__).with_name("refusals.yaml").read_text(encoding="utf-8"))
CHURN: dict[str, Any] = {"model": {"framework": "sklearn", "uri": "pvc://models/churn/1"}}


def deployment(spec: dict[str, Any], name: str = "churn", **more: object) -> dict[str, Any]:
    head = {"apiVersion": "eagleray.dev/v1alpha1", "kind": "ModelDeployment"}
    return {**head, "metadata": {"name": name}, "spec": spec, **more}


def test_the_smallest_object_has_one_replica_and_an_empty_status() -> None:
    parsed = ModelDeployment.model_validate(deployment(CHURN))
    assert parsed.spec.replicas == 1
    assert parsed.status == ModelDeploymentStatus()


def test_a_null_status_is_an_empty_one() -> None:
    assert ModelDeployment.model_validate(deployment(CHURN, status=None)).status == ModelDeploymentStatus()


def test_fields_of_a_newer_operator_are_ignored() -> None:
    ModelDeployment.model_validate(deployment(CHURN | {"fromTheFuture": 1}, status={"alsoNew": []}))


def test_the_template_is_what_a_version_runs_and_nothing_else() -> None:
    spec = ModelDeploymentSpec.model_validate(CHURN | {"replicas": 4, "image": "a/b:1", "suspend": True})
    template = spec.template()
    assert type(template) is VersionTemplate
    assert (template.model, template.replicas, template.image) == (spec.model, 4, "a/b:1")
    assert "suspend" not in template.model_dump()


def test_models_are_frozen() -> None:
    spec = ModelDeploymentSpec.model_validate(CHURN)
    with pytest.raises(ValidationError, match="frozen"):
        spec.replicas = 3  # type: ignore[misc]


def test_numbers_are_quantities_too() -> None:
    resources = {"requests": {"cpu": 1, "memory": "1Gi"}, "limits": {"cpu": 1.5, "nvidia.com/gpu": 1}}
    parsed = ModelDeploymentSpec.model_validate(CHURN | {"resources": resources}).resources
    assert parsed is not None
    assert parsed.requests == {"cpu": "1", "memory": "1Gi"}
    assert parsed.limits == {"cpu": "1.5", "nvidia.com/gpu": "1"}


@pytest.mark.parametrize(("body", "method", "verb"), [(None, None, "GET"), ({}, None, "POST"), ({}, "PUT", "PUT")])
def test_warmup_posts_what_has_a_body(body: object, method: str | None, verb: str) -> None:
    request = {"path": "/", "body": body, "method": method}
    warmup = ModelDeploymentSpec.model_validate(CHURN | {"warmup": [request]}).warmup
    assert warmup is not None
    assert warmup[0].verb == verb


@pytest.mark.parametrize(
    "uri",
    [
        "pvc://models/churn/1",
        "pvc://my-claim.a/x..y",
        "file:///models/churn",
        "https://example.com/m.tgz?a=1",
        "http://x/y",
        "s3://bucket/key",
    ],
)
def test_places_of_models(uri: str) -> None:
    ModelDeploymentSpec.model_validate({"model": {"framework": "sklearn", "uri": uri}})


@pytest.mark.parametrize("case", REFUSALS, ids=lambda case: str(case["case"]))
def test_refused(case: dict[str, Any]) -> None:
    manifest = deployment(case["spec"], name=case.get("name", "case"))
    if "python" in case:
        with pytest.raises(ValidationError) as caught:
            ModelDeployment.model_validate(manifest)
        assert case["python"] in explain(caught.value)
    if case["cel"].startswith("unknown field"):
        assert case["cel"] in [f'unknown field "{name}"' for name in refused_fields(manifest)]


def test_explain_names_every_field() -> None:
    with pytest.raises(ValidationError) as caught:
        ModelDeployment.model_validate(deployment({"model": {"framework": "x", "uri": "y"}, "replicas": -1}))
    told = explain(caught.value)
    assert "spec.model.framework: " in told
    assert "spec.model.uri: model.uri starts with" in told
    assert "spec.replicas: " in told


def examples() -> list[Path]:
    return sorted((Path(__file__).parents[3] / "examples").glob("*/model.yaml"))


@pytest.mark.parametrize("path", examples(), ids=lambda path: str(path.parent.name))
def test_examples_say_nothing_that_is_refused(path: Path) -> None:
    documents = [d for d in yaml.safe_load_all(path.read_text(encoding="utf-8")) if d["kind"] == "ModelDeployment"]
    assert documents
    for manifest in documents:
        ModelDeployment.model_validate(manifest, extra="forbid")
        assert refused_fields(manifest) == []

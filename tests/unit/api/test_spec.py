import re
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
    (lane,) = spec.lanes()
    assert type(lane.template) is VersionTemplate
    assert (lane.name, lane.weight, lane.replicas) == ("default", 100, None)
    assert (lane.template.model, lane.template.image) == (spec.model, "a/b:1")
    assert "suspend" not in lane.template.model_dump()


def test_a_version_falls_back_to_the_top_level_field_by_field() -> None:
    spec = ModelDeploymentSpec.model_validate(
        {
            "model": {"framework": "sklearn", "uri": "pvc://models/churn/1", "sha256": "a" * 64},
            "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "1"}],
            "resources": {"requests": {"cpu": "1", "memory": "1Gi"}},
            "versions": [
                {"name": "v1", "weight": 80},
                {
                    "name": "v2",
                    "weight": 20,
                    "replicas": 3,
                    "model": {"uri": "pvc://models/churn/2"},
                    "env": [{"name": "B", "value": "2"}, {"name": "C", "value": "2"}],
                    "resources": {"requests": {"cpu": "2"}},
                },
            ],
        }
    )
    first, second = (lane.template for lane in spec.lanes())
    assert first.model == spec.model
    assert second.model is not None
    assert (second.model.framework, second.model.uri) == ("sklearn", "pvc://models/churn/2")
    assert second.model.sha256 is None, "a checksum belongs to the file beside it"
    assert [(e.name, e.value) for e in second.env or []] == [("A", "1"), ("B", "2"), ("C", "2")]
    assert second.resources is not None
    assert second.resources.requests == {"cpu": "2", "memory": "1Gi"}
    assert [lane.replicas for lane in spec.lanes()] == [None, 3]


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
        "s3://bucket/key",
        "gs://bucket/key",
        "az://container/blob",
        "hf://acme/churn@v2/model.joblib",
        "oci://registry.example.com:5000/models/churn:1",
        "oci://ghcr.io/acme/churn@sha256:" + 64 * "0",
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


ONE = {"framework": "sklearn", "uri": "pvc://models/churn/1", "sha256": "a" * 64}
TWO = {"framework": "sklearn", "memory": "1Gi", "models": [{"name": n, "uri": f"pvc://models/{n}/1"} for n in "ab"]}


@pytest.mark.parametrize(
    ("top", "own", "uris", "memory"),
    [
        (ONE, {"models": [{"name": "a", "uri": "pvc://models/a/2"}]}, ("pvc://models/a/2",), None),
        (TWO, {"uri": "pvc://models/churn/2"}, ("pvc://models/churn/2",), None),
        (
            TWO,
            {"models": [{"name": "b", "uri": "pvc://models/b/2"}, {"name": "c", "uri": "pvc://models/c/1"}]},
            ("pvc://models/a/1", "pvc://models/b/2", "pvc://models/c/1"),
            "1Gi",
        ),
        (TWO, {"output": "Both"}, ("pvc://models/a/1", "pvc://models/b/1"), "1Gi"),
    ],
)
def test_a_version_has_one_model_or_several_by_name(
    top: dict[str, Any], own: dict[str, Any], uris: tuple[str, ...], memory: str | None
) -> None:
    spec = ModelDeploymentSpec.model_validate({"model": top, "versions": [{"name": "v", "weight": 100, "model": own}]})
    (lane,) = spec.lanes()
    assert lane.template.model is not None
    assert (lane.template.model.uris, lane.template.model.memory) == (uris, memory)
    assert lane.template.model.sha256 is None


DOCS = Path(__file__).parents[3] / "docs"
BLOCKS = [
    pytest.param(block, id=f"{page.stem}-{number}")
    for page in sorted(DOCS.rglob("*.md"))
    for number, block in enumerate(re.findall(r"^```yaml\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE))
    if "kind: ModelDeployment" in block
]


@pytest.mark.parametrize("block", BLOCKS)
def test_a_manifest_of_the_docs_is_taken(block: str) -> None:
    for manifest in yaml.safe_load_all(block):
        ModelDeployment.model_validate(manifest)

from typing import Any

import pytest

from eagleray.api.template import VersionTemplate
from eagleray.domain.facts.problem import InvalidSpecError
from eagleray.domain.goals.installation import Installation

STRICT = Installation({"sklearn": "s:1", "base": "b:1"}, require_sha256=True)


def template(**model: Any) -> VersionTemplate:
    return VersionTemplate.model_validate({"model": {"framework": "sklearn", **model}} if model else {})


def test_a_model_without_its_checksum_is_refused_where_that_is_demanded() -> None:
    with pytest.raises(InvalidSpecError, match=r"model\.sha256: this operator serves no model without it"):
        STRICT.check(template(uri="pvc://models/m/1"))
    Installation({}).check(template(uri="pvc://models/m/1"))


def test_each_of_several_models_needs_its_checksum() -> None:
    named = [{"name": "a", "uri": "s3://m/a", "sha256": "0" * 64}, {"name": "b", "uri": "file:///opt/b"}]
    STRICT.check(template(models=named))
    with pytest.raises(InvalidSpecError, match=r"model\.sha256: this operator serves no model without it"):
        STRICT.check(template(models=[*named, {"name": "c", "uri": "s3://m/c"}]))


@pytest.mark.parametrize("uri", ["oci://registry/m:1", "oci://registry/m@sha256:1", "s3://m/@sha256:" + 64 * "0"])
def test_what_names_no_digest_needs_its_checksum_too(uri: str) -> None:
    with pytest.raises(InvalidSpecError, match="name an artifact of a registry by its digest"):
        STRICT.check(template(uri=uri))


@pytest.mark.parametrize(
    "model",
    [
        {"uri": "s3://m/1", "sha256": "0" * 64},
        {"uri": "file:///opt/m"},
        {"uri": "oci://registry/m:1@sha256:" + 64 * "0"},
        {},
    ],
)
def test_a_checksum_an_image_a_digest_and_an_app_pass(model: dict[str, Any]) -> None:
    STRICT.check(template(**model))


def test_the_image_is_that_of_spec_or_of_the_framework() -> None:
    assert STRICT.image(template(uri="pvc://models/m/1")) == "s:1"
    assert STRICT.image(template()) == "b:1"
    assert STRICT.image(VersionTemplate.model_validate({"image": "own:1"})) == "own:1"
    with pytest.raises(InvalidSpecError, match="has no image for 'onnx'; use one of sklearn, or set spec"):
        STRICT.image(VersionTemplate.model_validate({"model": {"framework": "onnx", "uri": "pvc://m/1"}}))


@pytest.mark.parametrize(
    ("framework", "limits", "image"),
    [
        ("torch", {"nvidia.com/gpu": "1"}, "t:gpu"),
        ("torch", {"nvidia.com/gpu": "0.5"}, "t:gpu"),
        ("torch", {"nvidia.com/mig-1g.10gb": "1"}, "t:gpu"),
        ("torch", {"nvidia.com/gpu": "0"}, "t:cpu"),
        ("torch", {"amd.com/gpu": "1"}, "t:cpu"),
        ("torch", {"memory": "1Gi"}, "t:cpu"),
        ("sklearn", {"nvidia.com/gpu": "1"}, "s:1"),
    ],
)
def test_a_model_that_asks_for_gpus_gets_the_image_with_cuda(
    framework: str, limits: dict[str, str], image: str
) -> None:
    model = {"framework": framework, "uri": "pvc://m/1"}
    asked = VersionTemplate.model_validate({"model": model, "resources": {"limits": limits}})
    assert Installation({"torch": "t:cpu", "torch-gpu": "t:gpu", "sklearn": "s:1"}).image(asked) == image


@pytest.mark.parametrize(
    ("share", "per_pod", "remedy"),
    [
        ("0.5", 2, ""),
        ("0.25", 4, ""),
        ("1", 3, ""),
        ("1.5", 2, ""),
        ("0.5", 1, "2"),
        ("0.3", 2, "10"),
        ("0.25", 6, "4"),
    ],
)
def test_shares_of_gpus_are_to_add_up_in_a_pod(share: str, per_pod: int, remedy: str) -> None:
    resources = {"limits": {"nvidia.com/gpu": share}}
    asked = VersionTemplate.model_validate({"resources": resources, "workers": {"replicasPerPod": per_pod}})
    if not remedy:
        STRICT.check(asked)
        return
    with pytest.raises(InvalidSpecError, match=rf"a Pod gets whole ones; write workers\.replicasPerPod: {remedy}$"):
        STRICT.check(asked)

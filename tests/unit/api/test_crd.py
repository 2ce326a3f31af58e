import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from eagleray.api.crd.manifest import chart_template, crd, root_schema
from eagleray.api.crd.schema import compile_model
from eagleray.api.generate import OUTPUTS, ROOT, main, stale, write
from eagleray.api.spec import ModelDeploymentSpec
from eagleray.api.status import ModelDeploymentStatus

WORKING = {
    *("placement.accelerator", "placement.spot", "placement.onDemandMin"),
    *("model.credentials.secretName", "model.cache.claimName"),
    *("model.models[].name", "model.models[].uri", "model.models[].sha256", "model.memory"),
    *("model.class", "model.args", "model.signature.inputs[].shape"),
    *("model.framework", "model.uri", "model.sha256", "app.importPath", "app.args"),
    *("image", "imagePullPolicy", "imagePullSecrets[].name", "replicas"),
    *("env[].name", "env[].value", "env[].valueFrom.secretKeyRef.name", "env[].valueFrom.secretKeyRef.key"),
    *("resources.requests", "resources.limits", "batching.maxSize", "batching.maxWait"),
    *("concurrency.max", "concurrency.queue", "requestTimeout", "workers.replicasPerPod"),
    *("streamTimeout.firstByte", "streamTimeout.silence"),
    *("warmup[].path", "warmup[].method", "warmup[].headers", "warmup[].body"),
    *("placement.affinity", "placement.spread[].maxSkew", "placement.priorityClassName"),
    *("placement.nodeSelector", "placement.tolerations[].key", "placement.tolerations[].effect"),
    *("versions[].name", "versions[].weight", "versions[].model.uri", "versions[].resources.limits"),
    *(
        "traffic.rules[].header.regex",
        "traffic.rules[].query.prefix",
        "traffic.sticky.cookie",
        "traffic.mirror.percent",
        "traffic.mirror.compare",
        "traffic.mirror.tolerance.relative",
        "traffic.mirror.bodies",
    ),
    *("traffic.versionHeader", "rollout.strategy", "rollout.steps[].setWeight", "rollout.steps[].pause.duration"),
    *("rollout.steps[].setReplicas", "rollout.steps[].analysis.metrics[].max", "rollout.analysis.failureLimit"),
    *("rollout.maxSurge", "rollout.progressDeadlineSeconds", "rollout.abortScaleDownDelaySeconds"),
    *("router.maxRequestBytes", "router.trustedHops", "router.cors.allowOrigins", "router.cors.maxAge"),
    *("volumes[].name", "volumeMounts[].mountPath", "envFrom[].secretRef.name", "serviceAccountName", "caBundle.key"),
    *("runtimeClassName", "sharedMemory", "app.runtimeEnv", "head.resources.limits", "head.podTemplate.spec"),
    *("workers.podTemplate.metadata.labels", "router.podTemplate.spec", "versions[].workers.podTemplate.spec"),
    "revisionHistoryLimit",
}
LATER = {
    *("head.storage", "router.replicas", "versions[].requestTimeout"),
}


def fields(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    for name, field in schema.get("properties", {}).items():
        where = f"{path}.{name}".lstrip(".")
        yield where, field
        yield from fields(field, where)
        yield from fields(field.get("items", {}), f"{where}[]")


def nodes(value: object) -> Iterator[object]:
    yield value
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for child in children:
        yield from nodes(child)


def spec_fields() -> dict[str, dict[str, Any]]:
    return dict(fields(root_schema()["properties"]["spec"]))


def test_everything_that_works_is_in_the_schema() -> None:
    assert WORKING - spec_fields().keys() == set()


def test_nothing_that_comes_later_is_in_the_schema() -> None:
    assert LATER & spec_fields().keys() == set()


def test_everything_that_comes_later_is_typed() -> None:
    assert LATER - dict(fields(compile_model(ModelDeploymentSpec, later=True))).keys() == set()


def test_the_status_tells_all_that_is_decided() -> None:
    names = {name for name, _ in fields(compile_model(ModelDeploymentStatus, defaults=False))}
    assert names >= {"scaling[].metrics[].missingSince", "scaling[].changes[].from", "scaling[].recommendations[].at"}
    assert names >= {"observedGeneration", "conditions[].reason", "selector", "revisions[].failure.count"}
    assert names >= {"rollouts[].stepStartedAt", "rollouts[].analysis[].verdict", "split[].slots"}
    assert names >= {"mirror.agreement", "mirror.samples[].path"}


@pytest.mark.parametrize("model", [ModelDeploymentSpec, ModelDeploymentStatus])
def test_every_field_is_described(model: type[ModelDeploymentSpec | ModelDeploymentStatus]) -> None:
    undescribed = [name for name, field in fields(compile_model(model, later=True)) if not field.get("description")]
    assert undescribed == []


def test_only_constants_of_the_contract_have_defaults() -> None:
    defaults = {name: field["default"] for name, field in fields(root_schema()) if "default" in field}
    assert defaults == {"spec.replicas": 1, "spec.workers.replicasPerPod": 1}


def test_the_crd_has_no_empty_arrays_and_no_false() -> None:
    assert [value for value in nodes(crd()) if value == [] or value is False] == []


def test_the_crd_fits_into_an_annotation() -> None:
    """`kubectl apply` keeps it there as compact JSON, with <, > and & as Go writes them."""
    stored = json.dumps(crd(), separators=(",", ":"))
    assert len(stored) + sum(5 * stored.count(sign) for sign in "<>&") < 256 * 1024


def test_every_rule_has_a_sentence() -> None:
    rules = [v for v in nodes(crd()) if isinstance(v, dict) and "rule" in v]
    assert len(rules) > 20
    assert all(len(rule["message"].split()) > 3 for rule in rules)


def test_names_columns_and_subresources() -> None:
    spec = crd()["spec"]
    version = spec["versions"][0]
    assert spec["names"]["shortNames"] == ["md"]
    assert spec["names"]["categories"] == ["all"]
    columns = [c["name"].upper() for c in version["additionalPrinterColumns"] if not c.get("priority")]
    assert columns == ["READY", "REPLICAS", "TRAFFIC", "ROLLOUT", "URL", "REASON", "AGE"]
    scale = version["subresources"]["scale"]
    known = {f".{name}" for name, _ in fields(root_schema())}
    assert set(scale.values()) <= known


def test_the_chart_copy_is_the_crd_behind_its_switches() -> None:
    text = chart_template()
    assert text.splitlines()[1] == "{{- if .Values.crds.install }}"
    assert text.endswith("{{- end }}\n")
    plain = "\n".join(line for line in text.splitlines() if "{{" not in line)
    manifest = yaml.safe_load(plain)
    assert manifest["metadata"].pop("annotations") == {"helm.sh/resource-policy": "keep"}
    assert manifest == crd()


def test_generated_files_are_fresh() -> None:
    assert stale(ROOT) == [], "run `python -m eagleray.api.generate`"


def test_generation_writes_what_is_stale_and_only_that(tmp_path: Path) -> None:
    assert stale(tmp_path) == [*OUTPUTS]
    assert write(tmp_path) == [*OUTPUTS]
    assert stale(tmp_path) == []
    name = next(iter(OUTPUTS))
    (tmp_path / name).write_text("old", encoding="utf-8")
    assert write(tmp_path) == [name]


def test_check_tells_by_its_exit_status() -> None:
    assert main(["--check"]) == 0

"""The Job of a batch prediction: golden as a whole, and each rule by itself."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from eagleray.domain.facts import labels
from eagleray.domain.facts.problem import InvalidSpecError
from eagleray.domain.goals.fleet import Fleet
from eagleray.domain.goals.revision import Revision
from eagleray.kube.kinds import CHILD_LABELS
from eagleray.resources.batch import Batch, build_batch_job
from eagleray.resources.pdb import build_worker_pdb
from eagleray.resources.pod import PodSettings
from eagleray.resources.service import build_revision_service
from eagleray.resources.worker import WorkerPlace, build_worker_pod

GOLDEN = Path(__file__).parents[2] / "golden" / "batch-job.json"
FLEET = Fleet.model_validate(
    {"accelerators": {"a10g": {"cloud/gpu": ["a10g"]}}, "acceleratorTaints": ["nvidia.com/gpu"]}
)
SETTINGS = PodSettings("IfNotPresent", ("pull",), 5, FLEET)
LIVE = {"apiVersion": "eagleray.dev/v1alpha1", "kind": "ModelDeployment", "metadata": {"name": "churn", "uid": "u-1"}}
MakeRevision = Callable[..., Revision]
MakeJob = Callable[..., dict[str, Any]]


@pytest.fixture
def job(make_revision: MakeRevision) -> MakeJob:
    def build(input_: str = "s3://in/rows", output: str = "s3://out/1", **fields: Any) -> dict[str, Any]:
        asked = {name: fields.pop(name) for name in ("parallelism", "credentials", "options") if name in fields}
        return build_batch_job(make_revision(**fields), Batch("nightly", input_, output, **asked), LIVE, SETTINGS)

    return build


def pod(job: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = job["spec"]["template"]["spec"]
    return found


def answering(job: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = pod(job)["containers"][0]
    return found


def test_golden(job: MakeJob) -> None:
    built = job(
        "pvc://rows/today",
        "pvc://answers/today",
        model={"framework": "sklearn", "uri": "s3://models/churn/1", "credentials": {"secretName": "store"}},
        env=[{"name": "PROXY", "value": "http://proxy"}],
        batching={"maxSize": 64},
        options=("--on-error", "skip"),
    )
    text = json.dumps(built, indent=1) + "\n"
    if os.environ.get("EAGLERAY_GOLDEN") == "write":
        GOLDEN.write_text(text)
    assert text == GOLDEN.read_text()


def test_no_selector_of_ours_takes_it_for_a_child(job: MakeJob, make_revision: MakeRevision) -> None:
    revision, carried = make_revision(), job()["spec"]["template"]["metadata"]["labels"]
    budget, service = build_worker_pdb(revision, {}, 1), build_revision_service(revision, {})
    selected = dict(part.split("=") for part in labels.selector("churn").split(","))
    for selector in (CHILD_LABELS, budget["spec"]["selector"]["matchLabels"], service["spec"]["selector"], selected):
        assert any(carried.get(name) != value for name, value in selector.items() if value), selector


def test_it_goes_with_its_model_and_holds_up_nothing(job: MakeJob) -> None:
    assert job()["metadata"]["ownerReferences"] == [
        {"apiVersion": "eagleray.dev/v1alpha1", "kind": "ModelDeployment", "name": "churn", "uid": "u-1"}
    ]


def test_it_runs_where_and_as_workers_do(job: MakeJob, make_revision: MakeRevision) -> None:
    fields = {"placement": {"accelerator": "a10g", "nodeSelector": {"zone": "a"}, "priorityClassName": "low"}}
    revision = make_revision(**fields)
    worker = build_worker_pod(revision, WorkerPlace(revision.groups[0], 1, 0), {}, SETTINGS)["spec"]
    found = pod(job(**fields))
    alike = ("securityContext", "nodeSelector", "tolerations", "affinity", "priorityClassName", "imagePullSecrets")
    for name in (*alike, "automountServiceAccountToken", "restartPolicy", "enableServiceLinks", "initContainers"):
        assert found[name] == worker[name], name
    for name in ("image", "imagePullPolicy", "securityContext"):
        assert found["containers"][0][name] == worker["containers"][0][name]


def test_copies_of_the_model_and_what_ray_needs(job: MakeJob) -> None:
    resources = {"requests": {"cpu": "2", "memory": "1Gi"}, "limits": {"memory": "2Gi", "nvidia.com/gpu": 1}}
    found = answering(job(resources=resources, parallelism=2))
    assert found["resources"] == {
        "requests": {"cpu": "4250m", "memory": "3584Mi", "nvidia.com/gpu": "2", "ephemeral-storage": "1Gi"},
        "limits": {"memory": "5632Mi", "nvidia.com/gpu": "2"},
    }
    args = found["args"]
    assert [args[args.index(f"--{name}") + 1] for name in ("parallelism", "cpus", "gpus")] == ["2", "2", "1.0"]
    assert {"name": "EAGLERAY_DEVICE", "value": "gpu"} in found["env"]


def test_shares_of_a_gpu_that_make_no_whole_one(job: MakeJob) -> None:
    with pytest.raises(InvalidSpecError, match="whole"):
        job(resources={"limits": {"nvidia.com/gpu": "0.5"}}, workers={"replicasPerPod": 2}, parallelism=3)


def test_a_claim_that_is_read_and_written_is_mounted_once(job: MakeJob) -> None:
    built = job("pvc://both/in", "pvc://both/out")
    mounts = [m for m in answering(built)["volumeMounts"] if m["mountPath"].startswith("/mnt/batch")]
    assert mounts == [{"name": "claim-0", "mountPath": "/mnt/batch/both"}]


@pytest.mark.parametrize(("given", "secret"), [(None, "store"), ("rows", "rows")])
def test_credentials(given: str | None, secret: str, job: MakeJob) -> None:
    model = {"framework": "sklearn", "uri": "s3://models/churn/1", "credentials": {"secretName": "store"}}
    assert answering(job(model=model, credentials=given))["envFrom"] == [{"secretRef": {"name": secret}}]


def test_kubernetes_puts_no_variable_into_an_argument(job: MakeJob) -> None:
    assert "s3://in/$$(HOME)" in answering(job("s3://in/$(HOME)"))["args"]


def test_an_application_answers_no_rows(job: MakeJob) -> None:
    with pytest.raises(ValueError, match="application"):
        job(app={"importPath": "a:b"})


def test_settings_of_pods_are_read_back() -> None:
    assert PodSettings.read(SETTINGS.text()) == SETTINGS
    with pytest.raises(ValueError, match="not the settings"):
        PodSettings.read("{}")

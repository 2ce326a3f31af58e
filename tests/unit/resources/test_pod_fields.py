"""Fields of a Pod that spec has a word for."""

from typing import Any

import pytest

from eagleray.api.env import FIXED_VARIABLES
from eagleray.domain.actions.actions import PutApplication
from eagleray.domain.facts.problem import InvalidSpecError
from eagleray.domain.goals.installation import Installation
from eagleray.domain.goals.pod_defaults import PodDefaults
from eagleray.resources.application import build_application
from eagleray.resources.pod import PodSettings
from eagleray.resources.volumes import CA_FOLDER, CA_VARIABLES
from unit.resources.built import (
    MakeRevision,
    Manifest,
    all_containers,
    batch_pod,
    head_pod,
    ray_pods,
    router_pods,
    worker_pod,
)

CLAIM = {"name": "data", "persistentVolumeClaim": {"claimName": "data"}}
SETTINGS_VOLUME = {"name": "settings", "configMap": {"name": "settings"}}
MOUNTS = [{"name": "data", "mountPath": "/data"}, {"name": "settings", "mountPath": "/settings"}]


def container(pod: Manifest, name: str) -> dict[str, Any]:
    (found,) = (c for c in all_containers(pod) if c["name"] == name)
    return found


def variables(pod: Manifest, name: str) -> dict[str, Any]:
    return {each["name"]: each.get("value") for each in container(pod, name)["env"]}


def test_volumes_are_where_the_model_and_its_download_are(make_revision: MakeRevision) -> None:
    revision = make_revision(volumes=[CLAIM, SETTINGS_VOLUME], volumeMounts=MOUNTS)
    for pod, names in ((worker_pod(revision), ("ray", "fetch")), (batch_pod(revision), ("batch", "fetch"))):
        assert [v for v in pod["spec"]["volumes"] if v in (CLAIM, SETTINGS_VOLUME)] == [CLAIM, SETTINGS_VOLUME]
        for name in names:
            assert container(pod, name)["volumeMounts"][-2:] == MOUNTS


def test_a_head_has_the_volumes_that_every_node_can_have(make_revision: MakeRevision) -> None:
    pod = head_pod(make_revision(volumes=[CLAIM, SETTINGS_VOLUME], volumeMounts=MOUNTS))
    assert SETTINGS_VOLUME in pod["spec"]["volumes"]
    assert CLAIM not in pod["spec"]["volumes"]
    assert container(pod, "ray")["volumeMounts"][-1:] == MOUNTS[1:]
    assert MOUNTS[0] not in container(pod, "ray")["volumeMounts"]


def test_a_mount_of_no_volume_is_refused(make_revision: MakeRevision) -> None:
    with pytest.raises(InvalidSpecError, match="/settings is of a volume 'settings', and volumes has data; write the"):
        Installation({}).check(make_revision(volumes=[CLAIM], volumeMounts=MOUNTS).template)


def test_sources_of_variables_come_before_the_secret_of_the_download(make_revision: MakeRevision) -> None:
    given = [{"secretRef": {"name": "keys"}}, {"prefix": "A_", "configMapRef": {"name": "settings", "optional": True}}]
    model = {"framework": "sklearn", "uri": "s3://m/1", "credentials": {"secretName": "store"}}
    revision = make_revision(envFrom=given, model=model)
    assert container(head_pod(revision), "ray")["envFrom"] == given
    assert container(worker_pod(revision), "ray")["envFrom"] == given
    for pod, name in ((worker_pod(revision), "fetch"), (batch_pod(revision), "batch")):
        assert container(pod, name)["envFrom"] == [*given, {"secretRef": {"name": "store"}}]
    # `env` wins over `envFrom`, whoever wrote it: what nobody else may set cannot come in this way.
    assert set(FIXED_VARIABLES) <= variables(worker_pod(revision), "ray").keys()


def test_the_service_account_is_that_of_all_pods_of_the_image(make_revision: MakeRevision) -> None:
    revision = make_revision(serviceAccountName="reader")
    for pod in (head_pod(revision), worker_pod(revision), batch_pod(revision)):
        assert pod["spec"]["serviceAccountName"] == "reader"
        assert pod["spec"]["automountServiceAccountToken"] is False


def test_the_runtime_class_is_that_of_pods_with_replicas(make_revision: MakeRevision) -> None:
    revision = make_revision(runtimeClassName="nvidia")
    assert worker_pod(revision)["spec"]["runtimeClassName"] == "nvidia"
    assert batch_pod(revision)["spec"]["runtimeClassName"] == "nvidia"
    assert "runtimeClassName" not in head_pod(revision)["spec"]


@pytest.mark.parametrize(
    ("asked", "requests", "limits"),
    [
        ({}, {"cpu": "250m", "memory": "1536Mi"}, {"memory": "2Gi"}),
        ({"limits": {"cpu": "1"}}, {"cpu": "250m", "memory": "1536Mi"}, {"memory": "2Gi", "cpu": "1"}),
        ({"requests": {"memory": "4Gi"}}, {"cpu": "250m", "memory": "4Gi"}, {"memory": "4Gi"}),
        ({"limits": {"cpu": "100m"}}, {"cpu": "100m", "memory": "1536Mi"}, {"memory": "2Gi", "cpu": "100m"}),
        (
            {"requests": {"cpu": "2", "memory": "3Gi"}, "limits": {"memory": "5Gi"}},
            {"cpu": "2", "memory": "3Gi"},
            {"memory": "5Gi"},
        ),
    ],
)
def test_a_head_has_what_spec_says_over_what_it_needs(
    asked: dict[str, Any], requests: dict[str, str], limits: dict[str, str], make_revision: MakeRevision
) -> None:
    resources = container(head_pod(make_revision(head={"resources": asked})), "ray")["resources"]
    assert resources == {"requests": {**requests, "ephemeral-storage": "1Gi"}, "limits": limits}


def test_shared_memory_is_on_top_of_the_replicas(make_revision: MakeRevision) -> None:
    resources = {"limits": {"memory": "1Gi"}}
    plain, more = (worker_pod(make_revision(resources=resources, **f)) for f in ({}, {"sharedMemory": "1152Mi"}))
    assert {v["name"]: v for v in more["spec"]["volumes"]}["shm"]["emptyDir"]["sizeLimit"] == "1152Mi"
    assert container(plain, "ray")["resources"]["limits"]["memory"] == "1344Mi"
    assert container(more, "ray")["resources"]["limits"]["memory"] == "2368Mi"
    assert f"--object-store-memory={1152 * 2**20 * 3 // 5}" in container(more, "ray")["args"]
    assert "--object-store-memory=80000000" in container(plain, "ray")["args"]
    memory = [a for a in container(more, "ray")["args"] if a.startswith("--memory=")]
    assert memory == [f"--memory={2**30}"], "Ray counts what replicas have"
    head = head_pod(make_revision(sharedMemory="1152Mi"))
    assert "--object-store-memory=80000000" in container(head, "ray")["args"], "no replica runs there"


def test_workers_are_spread_over_nodes_where_that_can_be_had(make_revision: MakeRevision) -> None:
    (spread,) = worker_pod(make_revision())["spec"]["topologySpreadConstraints"]
    assert (spread["topologyKey"], spread["whenUnsatisfiable"]) == ("kubernetes.io/hostname", "ScheduleAnyway")
    placements: list[dict[str, Any]] = [{"spread": []}, {"spot": "Prefer"}]
    for nothing in placements:
        assert "topologySpreadConstraints" not in worker_pod(make_revision(placement=nothing))["spec"]
    assert "topologySpreadConstraints" not in head_pod(make_revision())["spec"]


def test_certificates_reach_whatever_asks_outside(make_revision: MakeRevision) -> None:
    revision = make_revision(caBundle={"configMapName": "corporate-ca"})
    pods = (("ray", head_pod), ("ray", worker_pod), ("fetch", worker_pod), ("batch", batch_pod))
    for name, build in pods:
        pod = build(revision)
        assert variables(pod, name).items() >= CA_VARIABLES.items()
        assert {"name": "ca-bundle", "mountPath": CA_FOLDER, "readOnly": True} in container(pod, name)["volumeMounts"]
        volume = {v["name"]: v for v in pod["spec"]["volumes"]}["ca-bundle"]
        assert volume["configMap"] == {"name": "corporate-ca", "items": [{"key": "ca.crt", "path": "ca.crt"}]}


def test_an_objects_certificates_and_variables_win_over_the_clusters(make_revision: MakeRevision) -> None:
    told = {"env": {"HTTPS_PROXY": "http://proxy:3128", "HOME": "/home"}, "caBundle": {"configMapName": "all"}}
    settings = PodSettings(defaults=PodDefaults.model_validate(told))
    plain = worker_pod(make_revision(), settings)
    assert {v["name"]: v for v in plain["spec"]["volumes"]}["ca-bundle"]["configMap"]["name"] == "all"
    assert variables(plain, "fetch").items() >= {**told["env"], **CA_VARIABLES}.items()
    own = make_revision(
        caBundle={"secretName": "mine", "key": "bundle.pem"}, env=[{"name": "HTTPS_PROXY", "value": "http://mine"}]
    )
    pod = worker_pod(own, settings)
    volume = {v["name"]: v for v in pod["spec"]["volumes"]}["ca-bundle"]
    assert volume["secret"] == {"secretName": "mine", "items": [{"key": "bundle.pem", "path": "ca.crt"}]}
    assert variables(pod, "fetch")["HTTPS_PROXY"] == "http://mine"


def test_the_user_is_left_to_the_namespace(make_revision: MakeRevision) -> None:
    settings = PodSettings(defaults=PodDefaults(run_as_user=None))
    revision = make_revision()
    pods = [head_pod(revision, settings), worker_pod(revision, settings), batch_pod(revision, settings)]
    for pod in [*pods, *(pod for _, pod in router_pods(settings=settings))]:
        assert pod["spec"]["securityContext"].keys() == {"runAsNonRoot", "seccompProfile"}


def test_without_a_word_every_pod_has_the_user_of_the_images(make_revision: MakeRevision) -> None:
    for _, pod in [*ray_pods(make_revision), *router_pods()]:
        context = pod["spec"]["securityContext"]
        assert (context["runAsUser"], context["runAsGroup"]) == (12345, 12345)


def test_an_application_gets_its_runtime_environment(make_revision: MakeRevision) -> None:
    given = {"env_vars": {"A": "1"}, "pip": ["emoji==2.14.0"]}
    revision = make_revision(app={"importPath": "a:b", "runtimeEnv": given})
    (application,) = build_application(revision, PutApplication(revision.name, "", {"app": 1}))["applications"]
    assert application["runtime_env"] == given
    plain = make_revision(app={"importPath": "a:b"})
    (application,) = build_application(plain, PutApplication(plain.name, "", {"app": 1}))["applications"]
    assert "runtime_env" not in application


@pytest.mark.parametrize(
    "told",
    [
        {"env": {"RAY_AUTH_TOKEN": "x"}},
        {"env": {"a-b": "x"}},
        {"runAsUser": 0},
        {"user": 1},
        {"caBundle": {"key": "a"}},
    ],
)
def test_nonsense_of_the_cluster_is_refused(told: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="validation error"):
        PodDefaults.model_validate(told)

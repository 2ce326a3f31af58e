"""Head and worker Pods: golden as a whole, and each rule by itself."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from eagleray.domain.actions.actions import PutApplication
from eagleray.domain.facts.patience import LONGEST_SECONDS, MIN_DRAIN_SECONDS, patience_for
from eagleray.domain.facts.ports import replica_ports
from eagleray.domain.goals.revision import Revision
from eagleray.resources.application import build_application
from eagleray.resources.head import build_head_pod
from eagleray.resources.pod import PodSettings
from eagleray.resources.worker import WorkerPlace, build_worker_pod

GOLDEN = Path(__file__).parents[2] / "golden" / "ray-pods.json"
MakeRevision = Callable[..., Revision]
SETTINGS = PodSettings("IfNotPresent")
GPU = {"limits": {"nvidia.com/gpu": 1, "memory": "8Gi"}}
PLACEMENT = {
    "nodeSelector": {"accelerator": "a10g", "kubernetes.io/arch": "arm64"},
    "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}],
}


def env(pod: dict[str, Any], container: int = 0) -> dict[str, str | None]:
    return {e["name"]: e.get("value") for e in pod["spec"]["containers"][container]["env"]}


def ray(pod: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = pod["spec"]["containers"][0]
    return found


@pytest.fixture
def head(make_revision: MakeRevision, owner: dict[str, Any]) -> Callable[..., dict[str, Any]]:
    return lambda **fields: build_head_pod(make_revision(**fields), 2, owner, SETTINGS)


@pytest.fixture
def worker(make_revision: MakeRevision, owner: dict[str, Any]) -> Callable[..., dict[str, Any]]:
    def build(settings: PodSettings = SETTINGS, **fields: object) -> dict[str, Any]:
        revision = make_revision(**fields)
        return build_worker_pod(revision, WorkerPlace(revision.groups[0], 2, 1), owner, settings)

    return build


def test_golden(head: Callable[..., Any], worker: Callable[..., Any]) -> None:
    """Set EAGLERAY_GOLDEN=write to take over what is rendered now."""
    fields = {"resources": GPU, "placement": PLACEMENT, "workers": {"replicasPerPod": 2}}
    rendered = json.dumps([head(**fields), worker(**fields)], indent=2, ensure_ascii=False) + "\n"
    if os.environ.get("EAGLERAY_GOLDEN") == "write":
        GOLDEN.write_text(rendered)
    assert rendered == GOLDEN.read_text()


def test_a_worker_says_which_nodes_it_was_kept_off(make_revision: MakeRevision, owner: dict[str, Any]) -> None:
    revision = make_revision()
    settings = PodSettings(leaving=("n1", "n2"))
    found = build_worker_pod(revision, WorkerPlace(revision.groups[0], 2, 1), owner, settings)
    assert found["metadata"]["annotations"]["eagleray.dev/kept-off-nodes"] == "n1,n2"


@pytest.mark.parametrize("kind", ["head", "worker"])
def test_pods_pass_the_restricted_policy(kind: str, request: pytest.FixtureRequest) -> None:
    spec = request.getfixturevalue(kind)()["spec"]
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert spec["automountServiceAccountToken"] is False
    for container in [*spec["containers"], *spec.get("initContainers", [])]:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
    assert all(v.keys() & {"emptyDir", "persistentVolumeClaim"} for v in spec["volumes"])


@pytest.mark.parametrize("kind", ["head", "worker"])
def test_what_a_pod_writes_to_its_node_is_asked_for_and_has_an_end(kind: str, request: pytest.FixtureRequest) -> None:
    spec = request.getfixturevalue(kind)()["spec"]
    assert all("sizeLimit" in v["emptyDir"] for v in spec["volumes"] if "emptyDir" in v)
    assert all("ephemeral-storage" in c["resources"]["requests"] for c in spec["containers"])


def test_what_is_said_of_disk_room_is_what_is_asked_for(worker: Callable[..., Any]) -> None:
    limited = ray(worker(resources={"limits": {"ephemeral-storage": "500Mi"}}))["resources"]
    assert limited["limits"]["ephemeral-storage"] == "500Mi"
    assert limited["requests"].get("ephemeral-storage", "500Mi") == "500Mi"
    asked = ray(worker(resources={"requests": {"ephemeral-storage": "40Gi"}}))["resources"]
    assert asked["requests"]["ephemeral-storage"] == "40Gi"


@pytest.mark.parametrize("kind", ["head", "worker"])
def test_every_mount_has_its_volume(kind: str, request: pytest.FixtureRequest) -> None:
    spec = request.getfixturevalue(kind)()["spec"]
    volumes = {v["name"] for v in spec["volumes"]}
    containers = [*spec["containers"], *spec.get("initContainers", [])]
    assert {m["name"] for c in containers for m in c["volumeMounts"]} == volumes


def test_worker_finds_the_head_of_its_own_incarnation(head: Callable[..., Any], worker: Callable[..., Any]) -> None:
    spec, meta = head()["spec"], head()["metadata"]
    host = f"{spec['hostname']}.{spec['subdomain']}.{meta['namespace']}.svc"
    assert f"--address={host}:6379" in ray(worker())["args"]
    assert meta["name"].endswith("-head-2")
    assert worker()["metadata"]["name"].endswith("-w2-1")


@pytest.mark.parametrize(
    ("resources", "per_pod", "cpus", "gpus", "requests"),
    [
        (None, 1, 1, 0, {"cpu": "550m", "memory": "832Mi"}),
        ({"requests": {"cpu": "500m", "memory": "1Gi"}}, 3, 3, 0, {"cpu": "1550m", "memory": "3392Mi"}),
        ({"requests": {"cpu": "1500m", "memory": "1Gi"}}, 2, 4, 0, {"cpu": "3050m", "memory": "2368Mi"}),
        (GPU, 1, 1, 1, {"cpu": "550m", "memory": "8512Mi", "nvidia.com/gpu": "1"}),
        (
            {"limits": {"nvidia.com/gpu": "0.5"}},
            2,
            2,
            1,
            {"cpu": "1050m", "memory": "1344Mi", "nvidia.com/gpu": "1"},
        ),
        (
            {"requests": {"nvidia.com/gpu": 2}, "limits": {"cpu": "2"}},
            1,
            2,
            2,
            {"cpu": "2050m", "memory": "832Mi", "nvidia.com/gpu": "2"},
        ),
    ],
)
def test_exactly_replicas_per_pod_fit(
    resources: dict[str, Any] | None,
    per_pod: int,
    cpus: int,
    gpus: int,
    requests: dict[str, str],
    make_revision: MakeRevision,
    owner: dict[str, Any],
) -> None:
    revision = make_revision(resources=resources, workers={"replicasPerPod": per_pod})
    pod = build_worker_pod(revision, WorkerPlace(revision.groups[0], 0, 0), owner, PodSettings())
    put = PutApplication(revision.name, "", {"Model": 1})
    options = build_application(revision, put)["applications"][0]["deployments"][0]["ray_actor_options"]
    args = dict(a[2:].split("=", 1) for a in ray(pod)["args"] if "=" in a)
    assert (int(args["num-cpus"]), int(args["num-gpus"])) == (cpus, gpus)
    assert int(args["num-cpus"]) == per_pod * options["num_cpus"]
    assert int(args["num-gpus"]) == per_pod * options.get("num_gpus", 0)
    assert int(args["memory"]) == per_pod * options["memory"]
    assert ray(pod)["resources"]["requests"] == requests | {"ephemeral-storage": "1Gi"}


def test_devices_are_limited_where_they_are_requested(worker: Callable[..., Any]) -> None:
    resources = ray(worker(resources={"requests": {"nvidia.com/gpu": 1}}))["resources"]
    assert resources["limits"] == {"nvidia.com/gpu": "1"}


def test_credentials_are_of_the_download_alone(worker: Callable[..., Any]) -> None:
    model = {"framework": "sklearn", "uri": "s3://models/churn", "credentials": {"secretName": "keys-of-s3"}}
    spec = worker(model=model)["spec"]
    assert spec["initContainers"][0]["envFrom"] == [{"secretRef": {"name": "keys-of-s3"}}]
    assert "keys-of-s3" not in str(spec["containers"])


def test_only_the_download_has_a_cache(worker: Callable[..., Any]) -> None:
    model = {"framework": "sklearn", "uri": "s3://models/churn", "sha256": "0" * 64, "cache": {"claimName": "kept"}}
    spec = worker(model=model)["spec"]
    fetch, ray_mounts = ({m["name"] for m in c["volumeMounts"]} for c in (*spec["initContainers"], *spec["containers"]))
    assert "cache" in fetch
    assert "cache" not in ray_mounts, "the model is a copy in the volume of the Pod"
    assert {"name": "cache", "persistentVolumeClaim": {"claimName": "kept"}} in spec["volumes"]
    assert spec["initContainers"][0]["command"][-2:] == ["--cache", "/mnt/cache"]


def test_a_download_needs_no_device(worker: Callable[..., Any]) -> None:
    fetch = worker(resources=GPU)["spec"]["initContainers"][0]
    assert "nvidia.com/gpu" not in fetch["resources"]["limits"] | fetch["resources"]["requests"]


def test_without_a_memory_limit_ray_does_not_watch_the_nodes_memory(worker: Callable[..., Any]) -> None:
    assert env(worker())["RAY_memory_monitor_refresh_ms"] == "0"
    assert env(worker(resources=GPU))["RAY_memory_monitor_refresh_ms"] == "50"


def test_replicas_listen_on_the_ports_that_the_router_asks(
    head: Callable[..., Any], worker: Callable[..., Any]
) -> None:
    for pod in (head(workers={"replicasPerPod": 3}), worker(workers={"replicasPerPod": 3})):
        first = int(env(pod)["RAY_SERVE_DIRECT_INGRESS_MIN_HTTP_PORT"] or "")
        end = int(env(pod)["RAY_SERVE_DIRECT_INGRESS_MAX_HTTP_PORT"] or "")
        assert tuple(range(first, end)) == replica_ports(3)


def test_placement_is_for_workers(head: Callable[..., Any], worker: Callable[..., Any]) -> None:
    spec = worker(placement=PLACEMENT)["spec"]
    assert spec["nodeSelector"] == PLACEMENT["nodeSelector"]
    assert spec["tolerations"] == PLACEMENT["tolerations"]
    spec = head(placement=PLACEMENT)["spec"]
    assert spec["nodeSelector"] == {"kubernetes.io/arch": "arm64"}
    assert "tolerations" not in spec


def test_spread_counts_the_pods_of_its_group_alone(worker: Callable[..., Any]) -> None:
    spread = {"topologyKey": "topology.kubernetes.io/zone", "maxSkew": 1, "whenUnsatisfiable": "DoNotSchedule"}
    affinity: dict[str, Any] = {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": []}}
    pod = worker(placement={"spread": [spread], "affinity": affinity})
    (constraint,) = pod["spec"]["topologySpreadConstraints"]
    counted = constraint.pop("labelSelector")["matchLabels"]
    assert constraint == spread
    assert counted.items() <= pod["metadata"]["labels"].items()
    assert {"eagleray.dev/revision", "eagleray.dev/group", "eagleray.dev/role"} <= counted.keys()
    assert pod["spec"]["affinity"] == affinity


def test_a_head_has_the_priority_of_its_workers(head: Callable[..., Any], worker: Callable[..., Any]) -> None:
    for build in (head, worker):
        assert build(placement={"priorityClassName": "high"})["spec"]["priorityClassName"] == "high"
        assert "priorityClassName" not in build()["spec"]


@pytest.mark.parametrize("request_timeout", [0.05, 60, 300, 3600, 10**6])
def test_a_pod_outlives_its_drain_and_that_the_longest_request(
    request_timeout: float, worker: Callable[..., Any]
) -> None:
    pod = worker(settings=PodSettings(request_timeout=request_timeout))
    drain = int(env(pod)["RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S"] or "")
    shutdown = patience_for(request_timeout).shutdown or 0
    assert shutdown >= min(request_timeout, LONGEST_SECONDS) + MIN_DRAIN_SECONDS
    # The replicas that are to take over have half a minute before the first one is stopped.
    assert drain >= shutdown + 30
    assert pod["spec"]["terminationGracePeriodSeconds"] >= drain + 15


@pytest.mark.parametrize(
    ("template", "settings", "policy", "secrets"),
    [
        ({}, PodSettings(), None, None),
        ({}, PodSettings("Always", ("a", "b")), "Always", ["a", "b"]),
        (
            {"imagePullPolicy": "Never", "imagePullSecrets": [{"name": "b"}]},
            PodSettings("Always", ("a", "b")),
            "Never",
            ["b", "a"],
        ),
    ],
)
def test_pulling(
    template: dict[str, Any],
    settings: PodSettings,
    policy: str | None,
    secrets: list[str] | None,
    make_revision: MakeRevision,
    owner: dict[str, Any],
) -> None:
    revision = make_revision(**template)
    for pod in (
        build_head_pod(revision, 0, owner, settings),
        build_worker_pod(revision, WorkerPlace(revision.groups[0], 0, 0), owner, settings),
    ):
        assert ray(pod).get("imagePullPolicy") == policy
        names = [s["name"] for s in pod["spec"].get("imagePullSecrets", [])]
        assert names == (secrets or [])


def test_an_app_has_no_model_to_fetch(worker: Callable[..., Any]) -> None:
    spec = worker(app={"importPath": "square.app:build"})["spec"]
    assert "initContainers" not in spec
    assert {v["name"] for v in spec["volumes"]} == {"tmp", "shm"}


def test_each_deployment_of_an_app_has_pods_of_its_own_size_and_place(
    make_revision: MakeRevision, owner: dict[str, Any]
) -> None:
    scorer = {"name": "Scorer", "resources": GPU, "workers": {"replicasPerPod": 2}}
    revision = make_revision(
        app={"importPath": "a:b", "deployments": [{"name": "Preprocess"}, scorer]},
        resources={"requests": {"cpu": "250m"}},
        placement={"nodeSelector": {"disk": "fast"}},
    )
    first, second = (
        build_worker_pod(revision, WorkerPlace(group, 0, 0), owner, PodSettings()) for group in revision.groups
    )
    assert first["metadata"]["labels"]["eagleray.dev/group"] == "Preprocess"
    assert ray(first)["resources"]["requests"]["cpu"] == "300m"
    assert not [name for name in ray(first)["resources"]["limits"] if "gpu" in name]
    assert "--labels=eagleray.dev/group=Scorer" in ray(second)["args"]
    assert ray(second)["resources"]["limits"]["nvidia.com/gpu"] == "2"
    assert first["spec"]["nodeSelector"] == second["spec"]["nodeSelector"] == {"disk": "fast"}

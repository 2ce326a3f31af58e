"""The head Pod of a revision: GCS, dashboard with Serve's REST API, and Serve's controller; never a replica."""

from typing import Any

from eagleray.api.placement import HEAD_MEMORY
from eagleray.domain.facts.ports import HEAD_DASHBOARD, HEAD_GCS
from eagleray.domain.goals.own_resources import over_own
from eagleray.domain.goals.revision import Revision
from eagleray.resources.env import env_from, head_env
from eagleray.resources.names import head_hostname, head_name, service_name
from eagleray.resources.placement import forbid_spot, prefer_lasting
from eagleray.resources.pod import (
    METRICS_PORT,
    RAY_CONTAINER,
    PodIdentity,
    PodSettings,
    build_pod,
    container,
    http_probe,
    priority_class,
    ray_node_args,
    ray_start,
    scratch_mounts,
    scratch_volumes,
)
from eagleray.resources.pod_template import with_ray_templates
from eagleray.resources.sizes import DISK, POD_DISK
from eagleray.resources.volumes import head_volumes

# Measured: 0.8 GiB at rest with one application, 1.2 GiB at most while it starts; below 1.5 GiB Serve's API hangs.
_RESOURCES = {"requests": {"cpu": "250m", "memory": HEAD_MEMORY, DISK: POD_DISK}, "limits": {"memory": "2Gi"}}
_HEALTH = "/api/gcs_healthz"
# The head ends soon: its workers go on serving without it.
_GRACE_SECONDS = 15
# But not before workers that are deleted with it have told it so: Ray has them wait a minute and a half for an answer.
_LAST_WORDS_SECONDS = 5
# Which kind of machine the image runs on, unlike what the model wants of it.
_MACHINE_LABELS = frozenset({"kubernetes.io/arch", "kubernetes.io/os"})


def build_head_pod(revision: Revision, incarnation: int, owner: dict[str, Any], pod: PodSettings) -> dict[str, Any]:
    """Build the head Pod of an incarnation.

    Placement is for workers: it names accelerators and the taints of the nodes that have them, and a head that took
    up such a node would waste it. Only the machine's architecture and system count for both, and whether spot nodes are
    forbidden; where they are not, a head rather runs on others: with it goes the whole cluster.

    Args:
        revision: the revision.
        incarnation: number of the Ray cluster.
        owner: reference to the ModelDeployment.
        pod: the operator's settings.
    """
    told = revision.template.head
    spec = {
        "hostname": head_hostname(incarnation),
        "subdomain": service_name(revision.name),
        "terminationGracePeriodSeconds": _GRACE_SECONDS,
        "containers": [_ray(revision, pod)],
        "volumes": [*scratch_volumes(pod), *head_volumes(revision, pod.defaults).volumes],
        **_node_selector(revision),
        **_affinity(revision, pod),
        **priority_class(revision.template.placement),
    }
    identity = PodIdentity(head_name(revision, incarnation), "head", incarnation)
    found = build_pod(revision, identity, owner, pod, spec)
    return with_ray_templates(found, pod.defaults.templates.head, told.pod_template if told else None)


def _ray(revision: Revision, pod: PodSettings) -> dict[str, Any]:
    told = revision.template.head
    return container(
        revision,
        RAY_CONTAINER,
        pod,
        command=ray_start(),
        args=[
            "--head",
            "--num-cpus=0",
            "--num-gpus=0",
            "--no-monitor",
            f"--port={HEAD_GCS}",
            "--dashboard-host=0.0.0.0",
            f"--dashboard-port={HEAD_DASHBOARD}",
            *ray_node_args(),
        ],
        **env_from(revision),
        env=head_env(revision, pod.defaults),
        ports=[
            {"name": "gcs", "containerPort": HEAD_GCS, "protocol": "TCP"},
            {"name": "dashboard", "containerPort": HEAD_DASHBOARD, "protocol": "TCP"},
            {"name": "metrics", "containerPort": METRICS_PORT, "protocol": "TCP"},
        ],
        resources=over_own(told.resources if told else None, _RESOURCES),
        volumeMounts=[*scratch_mounts(), *head_volumes(revision, pod.defaults).mounts],
        lifecycle={"preStop": {"sleep": {"seconds": _LAST_WORDS_SECONDS}}},
        startupProbe=http_probe(HEAD_DASHBOARD, _HEALTH, period=2, failures=150),
        readinessProbe=http_probe(HEAD_DASHBOARD, _HEALTH, period=5, failures=6),
        livenessProbe=http_probe(HEAD_DASHBOARD, _HEALTH, period=10, failures=12),
    )


def _node_selector(revision: Revision) -> dict[str, Any]:
    placement = revision.template.placement
    chosen = (placement and placement.node_selector) or {}
    kept = {name: value for name, value in chosen.items() if name in _MACHINE_LABELS}
    return {"nodeSelector": kept} if kept else {}


def _affinity(revision: Revision, pod: PodSettings) -> dict[str, Any]:
    placement = revision.template.placement
    forbidden = placement is not None and placement.spot == "Forbid"
    found = forbid_spot(pod.fleet) if forbidden else prefer_lasting(pod.fleet)
    return {"affinity": found} if found else {}

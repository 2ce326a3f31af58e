"""A worker Pod of a revision: one Ray node, just large enough for its replicas."""

from dataclasses import dataclass
from typing import Any

from eagleray.api.placement import Placement
from eagleray.domain.facts import labels
from eagleray.domain.facts.patience import drain_seconds
from eagleray.domain.goals.groups import WorkerGroup
from eagleray.domain.goals.revision import Revision
from eagleray.domain.goals.sizes import replica_size
from eagleray.resources.env import TMP, env_from, fetch_env, worker_env
from eagleray.resources.labels import labels as pod_labels
from eagleray.resources.names import head_address, worker_name
from eagleray.resources.placement import node_placement
from eagleray.resources.pod import (
    AGENT_PORT,
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
    runtime_class,
    scratch_mounts,
    scratch_volumes,
)
from eagleray.resources.pod_template import with_ray_templates
from eagleray.resources.references import references_containers
from eagleray.resources.shared_memory import more_memory
from eagleray.resources.sizes import pod_resources
from eagleray.resources.storage import FETCH_CONTAINER, ModelStorage, model_storage
from eagleray.resources.volumes import own_volumes

# The raylet's own answer: it stays good when the head is gone, as the replicas do.
_HEALTH = "/api/local_raylet_healthz"
# What `ray start` needs, after its drain, to end the processes that are left.
_END_SECONDS = 20
# A node that is lost takes no more of the replicas with it than need be; a cluster of one node is no reason to wait.
_OVER_NODES = {"maxSkew": 1, "topologyKey": "kubernetes.io/hostname", "whenUnsatisfiable": "ScheduleAnyway"}


@dataclass(frozen=True, slots=True)
class WorkerPlace:
    """Where a worker Pod belongs.

    Attributes:
        group: its worker group.
        incarnation: number of the Ray cluster that it joins.
        index: its number within the incarnation.
    """

    group: WorkerGroup
    incarnation: int
    index: int


def build_worker_pod(revision: Revision, place: WorkerPlace, owner: dict[str, Any], pod: PodSettings) -> dict[str, Any]:
    """Build a worker Pod of an incarnation.

    Args:
        revision: the revision.
        place: where the Pod belongs.
        owner: reference to the ModelDeployment.
        pod: the operator's settings.
    """
    group, incarnation = place.group, place.incarnation
    storage = model_storage(revision.template.model, pod.max_model_bytes) if revision.template.model else None
    spec: dict[str, Any] = {
        "terminationGracePeriodSeconds": drain_seconds(pod.request_timeout) + _END_SECONDS,
        "containers": [_ray(revision, group, incarnation, pod, storage)],
        "volumes": [
            *scratch_volumes(pod, revision),
            *(storage.volumes if storage else ()),
            *own_volumes(revision, pod.defaults).volumes,
        ],
        **_placement(revision, group, pod),
        **runtime_class(revision),
    }
    first = [fetch_container(revision, group, pod, storage)] if storage else []
    if first := [*first, *references_containers(revision, pod, _first_resources(revision, group))]:
        spec["initContainers"] = first
    identity = PodIdentity(worker_name(revision, incarnation, place.index), "worker", incarnation, group.name)
    found = build_pod(revision, identity, owner, pod, spec)
    if group.placement is not None and group.placement.accelerator:
        found["metadata"]["annotations"][labels.ACCELERATOR_ANNOTATION] = group.placement.accelerator
    if group.on_demand:
        found["metadata"]["annotations"][labels.CAPACITY_ANNOTATION] = labels.ON_DEMAND
    if pod.leaving:
        found["metadata"]["annotations"][labels.KEPT_OFF_ANNOTATION] = ",".join(pod.leaving)
    return with_ray_templates(found, pod.defaults.templates.workers, group.pod_template)


def _ray(
    revision: Revision, group: WorkerGroup, incarnation: int, pod: PodSettings, storage: ModelStorage | None
) -> dict[str, Any]:
    size, count = replica_size(group), group.replicas_per_pod
    resources = pod_resources(group, more_memory(revision))
    return container(
        revision,
        RAY_CONTAINER,
        pod,
        command=ray_start(),
        args=[
            f"--address={head_address(revision, incarnation)}",
            f"--num-cpus={size.cpus * count}",
            f"--num-gpus={int(size.gpus * count)}",
            f"--memory={size.memory * count}",
            f"--labels={labels.GROUP}={group.name}",
            *ray_node_args(revision),
        ],
        **env_from(revision),
        env=worker_env(
            revision, group, pod.request_timeout, pod.defaults, memory_limited="memory" in resources["limits"]
        ),
        ports=[{"name": "metrics", "containerPort": METRICS_PORT, "protocol": "TCP"}],
        resources=resources,
        volumeMounts=[
            *scratch_mounts(),
            *(storage.server_mounts if storage else ()),
            *own_volumes(revision, pod.defaults).mounts,
        ],
        startupProbe=http_probe(AGENT_PORT, _HEALTH, period=2, failures=300),
        readinessProbe=http_probe(AGENT_PORT, _HEALTH, period=5, failures=6),
        livenessProbe=http_probe(AGENT_PORT, _HEALTH, period=10, failures=12),
    )


def fetch_container(revision: Revision, group: WorkerGroup, pod: PodSettings, storage: ModelStorage) -> dict[str, Any]:
    """Build the init container that brings the model into a Pod.

    Args:
        revision: the revision.
        group: the worker group that the Pod is made of.
        pod: the operator's settings.
        storage: what the model adds to the Pod.
    """
    return container(
        revision,
        FETCH_CONTAINER,
        pod,
        command=list(storage.command),
        **env_from(revision, storage.secrets),
        env=fetch_env(revision, storage.variables, pod.defaults),
        resources=_first_resources(revision, group),
        volumeMounts=[
            {"name": "tmp", "mountPath": TMP},
            *storage.fetch_mounts,
            *own_volumes(revision, pod.defaults).mounts,
        ],
    )


def _first_resources(revision: Revision, group: WorkerGroup) -> dict[str, dict[str, str]]:
    """What containers may use that end before the main one: what it may, without devices."""
    of_main = pod_resources(group, more_memory(revision))
    return {kind: {name: n for name, n in amounts.items() if "/" not in name} for kind, amounts in of_main.items()}


def _placement(revision: Revision, group: WorkerGroup, pod: PodSettings) -> dict[str, Any]:
    placement = group.placement
    found: dict[str, Any] = priority_class(placement) | node_placement(placement, pod.fleet, pod.leaving)
    if spreads := _spreads(placement):
        alike = {"matchLabels": pod_labels(revision, "worker", group=group.name)}
        found["topologySpreadConstraints"] = [spread | {"labelSelector": alike} for spread in spreads]
    return found


def _spreads(placement: Placement | None) -> list[dict[str, Any]]:
    """How workers are spread: as spec says; or else over nodes, but where some are preferred.

    The scheduler weighs both alike, so that one of two workers would be on a node that is not preferred.
    """
    if placement and placement.spread is not None:
        return [spread.model_dump(mode="json", by_alias=True) for spread in placement.spread]
    return [] if placement and placement.spot == "Prefer" else [_OVER_NODES]

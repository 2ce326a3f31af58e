"""A batch prediction: a Job that answers files of rows with the model of a revision, in one Pod of its image."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from eagleray.domain.facts import labels
from eagleray.domain.goals.groups import WorkerGroup
from eagleray.domain.goals.revision import Revision
from eagleray.domain.goals.sizes import replica_size
from eagleray.resources.application import model_args
from eagleray.resources.env import batch_env, env_from
from eagleray.resources.owner import dependent_on
from eagleray.resources.placement import node_placement
from eagleray.resources.pod import (
    PodSettings,
    container,
    priority_class,
    restricted,
    runtime_class,
    scratch_mounts,
    scratch_volumes,
)
from eagleray.resources.pod_template import with_ray_templates
from eagleray.resources.shared_memory import more_memory
from eagleray.resources.sizes import BATCH_OVERHEAD, pod_resources
from eagleray.resources.storage import ModelStorage, literal, model_storage
from eagleray.resources.volumes import own_volumes
from eagleray.resources.worker import fetch_container

BATCH_CONTAINER = "batch"
KEPT_SECONDS = 7 * 24 * 3600
# Parts that are finished are not done again: a Pod that is lost costs what it was at.
TRIES = 4
# The exit status by which the container says that trying again will not help.
REFUSED = 2
_CLAIMS = "/mnt/batch"


@dataclass(frozen=True, slots=True)
class Batch:
    """What a batch prediction is to do.

    Attributes:
        name: name of the Job.
        input: URI of the rows.
        output: URI of the answers.
        parallelism: how many copies of the model answer; None for as many as a worker Pod has replicas.
        credentials: Secret whose entries are variables of the container; None for that of the model.
        options: further options of the container's command.
    """

    name: str
    input: str
    output: str
    parallelism: int | None = None
    credentials: str | None = None
    options: tuple[str, ...] = ()


def build_batch_job(
    revision: Revision, batch: Batch, model_deployment: Mapping[str, Any], settings: PodSettings
) -> dict[str, Any]:
    """Build the Job.

    Args:
        revision: the revision that answers.
        batch: what it is to do.
        model_deployment: the ModelDeployment as it lives; the Job goes with it.
        settings: the operator's.

    Raises:
        ValueError: the revision is no saved model.
        InvalidSpecError: so many copies of the model do not add up to whole GPUs.
    """
    carried = {
        labels.MANAGED_BY: labels.BATCH_MANAGER,
        labels.BATCH: revision.model,
        labels.VERSION: revision.version,
        labels.REVISION: revision.name,
    }
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": batch.name,
            "namespace": revision.namespace,
            "labels": carried,
            "ownerReferences": [dependent_on(model_deployment)],
        },
        "spec": {
            "backoffLimit": TRIES,
            "ttlSecondsAfterFinished": KEPT_SECONDS,
            "podFailurePolicy": {"rules": _FAILURES},
            "template": _with_templates(revision, settings, {"labels": carried}, _pod(revision, batch, settings)),
        },
    }


_FAILURES = [
    {"action": "FailJob", "onExitCodes": {"containerName": BATCH_CONTAINER, "operator": "In", "values": [REFUSED]}},
    # A node that goes is no try.
    {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
]


def _with_templates(
    revision: Revision, settings: PodSettings, metadata: dict[str, Any], spec: dict[str, Any]
) -> dict[str, Any]:
    """The Pod with the templates of workers, but for containers beside ours: with those it would never end."""
    (group,) = revision.groups
    found = with_ray_templates(
        {"metadata": metadata, "spec": spec}, settings.defaults.templates.workers, group.pod_template
    )
    return {**found, "spec": {**found["spec"], "containers": found["spec"]["containers"][: len(spec["containers"])]}}


def _pod(revision: Revision, batch: Batch, settings: PodSettings) -> dict[str, Any]:
    model = revision.template.model
    if model is None:
        raise ValueError("an application has no model that could answer rows")
    (group,) = revision.groups
    group = replace(group, replicas_per_pod=batch.parallelism or group.replicas_per_pod)
    group.check()
    storage = model_storage(model, settings.max_model_bytes)
    claims = _claims(batch)
    volumes = [
        {"name": f"claim-{place}", "persistentVolumeClaim": {"claimName": claim}} for place, claim in enumerate(claims)
    ]
    return {
        **restricted(revision, settings),
        **priority_class(group.placement),
        **node_placement(group.placement, settings.fleet, ()),
        **runtime_class(revision),
        "initContainers": [fetch_container(revision, group, settings, storage)],
        "containers": [_container(revision, group, batch, settings, storage)],
        "volumes": [
            *scratch_volumes(settings, revision),
            *storage.volumes,
            *volumes,
            *own_volumes(revision, settings.defaults).volumes,
        ],
    }


def _container(
    revision: Revision, group: WorkerGroup, batch: Batch, settings: PodSettings, storage: ModelStorage
) -> dict[str, Any]:
    mounts = [
        {"name": f"claim-{place}", "mountPath": f"{_CLAIMS}/{claim}", **({} if written else {"readOnly": True})}
        for place, (claim, written) in enumerate(_claims(batch).items())
    ]
    secrets = (batch.credentials,) if batch.credentials else storage.secrets
    return container(
        revision,
        BATCH_CONTAINER,
        settings,
        command=["python", "-m", "eagleray_serving.batch"],
        args=[literal(arg) for arg in _args(revision, group, batch)],
        **env_from(revision, secrets),
        env=batch_env(revision, group, settings.defaults),
        resources=pod_resources(group, more_memory(revision), BATCH_OVERHEAD),
        volumeMounts=[
            *scratch_mounts(),
            *storage.server_mounts,
            *mounts,
            *own_volumes(revision, settings.defaults).mounts,
        ],
    )


def _args(revision: Revision, group: WorkerGroup, batch: Batch) -> Iterable[str]:
    size, model = replica_size(group), revision.template.model
    told = json.dumps(model_args(revision, model), separators=(",", ":")) if model else ""
    yield from ("--model", told, "--revision", revision.name, "--input", batch.input, "--output", batch.output)
    yield from ("--parallelism", str(group.replicas_per_pod), "--cpus", str(size.cpus), "--pvc-root", _CLAIMS)
    yield from (("--gpus", str(float(size.gpus))) if size.gpus else ())
    yield from batch.options


def _claims(batch: Batch) -> dict[str, bool]:
    """The claims that are mounted, and whether they are written to."""
    found = {}
    for uri, written in ((batch.input, False), (batch.output, True)):
        parts = urlsplit(uri)
        if parts.scheme == "pvc":
            found[parts.netloc] = written
    return found

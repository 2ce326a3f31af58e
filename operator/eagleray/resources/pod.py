"""What head and worker Pods have in common."""

import json
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any, Self

from eagleray.api.placement import Placement
from eagleray.api.units import format_bytes
from eagleray.domain.actions.router_config import DEFAULT_TIMEOUT_SECONDS
from eagleray.domain.facts.ports import RAYLET
from eagleray.domain.goals.fleet import Fleet
from eagleray.domain.goals.installation import MAX_MODEL_BYTES
from eagleray.domain.goals.pod_defaults import PodDefaults
from eagleray.domain.goals.revision import Revision
from eagleray.resources.env import TMP
from eagleray.resources.labels import labels
from eagleray.resources.shared_memory import object_store_bytes, shared_memory

RAY_CONTAINER = "ray"
AGENT_PORT = 52365
METRICS_PORT = 8080
_RAY_START = files("eagleray.resources").joinpath("ray_start.py").read_text("utf-8")


@dataclass(frozen=True, slots=True)
class PodSettings:
    """What the operator's own settings, and its object, say of every Pod that is made.

    Attributes:
        image_pull_policy: for images whose policy the object does not name; "" = Kubernetes' own rule.
        image_pull_secrets: names of Secrets to pull images with.
        max_model_bytes: the most that a model may have, as it is downloaded and unpacked.
        fleet: what labels and taints of nodes mean.
        leaving: nodes that are about to go.
        request_timeout: the longest time for one request, in seconds.
        defaults: what holds for every Pod, where its object says nothing else.
    """

    image_pull_policy: str = ""
    image_pull_secrets: tuple[str, ...] = ()
    max_model_bytes: int = MAX_MODEL_BYTES
    fleet: Fleet = field(default_factory=Fleet)
    leaving: tuple[str, ...] = ()
    request_timeout: float = DEFAULT_TIMEOUT_SECONDS
    defaults: PodDefaults = field(default_factory=PodDefaults)

    def text(self) -> str:
        """What lasts of them, as JSON."""
        lasting = {
            "imagePullPolicy": self.image_pull_policy,
            "imagePullSecrets": self.image_pull_secrets,
            "maxModelBytes": self.max_model_bytes,
            "fleet": self.fleet.model_dump(mode="json", by_alias=True, exclude_defaults=True),
            "defaults": self.defaults.model_dump(mode="json", by_alias=True, exclude_defaults=True),
        }
        return json.dumps(lasting, separators=(",", ":"), sort_keys=True)

    @classmethod
    def read(cls, text: str) -> Self:
        """Read them back.

        Raises:
            ValueError: it is not what `text` gives: another version of the operator wrote it.
        """
        try:
            found = json.loads(text)
            return cls(
                image_pull_policy=found["imagePullPolicy"],
                image_pull_secrets=tuple(found["imagePullSecrets"]),
                max_model_bytes=found["maxModelBytes"],
                fleet=Fleet.model_validate(found["fleet"]),
                defaults=PodDefaults.model_validate(found["defaults"]),
            )
        except (KeyError, TypeError) as e:
            raise ValueError(f"not the settings of Pods: {text}") from e


@dataclass(frozen=True, slots=True)
class PodIdentity:
    """Which of a revision's Pods it is.

    Attributes:
        name: the Pod's name.
        role: head or worker.
        incarnation: number of the Ray cluster.
        group: of a worker, its worker group.
    """

    name: str
    role: str
    incarnation: int
    group: str | None = None


def priority_class(placement: Placement | None) -> dict[str, str]:
    """Build the field with the priority class of a Pod; nothing where spec names none."""
    name = placement and placement.priority_class_name
    return {"priorityClassName": name} if name else {}


def build_pod(
    revision: Revision, identity: PodIdentity, owner: dict[str, Any], settings: PodSettings, spec: dict[str, Any]
) -> dict[str, Any]:
    """Build a Ray Pod around `spec`, which wins where both say something.

    Args:
        revision: the revision that the Pod belongs to.
        identity: which Pod of it.
        owner: reference to the ModelDeployment.
        settings: the operator's.
        spec: containers, volumes and whatever else is particular to the role.
    """
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": identity.name,
            "namespace": revision.namespace,
            "labels": labels(revision, identity.role, identity.incarnation, identity.group),
            # Argo CD would call a Pod that is never restarted a job, and its success progress.
            "annotations": {"argocd.argoproj.io/ignore-restart-policy": "true"},
            "ownerReferences": [owner],
        },
        "spec": {**restricted(revision, settings), **spec},
    }


def restricted(revision: Revision, settings: PodSettings) -> dict[str, Any]:
    """Build what every Pod of the revision's image has in its spec: no rights, and secrets to pull the image with.

    Args:
        revision: the revision.
        settings: the operator's.
    """
    user = settings.defaults.run_as_user
    group = {} if user is None else {"fsGroup": user, "fsGroupChangePolicy": "OnRootMismatch"}
    account = revision.template.service_account_name
    return {
        "restartPolicy": "Never",
        "enableServiceLinks": False,
        "automountServiceAccountToken": False,
        "securityContext": {
            "runAsNonRoot": True,
            **settings.defaults.identity(),
            **group,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        **({"serviceAccountName": account} if account else {}),
        **_pull_secrets(revision, settings),
    }


def container(revision: Revision, name: str, settings: PodSettings, **fields: Any) -> dict[str, Any]:  # noqa: ANN401
    """Build a container of the revision's image with no rights and a read-only root.

    Args:
        revision: the revision.
        name: the container's name.
        settings: the operator's.
        fields: everything else, by Kubernetes' names.
    """
    policy = revision.template.image_pull_policy or settings.image_pull_policy
    return locked_down(name, revision.image, policy, **fields)


def locked_down(name: str, image: str, policy: str, **fields: Any) -> dict[str, Any]:  # noqa: ANN401
    """Build a container with no rights and a read-only root.

    Args:
        name: the container's name.
        image: its image.
        policy: when it is pulled; "" = Kubernetes' own rule.
        fields: everything else, by Kubernetes' names.
    """
    return {
        "name": name,
        "image": image,
        **({"imagePullPolicy": policy} if policy else {}),
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        **fields,
    }


def runtime_class(revision: Revision) -> dict[str, str]:
    """Build the field with the runtime class of a Pod that has replicas; nothing where spec names none."""
    name = revision.template.runtime_class_name
    return {"runtimeClassName": name} if name else {}


def scratch_volumes(settings: PodSettings, revision: Revision | None = None) -> list[dict[str, Any]]:
    """The writable volumes of a Ray Pod: its temporary folder, and memory for the object store and others.

    Args:
        settings: the operator's; what an application downloads by itself lands in the temporary folder.
        revision: the revision whose replicas run there; None for a Pod without any.
    """
    return [
        {"name": "tmp", "emptyDir": {"sizeLimit": format_bytes(settings.max_model_bytes)}},
        {"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": shared_memory(revision)}},
    ]


def scratch_mounts() -> list[dict[str, Any]]:
    """Where the Ray container has the writable volumes."""
    return [{"name": "tmp", "mountPath": TMP}, {"name": "shm", "mountPath": "/dev/shm"}]  # noqa: S108 -- a mount


def ray_start() -> list[str]:
    """The command that stands for `ray start`, for the Python of any image that has Ray."""
    return ["python3", "-c", _RAY_START, "start"]


def ray_node_args(revision: Revision | None = None) -> list[str]:
    """Arguments of `ray start` on every node: nothing that is not used, and every port where policies expect it.

    Args:
        revision: the revision whose replicas run there; None for a node without any.
    """
    return [
        "--block",
        "--node-ip-address=$(POD_IP)",
        f"--temp-dir={TMP}/ray",
        "--include-log-monitor=False",
        f"--object-store-memory={object_store_bytes(revision)}",
        "--object-manager-port=8076",
        f"--node-manager-port={RAYLET}",
        "--min-worker-port=10002",
        "--max-worker-port=10101",
        f"--dashboard-agent-listen-port={AGENT_PORT}",
        "--dashboard-agent-grpc-port=52366",
        "--runtime-env-agent-port=52367",
        f"--metrics-export-port={METRICS_PORT}",
    ]


def http_probe(port: int, path: str, period: int, failures: int) -> dict[str, Any]:
    """Build a probe. Ray's own health answers are slow on a busy node: only many misses in a row mean anything.

    Args:
        port: the port.
        path: the path.
        period: seconds between two tries.
        failures: misses in a row that count.
    """
    return {
        "httpGet": {"port": port, "path": path},
        "periodSeconds": period,
        "timeoutSeconds": 5,
        "failureThreshold": failures,
    }


def _pull_secrets(revision: Revision, settings: PodSettings) -> dict[str, Any]:
    own = [s.name for s in revision.template.image_pull_secrets or []]
    names = dict.fromkeys([*own, *settings.image_pull_secrets])
    return {"imagePullSecrets": [{"name": name} for name in names]} if names else {}

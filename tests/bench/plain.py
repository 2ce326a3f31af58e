"""The same application without an operator: a head Pod, worker Pods and a Service made by hand, and one REST PUT."""

import json
from typing import Any

from e2e.client import LOCKED_DOWN, RESTRICTED
from e2e.cluster import Manifest

NAME = "plain"
WORKERS = 2
# What the operator gives its Pods, so that the two differ in nothing but how they are started and reached.
_RESOURCES = {
    "head": {"requests": {"cpu": "250m", "memory": "1536Mi"}, "limits": {"memory": "2Gi"}},
    "worker": {"requests": {"cpu": "250m", "memory": "768Mi"}},
}


def manifests(namespace: str, image: str) -> list[Manifest]:
    """Everything that a person would apply. Ray as it comes: no flags but those without which it does not work."""
    head = ["ray", "start", "--head", "--block", "--num-cpus=0", "--dashboard-host=0.0.0.0", "--temp-dir=/tmp/ray"]
    worker = ["ray", "start", "--block", f"--address={NAME}-head.{namespace}.svc:6379", "--num-cpus=1"]
    return [
        _service(namespace, f"{NAME}-head", "head", headless=True),
        _service(namespace, NAME, "worker", headless=False),
        _pod(namespace, f"{NAME}-head", "head", image, head),
        *(_pod(namespace, f"{NAME}-worker-{i}", "worker", image, worker) for i in range(WORKERS)),
    ]


def applications() -> str:
    """The body of the PUT."""
    deployment = {"name": "Square", "num_replicas": WORKERS, "max_replicas_per_node": 1}
    application: dict[str, Any] = {"name": "square", "route_prefix": "/", "import_path": "square:app"}
    return json.dumps({"applications": [{**application, "deployments": [deployment]}]})


def rest(namespace: str) -> str:
    """Address of the head's dashboard."""
    return f"http://{NAME}-head.{namespace}.svc:8265"


def url(namespace: str) -> str:
    """Where the application answers: the proxies of the workers."""
    return f"http://{NAME}.{namespace}.svc:8000/"


def _pod(namespace: str, name: str, role: str, image: str, command: list[str]) -> Manifest:
    container = {
        "name": "ray",
        "image": image,
        "command": command,
        "env": [{"name": "HOME", "value": "/tmp"}, {"name": "RAY_USAGE_STATS_ENABLED", "value": "0"}],  # noqa: S108
        "resources": _RESOURCES[role],
        "securityContext": LOCKED_DOWN,
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}, {"name": "shm", "mountPath": "/dev/shm"}],  # noqa: S108
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, "labels": {"app": NAME, "role": role}},
        "spec": {
            "restartPolicy": "Never",
            "automountServiceAccountToken": False,
            "terminationGracePeriodSeconds": 5,
            "securityContext": RESTRICTED,
            "containers": [container],
            "volumes": [{"name": "tmp", "emptyDir": {}}, {"name": "shm", "emptyDir": {"medium": "Memory"}}],
        },
    }


def _service(namespace: str, name: str, role: str, *, headless: bool) -> Manifest:
    spec: Manifest = {"selector": {"app": NAME, "role": role}, "publishNotReadyAddresses": headless}
    spec |= {"clusterIP": "None"} if headless else {"ports": [{"port": 8000}]}
    meta = {"name": name, "namespace": namespace, "labels": {"app": NAME}}
    return {"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": spec}

"""A ModelDeployment in the cluster, as a test looks at it."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from .cluster import Cluster, Manifest

# Every kind that the operator makes, so that "no child is left" leaves none out.
CHILD_KINDS = (
    "pods,services,secrets,configmaps,deployments.apps,replicasets.apps,controllerrevisions.apps,"
    "poddisruptionbudgets.policy,ingresses.networking.k8s.io,networkpolicies.networking.k8s.io,"
    "httproutes.gateway.networking.k8s.io,endpointslices.discovery.k8s.io"
)


@dataclass(frozen=True, slots=True)
class ModelDeployment:
    """A handle on one object; every call looks at it anew.

    Args:
        cluster: where it is.
        namespace: its namespace.
        name: its name.
    """

    cluster: Cluster
    namespace: str
    name: str

    @property
    def url(self) -> str:
        """Where clients inside the cluster reach it."""
        return f"http://{self.name}.{self.namespace}.svc"

    @property
    def selector(self) -> str:
        """Selects everything that belongs to it."""
        return f"eagleray.dev/name={self.name}"

    def manifest(self) -> Manifest:
        """The object as it is now."""
        return self.cluster.get("modeldeployment", self.name, self.namespace)

    def status(self) -> Manifest:
        """Its status, empty before the operator has seen it."""
        status: Manifest = self.manifest().get("status", {})
        return status

    def condition(self, kind: str) -> Manifest:
        """One of its conditions, empty while it is not there."""
        return condition(self.manifest(), kind)

    def pods(self, role: str) -> list[Manifest]:
        """Its Pods of a role: `head`, `worker` or `router`."""
        return self.cluster.list("pods", self.namespace, f"{self.selector},eagleray.dev/role={role}")

    def live_pods(self, role: str) -> list[str]:
        """Names of its Pods of a role that nobody is deleting."""
        return sorted(name_of(p) for p in self.pods(role) if "deletionTimestamp" not in p["metadata"])

    def in_worker(self, pod: str, source: str) -> Any:
        """What a Python program in a worker Pod prints last, as JSON."""
        found = self.cluster.kubectl("exec", "-n", self.namespace, pod, "--", "python", "-c", source)
        return json.loads(found.splitlines()[-1])

    def children(self) -> list[str]:
        """Everything that carries its label, as `Kind/name`."""
        found = self.cluster.list(CHILD_KINDS, self.namespace, self.selector)
        return sorted(f"{item['kind']}/{name_of(item)}" for item in found)

    def stable_revision(self, version: str = "") -> str:
        """The revision that has the traffic of a version, the first unless told, or ""."""
        versions: list[dict[str, Any]] = self.status().get("versions", [])
        found = [v for v in versions if version in {"", v["name"]}]
        return str(found[0].get("stable") or "") if found else ""

    def rollout(self) -> Manifest:
        """The first rollout of its status, empty where there is none."""
        return first_rollout(self.manifest())


def condition(manifest: Manifest, kind: str) -> Manifest:
    """A condition of an object, empty where it has none of that type."""
    conditions: list[Manifest] = manifest.get("status", {}).get("conditions", [])
    return next((c for c in conditions if c["type"] == kind), {})


def first_rollout(manifest: Manifest) -> Manifest:
    """The first rollout of an object's status, empty where there is none."""
    rollouts: list[Manifest] = manifest.get("status", {}).get("rollouts", [])
    return rollouts[0] if rollouts else {}


def name_of(manifest: Manifest) -> str:
    """The object's name."""
    return str(manifest["metadata"]["name"])


def revision_of(pod: Manifest) -> str:
    """The revision that a Pod belongs to."""
    return str(pod["metadata"]["labels"]["eagleray.dev/revision"])


def when(text: str) -> datetime:
    """A Kubernetes time stamp."""
    return datetime.fromisoformat(text)

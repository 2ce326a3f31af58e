"""The kinds that the operator touches, and how their URLs are made."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import quote

from eagleray.domain.facts import labels

Manifest = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Kind:
    """A namespaced kind.

    Attributes:
        api_version: `v1` or `<group>/<version>`.
        kind: the kind's name.
        plural: the name in URLs.
    """

    api_version: str
    kind: str
    plural: str

    @property
    def group(self) -> str:
        """The API group, "" for core."""
        return self.api_version.rpartition("/")[0]

    @property
    def version(self) -> str:
        """The version within the group."""
        return self.api_version.rpartition("/")[2]

    def path(self, namespace: str | None, name: str | None = None, subresource: str | None = None) -> str:
        """The URL path of a collection, an object or an object's subresource.

        Args:
            namespace: the namespace, or None for every namespace.
            name: the object's name, or None for the collection.
            subresource: for instance `status`.
        """
        parts = ["apis" if self.group else "api", self.api_version]
        if namespace is not None:
            parts += ["namespaces", quote(namespace, safe="")]
        parts.append(self.plural)
        parts += [quote(p, safe="") for p in (name, subresource) if p is not None]
        return "/" + "/".join(parts)


POD = Kind("v1", "Pod", "pods")
SERVICE = Kind("v1", "Service", "services")
CONFIG_MAP = Kind("v1", "ConfigMap", "configmaps")
SECRET = Kind("v1", "Secret", "secrets")
DEPLOYMENT = Kind("apps/v1", "Deployment", "deployments")
REPLICA_SET = Kind("apps/v1", "ReplicaSet", "replicasets")
CONTROLLER_REVISION = Kind("apps/v1", "ControllerRevision", "controllerrevisions")
POD_DISRUPTION_BUDGET = Kind("policy/v1", "PodDisruptionBudget", "poddisruptionbudgets")
JOB = Kind("batch/v1", "Job", "jobs")
INGRESS = Kind("networking.k8s.io/v1", "Ingress", "ingresses")
HTTP_ROUTE = Kind("gateway.networking.k8s.io/v1", "HTTPRoute", "httproutes")
LEASE = Kind("coordination.k8s.io/v1", "Lease", "leases")
NODE = Kind("v1", "Node", "nodes")
EVENT = Kind("events.k8s.io/v1", "Event", "events")
MODEL_DEPLOYMENT = Kind("eagleray.dev/v1alpha1", "ModelDeployment", "modeldeployments")

# Children that are watched and held, by our labels. Never Secrets: the operator reads none.
CHILDREN: tuple[Kind, ...] = (
    POD,
    SERVICE,
    DEPLOYMENT,
    REPLICA_SET,
    CONTROLLER_REVISION,
    POD_DISRUPTION_BUDGET,
    CONFIG_MAP,
    INGRESS,
    HTTP_ROUTE,
)
CHILD_LABELS: Mapping[str, str] = {labels.MANAGED_BY: labels.MANAGER, labels.NAME: ""}
HELD: tuple[Kind, ...] = (MODEL_DEPLOYMENT, *CHILDREN)
OPTIONAL: frozenset[Kind] = frozenset({HTTP_ROUTE})
"""Kinds of others that an API server may not serve: without them all else works."""

KINDS: Mapping[tuple[str, str], Kind] = {(k.api_version, k.kind): k for k in (*HELD, SECRET, JOB, LEASE, EVENT)}


@dataclass(frozen=True, slots=True, order=True)
class Key:
    """What is looked at: one ModelDeployment.

    Attributes:
        namespace: its namespace.
        name: its name.
    """

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True)
class Ref:
    """One object's place.

    Attributes:
        kind: its kind.
        namespace: its namespace.
        name: its name.
    """

    kind: Kind
    namespace: str
    name: str

    @classmethod
    def of(cls, manifest: Mapping[str, Any]) -> Self:
        """The place of a manifest.

        Raises:
            KeyError: the kind is not one of KINDS, or the manifest has no name or namespace.
        """
        meta = manifest["metadata"]
        return cls(KINDS[manifest["apiVersion"], manifest["kind"]], meta["namespace"], meta["name"])

    def __str__(self) -> str:
        return f"{self.kind.kind} {self.namespace}/{self.name}"

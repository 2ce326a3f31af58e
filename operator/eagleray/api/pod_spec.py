"""What a `podTemplate` may say of a PodSpec, as tables; tests hold them against Kubernetes' own types."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

MERGE_KEYS: Mapping[str, str] = {
    "containers": "name",
    "containers[].env": "name",
    "containers[].ports": "containerPort",
    "containers[].volumeDevices": "devicePath",
    "containers[].volumeMounts": "mountPath",
    "hostAliases": "ip",
    "imagePullSecrets": "name",
    "initContainers": "name",
    "initContainers[].env": "name",
    "initContainers[].ports": "containerPort",
    "initContainers[].volumeDevices": "devicePath",
    "initContainers[].volumeMounts": "mountPath",
    "resourceClaims": "name",
    "schedulingGates": "name",
    "topologySpreadConstraints": "topologyKey",
    "volumes": "name",
    "volumes[].ephemeral.volumeClaimTemplate.metadata.ownerReferences": "uid",
}
"""Lists whose items a strategic merge tells apart, and by what (Kubernetes' `patchMergeKey`); others it replaces."""

MERGED = frozenset({
    *("affinity", "automountServiceAccountToken", "containers", "dnsConfig", "dnsPolicy", "enableServiceLinks"),
    *("hostAliases", "hostUsers", "imagePullSecrets", "initContainers", "nodeSelector", "preemptionPolicy"),
    *("priorityClassName", "readinessGates", "resourceClaims", "runtimeClassName", "schedulerName"),
    *("schedulingGates", "securityContext", "serviceAccountName", "shareProcessNamespace", "tolerations"),
    *("topologySpreadConstraints", "volumes"),
})  # fmt: skip
"""Fields of a PodSpec that are merged."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A field of a PodSpec that is the operator's.

    Attributes:
        why: what would break, and what to write instead.
        kind: type of its value in JSON; "" for one that is no scalar, which only the operator looks into.
    """

    why: str
    kind: str = ""


_HOST = "Pods stay as restricted as Kubernetes' policy of that name demands"
_FOUND = "Ray nodes find their head by its host name"
REFUSED: Mapping[str, Refused] = {
    "activeDeadlineSeconds": Refused("a Pod serves until the operator replaces it", "integer"),
    "ephemeralContainers": Refused("they are for kubectl debug, and a Pod is not made with any"),
    "evictionResponders": Refused("requestTimeout says how a Pod leaves"),
    "hostIPC": Refused(_HOST, "boolean"),
    "hostNetwork": Refused(_HOST, "boolean"),
    "hostPID": Refused(_HOST, "boolean"),
    "hostname": Refused(_FOUND, "string"),
    "hostnameOverride": Refused(_FOUND, "string"),
    "nodeName": Refused("the scheduler chooses the node; write nodeSelector or affinity", "string"),
    "os": Refused("the operator's containers are made for Linux"),
    "overhead": Refused("the RuntimeClass says it; write runtimeClassName"),
    "priority": Refused("the PriorityClass says it; write priorityClassName", "integer"),
    "resources": Refused("containers are sized one by one; write resources of the model, the head or a sidecar"),
    "restartPolicy": Refused(
        "the operator replaces Pods that end, and a restarted one would join no cluster", "string"
    ),
    "schedulingGroup": Refused("Pods are made one by one, as replicas need them"),
    "serviceAccount": Refused("it is the old name of serviceAccountName; write that", "string"),
    "setHostnameAsFQDN": Refused(_FOUND, "boolean"),
    "subdomain": Refused(_FOUND, "string"),
    "terminationGracePeriodSeconds": Refused("it follows requestTimeout; write that", "integer"),
}
"""Fields of a PodSpec that are refused by name."""

OF_OUR_CONTAINERS = frozenset({"name", "resources", "securityContext", "volumeDevices", "volumeMounts", "workingDir"})
"""What is merged into containers that the operator builds; with any other of their fields they would not work."""

INSTEAD: Mapping[str, str] = {
    "env": "env",
    "envFrom": "envFrom",
    "image": "image",
    "imagePullPolicy": "imagePullPolicy",
}
"""Fields of our containers that spec has a word for, which reaches every container that needs it."""

VOLUME_SOURCES = frozenset({
    *("configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "image", "persistentVolumeClaim", "projected"),
    "secret",
})  # fmt: skip
"""Kinds of volumes that the policy `restricted` takes."""


@dataclass(frozen=True, slots=True)
class Ours:
    """What the operator itself puts into a kind of Pod.

    Attributes:
        containers: names of its containers and init containers.
        volumes: a pattern of the names of its volumes.
        mounts: where its containers have them; a folder that ends in / stands for all below it.
        resources: resources of its containers that a template may set.
        instead: where others of its resources are set.
    """

    containers: frozenset[str]
    volumes: re.Pattern[str]
    mounts: tuple[str, ...]
    resources: frozenset[str] = frozenset()
    instead: str = "resources of the model or of the head"


OF_RAY = Ours(
    frozenset({"ray", "fetch", "references"}),
    re.compile(r"tmp|shm|model|cache|ca-bundle|claim(-[0-9]+)?"),
    ("/tmp", "/dev/shm", "/model", "/mnt/pvc/", "/mnt/cache", "/etc/eagleray/"),  # noqa: S108 -- mounts
)
# Envoy's bounds are reckoned from the memory that its container has.
OF_ROUTER = Ours(
    frozenset({"envoy", "comparer", "holder", "credentials", "first-credentials"}),
    re.compile(r"config|made|keys|certificate|client-ca|jwks(-[0-9]+)?"),
    ("/etc/eagleray/",),
    frozenset({"cpu", "ephemeral-storage"}),
    "spec.router.resources",
)

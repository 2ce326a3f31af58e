"""What an API server makes of a manifest before it keeps it: defaults, no empty fields, quantities in one form.

An operator that compares what it wrote with what it reads meets all of these.
"""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from eagleray.kube.kinds import (
    CONFIG_MAP,
    CONTROLLER_REVISION,
    DEPLOYMENT,
    MODEL_DEPLOYMENT,
    POD,
    POD_DISRUPTION_BUDGET,
    REPLICA_SET,
    SERVICE,
    Kind,
    Manifest,
)

_BINARY = {suffix: Decimal(2 ** (10 * n)) for n, suffix in enumerate(("Ki", "Mi", "Gi", "Ti"), 1)}
_DECIMAL = {suffix: Decimal(10 ** (3 * n)) for n, suffix in enumerate(("", "k", "M", "G", "T"))} | {
    "m": Decimal("0.001")
}
# Fields that are left out where they are empty; of all others an empty value is a value.
_OMITTED = {
    "annotations", "args", "command", "env", "envFrom", "finalizers", "imagePullSecrets", "initContainers", "labels",
    "limits", "nodeSelector", "ownerReferences", "ports", "readOnly", "requests", "tolerations", "value",
    "volumeMounts", "volumes",
}  # fmt: skip
_POD_DEFAULTS: Mapping[str, Any] = {
    "dnsPolicy": "ClusterFirst",
    "restartPolicy": "Always",
    "schedulerName": "default-scheduler",
    "terminationGracePeriodSeconds": 30,
    "securityContext": {},
}
_CONTAINER_DEFAULTS: Mapping[str, Any] = {
    "imagePullPolicy": "IfNotPresent",
    "resources": {},
    "terminationMessagePath": "/dev/termination-log",
    "terminationMessagePolicy": "File",
}
_PROBE_DEFAULTS: Mapping[str, Any] = {
    "failureThreshold": 3,
    "periodSeconds": 10,
    "successThreshold": 1,
    "timeoutSeconds": 1,
}
_NODE_TOLERATIONS = [
    {"key": f"node.kubernetes.io/{what}", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}
    for what in ("not-ready", "unreachable")
]


def completed(kind: Kind, manifest: Manifest) -> Manifest:
    """The manifest as it is kept."""
    if kind in {MODEL_DEPLOYMENT, CONTROLLER_REVISION, CONFIG_MAP}:
        return manifest
    bare: Manifest = _bare(manifest)
    spec = bare.get("spec", {})
    if kind == POD:
        return {**bare, "spec": _pod(spec, alone=True)}
    if kind in {DEPLOYMENT, REPLICA_SET}:
        template = {**spec["template"], "spec": _pod(spec["template"]["spec"], alone=False)}
        extra = {"progressDeadlineSeconds": 600, "revisionHistoryLimit": 10} if kind == DEPLOYMENT else {}
        return {**bare, "spec": {"replicas": 1, **extra, **spec, "template": template}}
    if kind == SERVICE:
        ports = [{"protocol": "TCP", "targetPort": port["port"], **port} for port in spec.get("ports", [])]
        rest = {
            "sessionAffinity": "None",
            "internalTrafficPolicy": "Cluster",
            "ipFamilies": ["IPv4"],
            "type": "ClusterIP",
        }
        return {**bare, "spec": {**rest, "clusterIP": "10.96.0.7", **spec, "ports": ports}}
    if kind == POD_DISRUPTION_BUDGET:
        return {**bare, "spec": spec}
    return bare


def _pod(spec: Manifest, *, alone: bool) -> Manifest:
    filled = {**_POD_DEFAULTS, **spec}
    for field in ("containers", "initContainers"):
        if field in spec:
            filled[field] = [_container(container) for container in spec[field]]
    if alone:
        own = [t for t in _NODE_TOLERATIONS if t["key"] not in {s.get("key") for s in spec.get("tolerations", [])}]
        filled["tolerations"] = [*spec.get("tolerations", []), *own]
    return filled


def _container(container: Manifest) -> Manifest:
    filled = {**_CONTAINER_DEFAULTS, **container}
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        if probe in container:
            filled[probe] = {**_PROBE_DEFAULTS, **container[probe]}
            if "httpGet" in filled[probe]:
                filled[probe]["httpGet"] = {"scheme": "HTTP", **filled[probe]["httpGet"]}
    if container.get("resources"):
        filled["resources"] = _resources(container["resources"])
    return filled


def _resources(resources: Manifest) -> Manifest:
    """Requests fall back to limits, and amounts are written in the shortest way."""
    amounts = {kind: {k: quantity(str(v)) for k, v in values.items()} for kind, values in resources.items()}
    if "limits" in amounts:
        amounts["requests"] = {**amounts["limits"], **amounts.get("requests", {})}
    return amounts


def amount(text: str) -> Decimal:
    """A quantity as a number.

    Raises:
        ValueError: it is none.
    """
    suffix = text[-2:] if text[-2:] in _BINARY else text[-1:] if text[-1:] in _DECIMAL else ""
    try:
        return Decimal(text.removesuffix(suffix)) * (_BINARY.get(suffix) or _DECIMAL[suffix])
    except InvalidOperation as e:
        raise ValueError(f"{text!r} is no quantity") from e


def quantity(text: str) -> str:
    """A quantity in Kubernetes' canonical form: the largest suffix of its family that leaves a whole number."""
    value = amount(text)
    family = _BINARY if text[-2:] in _BINARY else _DECIMAL
    for suffix, unit in sorted(family.items(), key=lambda item: -item[1]):
        if value and value % unit == 0:
            return f"{int(value / unit)}{suffix}"
    return "0" if not value else text


def _bare(value: Any) -> Any:
    if isinstance(value, Mapping):
        inner = {k: _bare(v) for k, v in value.items() if v is not None}
        return {k: v for k, v in inner.items() if k not in _OMITTED or v not in ({}, [], "", False)}
    return [_bare(item) for item in value] if isinstance(value, list) else value

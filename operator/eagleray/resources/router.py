"""Builders of the Kubernetes objects of a router: pure, plain manifests."""

import hashlib
from typing import Any

from eagleray.domain.actions.router_config import RouterConfig
from eagleray.domain.actions.router_files import RouterFiles
from eagleray.domain.facts import labels as names
from eagleray.domain.facts.patience import LONGEST_SECONDS
from eagleray.domain.facts.pods import Role
from eagleray.domain.facts.router_layout import (
    CHECKS_PORT,
    CONFIG_ANNOTATION,
    CONFIG_DIR,
    COPIES_PORT,
    EXCHANGES_PORT,
    HELD_PORT,
    HOLDS_FILE,
    HTTP_PORT,
    IPV4_LISTENERS_FILE,
    KUBELET_DATA,
    OPS_PORT,
    REPORT_PORT,
)
from eagleray.resources.labels import model_labels
from eagleray.resources.names import router_name
from eagleray.resources.placement import prefer_lasting
from eagleray.resources.pod import PodSettings, locked_down
from eagleray.resources.router_credentials import (
    credentials_container,
    first_credentials,
    made_mounts,
    mounted_volumes,
)

REPLICAS = 2
COMPARER = "comparer"
HOLDER = "holder"
BOOTSTRAP_FILE = "bootstrap.json"
BOOTSTRAP_ANNOTATION = "eagleray.dev/router-bootstrap"
START_ARGS = ("--ipv4-listeners", f"{CONFIG_DIR}/{KUBELET_DATA}/{IPV4_LISTENERS_FILE}")
# One worker thread carries more requests than the replicas behind it answer, counts every replica's load in one place
# and keeps one pool of connections; more throughput is more Pods.
ENVOY_ARGS = (
    *("--config-path", f"{CONFIG_DIR}/{BOOTSTRAP_FILE}"),
    *("--concurrency", "1"),
    *("--log-level", "warning"),
    # It would tell of every body that is too large, with the query of its path, and of exchanges that find no comparer.
    *("--component-log-level", "http:critical,ext_proc:error"),
    "--disable-hot-restart",
)
_CONFIG_MOUNT = {"name": "config", "mountPath": CONFIG_DIR, "readOnly": True}
# A Pod that is asked to end still gets new connections for a while (kube-proxy on other nodes) …
SETTLE_SECONDS = 5
# … then waits for the requests in progress, as long as their replicas are waited for …
# … and has this on top, after each of the two.
SPARE_SECONDS = 5


def build_config_map(config: RouterConfig, rendered: RouterFiles, owner: dict[str, Any]) -> dict[str, Any]:
    """Build the ConfigMap with the files that every router Pod mounts; their version is noted on it."""
    metadata = _metadata(config, router_name(config.name), owner)
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {**metadata, "annotations": {CONFIG_ANNOTATION: rendered.version}},
        "data": dict(sorted(rendered.files.items())),
    }


def build_disruption_budget(config: RouterConfig, owner: dict[str, Any]) -> dict[str, Any]:
    """Build the PodDisruptionBudget: a drain of nodes takes one router Pod at a time."""
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": _metadata(config, router_name(config.name), owner),
        "spec": {
            "maxUnavailable": 1,
            "selector": {"matchLabels": router_labels(config.name)},
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
        },
    }


def build_deployment(
    config: RouterConfig, bootstrap: str, image: str, owner: dict[str, Any], settings: PodSettings
) -> dict[str, Any]:
    """Build the router's Deployment.

    Its Pods are replaced where the image, the bootstrap file, what they may use, or the request timeout (the grace
    period follows it) changes. All other files are taken over by running Pods: neither weights nor endpoints are in
    the template.
    """
    template = {
        "metadata": {
            "labels": router_labels(config.name),
            "annotations": {BOOTSTRAP_ANNOTATION: hashlib.sha256(bootstrap.encode()).hexdigest()[:16]},
        },
        "spec": _pod(config, image, settings),
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            **_metadata(config, router_name(config.name), owner),
            "annotations": {names.POD_SETTINGS_ANNOTATION: settings.text()},
        },
        "spec": {
            "replicas": REPLICAS,
            "revisionHistoryLimit": 1,
            "selector": {"matchLabels": router_labels(config.name)},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
            "template": template,
        },
    }


def router_labels(name: str) -> dict[str, str]:
    """The labels of every child of the router of the ModelDeployment of this name."""
    return {**model_labels(name), names.ROLE: Role.ROUTER}


def _metadata(config: RouterConfig, name: str, owner: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": name,
        "namespace": config.namespace,
        "labels": router_labels(config.name),
        "ownerReferences": [owner],
    }


def _drain_seconds(config: RouterConfig) -> int:
    longest = min((config.request_timeout or LONGEST_SECONDS) + config.hold_timeout, LONGEST_SECONDS)
    return SETTLE_SECONDS + int(longest) + SPARE_SECONDS


def _pod(config: RouterConfig, image: str, settings: PodSettings) -> dict[str, Any]:
    apart = {"labelSelector": {"matchLabels": router_labels(config.name)}, "topologyKey": "kubernetes.io/hostname"}
    spec: dict[str, Any] = {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": _drain_seconds(config) + SPARE_SECONDS,
        "securityContext": {
            "runAsNonRoot": True,
            **settings.defaults.identity(),
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "affinity": {
            **prefer_lasting(settings.fleet),
            "podAntiAffinity": {
                "preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 100, "podAffinityTerm": apart}],
            },
        },
        "containers": [
            _container(config, image, settings),
            *_comparer(config, image, settings),
            *_holder(config, image, settings),
            *credentials_container(config, image, settings),
        ],
        "volumes": [{"name": "config", "configMap": {"name": router_name(config.name)}}, *mounted_volumes(config)],
    }
    if first := first_credentials(config, image, settings):
        spec["initContainers"] = first
    if settings.image_pull_secrets:
        spec["imagePullSecrets"] = [{"name": name} for name in settings.image_pull_secrets]
    return spec


def _container(config: RouterConfig, image: str, settings: PodSettings) -> dict[str, Any]:
    drain = [f"--settle={SETTLE_SECONDS}", f"--deadline={_drain_seconds(config)}"]
    fields: dict[str, Any] = {
        "args": [*START_ARGS, *ENVOY_ARGS],
        "ports": [_port("http", HTTP_PORT), _port("ops", OPS_PORT)],
        "readinessProbe": {
            "httpGet": {"path": "/ready", "port": "ops"},
            "periodSeconds": 2,
            "timeoutSeconds": 2,
            "failureThreshold": 2,
        },
        # Not /ready, which fails while the Pod drains.
        "livenessProbe": {
            "tcpSocket": {"port": "ops"},
            "periodSeconds": 10,
            "timeoutSeconds": 5,
            "failureThreshold": 6,
        },
        "lifecycle": {"preStop": {"exec": {"command": ["python3", "/opt/eagleray/drain.py", *drain]}}},
        "resources": {"requests": dict(config.size.requests), "limits": dict(config.size.limits)},
        "volumeMounts": [_CONFIG_MOUNT, *made_mounts(config)],
    }
    return locked_down("envoy", image, settings.image_pull_policy, **fields)


def _comparer(config: RouterConfig, image: str, settings: PodSettings) -> list[dict[str, Any]]:
    """The container beside Envoy that compares answers.

    It has no probes: the Pod stays ready whatever becomes of it, and it starts itself again.
    """
    if not config.compares:
        return []
    ports = (("exchanges", EXCHANGES_PORT), ("report", REPORT_PORT), ("copies", COPIES_PORT))
    fields: dict[str, Any] = {
        "command": ["/opt/venv/bin/python3", "-m", "eagleray_compare"],
        "args": [f"--{name}-port={port}" for name, port in ports],
        "resources": {
            "requests": {"cpu": "20m", "memory": "96Mi"},
            # A share of a core: what it computes must not slow Envoy down.
            "limits": {"cpu": "500m", "memory": "512Mi"},
        },
    }
    return [locked_down(COMPARER, image, settings.image_pull_policy, **fields)]


def _holder(config: RouterConfig, image: str, settings: PodSettings) -> list[dict[str, Any]]:
    """The container beside Envoy that lets requests wait; without probes, as the comparer."""
    if not config.holds:
        return []
    ports = (("checks", CHECKS_PORT), ("held", HELD_PORT))
    fields: dict[str, Any] = {
        "command": ["/opt/venv/bin/python3", "-m", "eagleray_hold"],
        "args": [
            f"--file={CONFIG_DIR}/{KUBELET_DATA}/{HOLDS_FILE}",
            *(f"--{name}-port={port}" for name, port in ports),
        ],
        "resources": {"requests": {"cpu": "10m", "memory": "64Mi"}, "limits": {"memory": "256Mi"}},
        "volumeMounts": [_CONFIG_MOUNT],
    }
    return [locked_down(HOLDER, image, settings.image_pull_policy, **fields)]


def _port(name: str, number: int) -> dict[str, Any]:
    return {"name": name, "containerPort": number, "protocol": "TCP"}

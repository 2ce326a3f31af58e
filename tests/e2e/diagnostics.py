"""What a person wants to see when an end-to-end test has failed."""

from collections.abc import Callable, Iterable
from functools import partial

from .cluster import OPERATOR_NAMESPACE, Cluster, CommandError, Manifest
from .deployment import name_of

LOG_LINES = 60
EVENTS = 40


def describe(cluster: Cluster, namespaces: Iterable[str]) -> str:
    """Conditions, Pods and events of the namespaces, and the end of the operator's log."""
    parts = [_namespace(cluster, namespace) for namespace in sorted(namespaces)]
    return "\n".join([*parts, _operator(cluster)])


def _namespace(cluster: Cluster, namespace: str) -> str:
    lines = [f"== namespace {namespace}"]
    lines += _safely(lambda: [_object(md) for md in cluster.list("modeldeployments", namespace)])
    lines += _safely(lambda: [cluster.kubectl("get", "pods", "-n", namespace, "-o", "wide")])
    lines += _safely(lambda: _events(cluster, namespace))
    return "\n".join(lines)


def _object(md: Manifest) -> str:
    conditions = [
        f"   {c['type']}={c['status']} {c['reason']}: {c.get('message', '')}"
        for c in md.get("status", {}).get("conditions", [])
    ]
    return "\n".join([f"-- {name_of(md)}, generation {md['metadata']['generation']}", *conditions])


def _events(cluster: Cluster, namespace: str) -> list[str]:
    events = cluster.kubectl("get", "events", "-n", namespace, "--sort-by=.lastTimestamp", "--no-headers")
    return events.splitlines()[-EVENTS:]


def _operator(cluster: Cluster) -> str:
    pods = cluster.list("pods", OPERATOR_NAMESPACE)
    lines = ["== operator"]
    for pod in pods:
        name = name_of(pod)
        lines += [f"-- {name} {pod['status'].get('phase')}"]
        lines += _safely(partial(_log, cluster, name))
    return "\n".join(lines)


def _log(cluster: Cluster, pod: str) -> list[str]:
    return [cluster.kubectl("logs", "-n", OPERATOR_NAMESPACE, pod, f"--tail={LOG_LINES}")]


def _safely(look: Callable[[], Iterable[str]]) -> list[str]:
    try:
        return list(look())
    except CommandError as e:
        return [f"(cannot be seen: {e})"]

"""The ModelDeployments of a measurement."""

from collections.abc import Iterator
from typing import Any

Manifest = dict[str, Any]
API_VERSION = "eagleray.dev/v1alpha1"
COLLECTION = "/apis/eagleray.dev/v1alpha1"
# Models whose names begin so are under load, asleep, have two versions, or are as most are.
BUSY_PREFIX, IDLE_PREFIX, PAIR_PREFIX, PLAIN_PREFIX = "busy", "idle", "pair", "plain"
NAMESPACE, BURST_NAMESPACE = "models", "burst"
_IDLE_AFTER = "5s"


def mixture(objects: int) -> list[Manifest]:
    """Of a thousand: 50 with two versions, 20 under load, 20 asleep, and the rest plain; of others the same shares."""
    pairs, busy = max(1, objects // 20), max(1, objects // 50)
    idle = busy
    return [
        *(model(f"{PAIR_PREFIX}-{n}", **_two_versions()) for n in range(pairs)),
        *(model(f"{BUSY_PREFIX}-{n}", autoscaling=_busy()) for n in range(busy)),
        *(model(f"{IDLE_PREFIX}-{n}", autoscaling=_idle()) for n in range(idle)),
        *plain(objects - pairs - busy - idle, NAMESPACE),
    ]


def plain(count: int, namespace: str) -> Iterator[Manifest]:
    """Models of one version and one replica."""
    return (model(f"{PLAIN_PREFIX}-{n}", namespace, replicas=1) for n in range(count))


def model(name: str, namespace: str = NAMESPACE, **fields: Any) -> Manifest:
    """A model of a framework, with `fields` of its spec."""
    return {
        "apiVersion": API_VERSION,
        "kind": "ModelDeployment",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "model": {"framework": "sklearn", "uri": "pvc://models/churn/1"},
            "resources": {"requests": {"cpu": "250m", "memory": "512Mi"}},
            "batching": {"maxSize": 32, "maxWait": "50ms"},
            **fields,
        },
    }


def _two_versions() -> Manifest:
    first, second = ({"uri": f"pvc://models/churn/{number}"} for number in (1, 2))
    versions = [{"name": "v1", "weight": 80, "model": first}, {"name": "v2", "weight": 20, "model": second}]
    return {"replicas": 2, "versions": versions}


def _busy() -> Manifest:
    # The measurement is of load that changes nothing: one replica is asked for, however uneven it is, and two are kept.
    metrics = [{"type": "OngoingRequests", "target": 20}]
    return {"minReplicas": 2, "maxReplicas": 2, "metrics": metrics}


def _idle() -> Manifest:
    return {"maxReplicas": 2, "idle": {"after": _IDLE_AFTER}}

"""A ModelDeployment `shop/churn` and its Pods as the API server gives them, at any point of a rollout."""

from datetime import UTC, datetime, timedelta
from typing import Any

from eagleray.cli.model import Model, read

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
OLD, NEW, OLDER = "churn-default-aaaa0001", "churn-default-bbbb0002", "churn-default-cccc0003"
STEPS = [{"setWeight": 5}, {"pause": {"duration": "2m"}}, {"setWeight": 50}, {"pause": {}}]
ANALYSIS = {"metrics": [{"name": "error-rate", "max": "1%"}]}


def ago(**kwargs: float) -> str:
    return (NOW - timedelta(**kwargs)).isoformat().replace("+00:00", "Z")


def condition(kind: str, status: str, reason: str = "Settled", message: str = "") -> dict[str, Any]:
    return {
        "type": kind,
        "status": status,
        "reason": reason,
        "message": message,
        "lastTransitionTime": ago(minutes=1),
    }


def revision(name: str, outcome: str, **fields: Any) -> dict[str, Any]:
    prefix, _, content = name.rpartition("-")
    return {
        "name": name,
        "version": prefix.removeprefix("churn-"),
        "hash": content,
        "uri": f"pvc://models/churn/{content[0]}",
        "createdAt": ago(hours=3),
        "outcome": outcome,
        **fields,
    }


def rollout(version: str = "default", **fields: Any) -> dict[str, Any]:
    return {
        "version": version,
        "from": f"churn-{version}-aaaa0001",
        "to": f"churn-{version}-bbbb0002",
        "step": 1,
        "steps": 4,
        "weight": 5,
        "startedAt": ago(minutes=5),
        "stepStartedAt": ago(seconds=40),
        **fields,
    }


def version(name: str = "default", **fields: Any) -> dict[str, Any]:
    weights = {"weight": 100, "effectiveWeight": 100}
    revisions = {"stable": f"churn-{name}-aaaa0001", "wanted": f"churn-{name}-aaaa0001"}
    return {"name": name, **weights, **revisions, "replicas": 2, "readyReplicas": 2, **fields}


def manifest(
    *rollouts: dict[str, Any],
    annotations: dict[str, str] | None = None,
    spec: dict[str, Any] | None = None,
    generation: int = 3,
    **status: Any,
) -> dict[str, Any]:
    """The object with these rollouts; without any it has settled on OLD, and OLDER served before."""
    moves = {r["version"]: r["to"] for r in rollouts}
    versions = [version(name, wanted=to, candidate=to) for name, to in moves.items()] or [version()]
    return {
        "apiVersion": "eagleray.dev/v1alpha1",
        "kind": "ModelDeployment",
        "metadata": {
            "name": "churn",
            "namespace": "shop",
            "generation": generation,
            "resourceVersion": "1",
            "creationTimestamp": ago(days=3),
            **({} if annotations is None else {"annotations": annotations}),
        },
        "spec": {"rollout": {"steps": STEPS}} if spec is None else spec,
        "status": {
            "observedGeneration": 3,
            "conditions": [condition("Ready", "True"), condition("Progressing", "True" if rollouts else "False")],
            "url": "http://churn.shop.svc",
            "ready": "2/2",
            "traffic": "default 100%",
            "versions": versions,
            "revisions": [
                revision(OLD, "Serving"),
                revision(OLDER, "Replaced", createdAt=ago(hours=9), lastActiveAt=ago(hours=3)),
                *(revision(to, "Pending", createdAt=ago(minutes=5)) for to in moves.values()),
            ],
            "rollouts": list(rollouts),
            **status,
        },
    }


def model(*rollouts: dict[str, Any], **fields: Any) -> Model:
    return read(manifest(*rollouts, **fields))


def pod(name: str, role: str, of: str | None = None, **status: Any) -> dict[str, Any]:
    labels = {"app.kubernetes.io/managed-by": "eagleray", "eagleray.dev/name": "churn", "eagleray.dev/role": role}
    if of:
        lane = of.rpartition("-")[0].removeprefix("churn-")
        labels |= {"eagleray.dev/version": lane, "eagleray.dev/revision": of}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "shop", "labels": labels, "creationTimestamp": ago(minutes=50)},
        "spec": {"containers": [{"name": "main"}], "nodeName": "node-a"},
        "status": {
            "phase": "Running",
            "containerStatuses": [{"ready": True, "restartCount": 0, "state": {"running": {}}}],
            **status,
        },
    }

"""A model and everything below it, as a store holds it."""

import copy
from typing import Any

from eagleray.kube.kinds import (
    CONTROLLER_REVISION,
    DEPLOYMENT,
    REPLICA_SET,
    SERVICE,
    Key,
    Manifest,
)
from eagleray.kube.store import Store
from unit.kube.objects import MANAGED, child, model, pod

CHURN = Key("ns", "churn")
LABELS = {**MANAGED, "eagleray.dev/name": "churn"}
NOBODY: frozenset[Key] = frozenset()
ONLY_CHURN = frozenset({CHURN})


def filled(*manifests: Manifest) -> Store:
    store = Store()
    for manifest in manifests:
        store.put(manifest)
    return store


def at(manifest: Manifest, version: int | str, **changes: Any) -> Manifest:
    """The same object at another version, with changes of its metadata."""
    changed = copy.deepcopy(manifest)
    changed["metadata"] |= {"resourceVersion": str(version), **changes}
    return changed


MODEL = model()
REVISION = child(CONTROLLER_REVISION, "churn-a", MODEL)
ROUTER = child(DEPLOYMENT, "churn-router", MODEL)
REPLICAS = child(REPLICA_SET, "churn-router-1", ROUTER)
CHAIN = (
    MODEL,
    REVISION,
    child(SERVICE, "churn-a", REVISION),
    ROUTER,
    REPLICAS,
    pod("churn-router-1-x", REPLICAS),
    pod("churn-a-head-0", MODEL),
)

"""The PodDisruptionBudget of a revision's workers."""

from typing import Any

from eagleray.domain.goals.revision import Revision
from eagleray.resources.labels import labels
from eagleray.resources.names import budget_name


def build_worker_pdb(revision: Revision, owner: dict[str, Any], min_available: int) -> dict[str, Any]:
    """Build the PodDisruptionBudget of the workers of `revision`.

    Args:
        revision: the revision.
        owner: reference to the revision's ControllerRevision.
        min_available: workers that a drain of nodes must leave; a number, as the API server knows no controller of
            these Pods that it could ask for a total.
    """
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {
            "name": budget_name(revision.name),
            "namespace": revision.namespace,
            "labels": labels(revision),
            "ownerReferences": [owner],
        },
        "spec": {
            "minAvailable": min_available,
            "selector": {"matchLabels": labels(revision, "worker")},
            # A Pod that is not ready serves nobody: it must not keep a node from being drained.
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
        },
    }

"""The headless Service of a revision: host names for its heads, for its own workers alone."""

from typing import Any

from eagleray.domain.facts.ports import HEAD_DASHBOARD, HEAD_GCS
from eagleray.domain.goals.revision import Revision
from eagleray.resources.labels import labels
from eagleray.resources.names import service_name


def build_revision_service(revision: Revision, owner: dict[str, Any]) -> dict[str, Any]:
    """Build the headless Service of `revision`.

    A head has its name before it is ready: its workers wait for it, and it is not ready without a GCS.

    Args:
        revision: the revision.
        owner: reference to the revision's ControllerRevision.
    """
    ports = (("gcs", HEAD_GCS), ("dashboard", HEAD_DASHBOARD))
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": service_name(revision.name),
            "namespace": revision.namespace,
            "labels": labels(revision),
            "ownerReferences": [owner],
        },
        "spec": {
            "type": "ClusterIP",
            "clusterIP": "None",
            "publishNotReadyAddresses": True,
            "selector": labels(revision, "head"),
            "ports": [{"name": name, "port": port, "targetPort": port, "protocol": "TCP"} for name, port in ports],
        },
    }

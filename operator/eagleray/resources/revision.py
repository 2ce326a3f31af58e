"""A revision's content, kept in a ControllerRevision: immutable, listed by `kubectl get controllerrevisions`."""

from collections.abc import Mapping
from typing import Any

from eagleray.api.template import VersionTemplate
from eagleray.domain.goals.revision import Revision
from eagleray.resources.labels import labels as labels_of


def build_controller_revision(revision: Revision, owner: dict[str, Any]) -> dict[str, Any]:
    """Build the ControllerRevision of `revision`.

    Args:
        revision: the revision.
        owner: reference to the ModelDeployment.
    """
    content = revision.template.model_dump(mode="json", by_alias=True, exclude_none=True)
    restarted = {"restartedAt": revision.restarted_at} if revision.restarted_at else {}
    return {
        "apiVersion": "apps/v1",
        "kind": "ControllerRevision",
        "metadata": {
            "name": revision.name,
            "namespace": revision.namespace,
            "labels": labels_of(revision),
            "ownerReferences": [owner],
        },
        "data": {"image": revision.image, "template": content, **restarted},
        "revision": 1,
    }


def read_revision(manifest: Mapping[str, Any], model: str) -> Revision:
    """Read a revision back from its ControllerRevision; its name says more than labels, which anybody may edit.

    Args:
        manifest: the ControllerRevision.
        model: name of the ModelDeployment.

    Raises:
        ValidationError: the content is not what this operator takes: one of another version wrote it.
        KeyError: a part of it is missing.
    """
    meta, data = manifest["metadata"], manifest["data"]
    return Revision(
        name=meta["name"],
        model=model,
        namespace=meta["namespace"],
        version=meta["name"].removeprefix(f"{model}-").rpartition("-")[0],
        template=VersionTemplate.model_validate(data["template"]),
        image=data["image"],
        restarted_at=data.get("restartedAt", ""),
    )

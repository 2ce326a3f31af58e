"""Labels of children."""

from eagleray.domain.facts import labels as names
from eagleray.domain.goals.revision import Revision


def model_labels(name: str) -> dict[str, str]:
    """Build the labels of a child of the ModelDeployment `name` that belongs to no revision."""
    return {names.MANAGED_BY: names.MANAGER, names.NAME: name}


def labels(
    revision: Revision, role: str | None = None, incarnation: int | None = None, group: str | None = None
) -> dict[str, str]:
    """Build the labels of a child of `revision`.

    Args:
        revision: the revision.
        role: of a Ray Pod, `head` or `worker`.
        incarnation: of a Ray Pod, the number of its Ray cluster.
        group: of a worker Pod, its worker group.
    """
    found = {
        **model_labels(revision.model),
        names.VERSION: revision.version,
        names.REVISION: revision.name,
    }
    if role is not None:
        found[names.ROLE] = role
    if incarnation is not None:
        found[names.INCARNATION] = str(incarnation)
    if group is not None:
        found[names.GROUP] = group
    return found

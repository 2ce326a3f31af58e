"""Whether every mount of spec has a volume."""

from collections.abc import Iterable, Mapping
from typing import Any

from eagleray.api.template import VersionTemplate
from eagleray.domain.facts.problem import InvalidSpecError


def check_mounts(template: VersionTemplate) -> None:
    """Refuse mounts of volumes that spec does not have; those of a template may be of volumes that others add.

    Raises:
        InvalidSpecError: naming the mount.
    """
    own = _names(template.volumes)
    for mount in template.volume_mounts or []:
        if mount["name"] not in own:
            known = ", ".join(sorted(own)) or "none"
            raise InvalidSpecError(
                f"volumeMounts: {mount['mountPath']} is of a volume {mount['name']!r}, and volumes has {known}; write "
                "the volume there"
            )


def _names(volumes: Iterable[Mapping[str, Any]] | None) -> set[str]:
    return {str(volume["name"]) for volume in volumes or ()}

"""What the variables of a revision take from Secrets and ConfigMaps."""

from dataclasses import dataclass

from eagleray.api.env import EnvFromSource
from eagleray.api.template import VersionTemplate

_KINDS = {"secretKeyRef": "Secret", "configMapKeyRef": "ConfigMap"}


@dataclass(frozen=True, slots=True)
class Reference:
    """A Secret or a ConfigMap that variables refer to.

    Attributes:
        kind: `Secret` or `ConfigMap`.
        name: its name.
        variables: names of the variables, in the order of spec; one with `*` at its end stands for all that begin so.
    """

    kind: str
    name: str
    variables: tuple[str, ...]


def whole_prefix(place: int) -> str:
    """What the variables of a whole Secret or ConfigMap begin with where values are told apart.

    Args:
        place: its place in `envFrom`.
    """
    return f"EAGLERAY_REFERENCE_{place}_"


def _named(source: EnvFromSource) -> tuple[str, str]:
    kinds = {"Secret": source.secret_ref, "ConfigMap": source.config_map_ref}
    return next((kind, ref.name) for kind, ref in kinds.items() if ref)


def references_of(template: VersionTemplate) -> tuple[Reference, ...]:
    """List what the variables of a template refer to, in the order in which they do."""
    found: dict[tuple[str, str], list[str]] = {}
    for variable in template.env or []:
        for field, source in (variable.value_from or {}).items():
            if field in _KINDS:
                found.setdefault((_KINDS[field], source["name"]), []).append(variable.name)
    for place, source in enumerate(template.env_from or []):
        found.setdefault(_named(source), []).append(f"{whole_prefix(place)}*")
    return tuple(Reference(kind, name, tuple(variables)) for (kind, name), variables in found.items())

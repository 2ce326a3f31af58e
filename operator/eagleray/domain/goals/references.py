"""What the variables of a revision take from Secrets and ConfigMaps."""

from dataclasses import dataclass

from eagleray.api.template import VersionTemplate

_KINDS = {"secretKeyRef": "Secret", "configMapKeyRef": "ConfigMap"}


@dataclass(frozen=True, slots=True)
class Reference:
    """A Secret or a ConfigMap that variables refer to.

    Attributes:
        kind: `Secret` or `ConfigMap`.
        name: its name.
        variables: names of the variables, in the order of spec.
    """

    kind: str
    name: str
    variables: tuple[str, ...]


def references_of(template: VersionTemplate) -> tuple[Reference, ...]:
    """List what the variables of a template refer to, in the order in which they do."""
    found: dict[tuple[str, str], list[str]] = {}
    for variable in template.env or []:
        for field, source in (variable.value_from or {}).items():
            if field in _KINDS:
                found.setdefault((_KINDS[field], source["name"]), []).append(variable.name)
    return tuple(Reference(kind, name, tuple(variables)) for (kind, name), variables in found.items())

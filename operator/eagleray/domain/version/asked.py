"""What a manifest asks for, as far as it can be read."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from eagleray.api.autoscaling import Scaling
from eagleray.api.spec import Lane, ModelDeploymentSpec, explain
from eagleray.api.template import VersionTemplate
from eagleray.api.traffic import Traffic
from eagleray.domain.facts.problem import InvalidSpecError
from eagleray.domain.state.model import VersionState
from eagleray.domain.state.observed import Observed
from eagleray.domain.version.scaling.schedules import check_schedules

S = TypeVar("S", bound=Scaling)

# Fields of a spec that say nothing of what Pods run: each is read for itself where the whole cannot be. They are those
# that no version has, but for the versions themselves, and two that a version may have.
_NOT_CONTENT = (
    *(name for name in ModelDeploymentSpec.model_fields if name not in {*VersionTemplate.model_fields, "versions"}),
    *("request_timeout", "autoscaling"),
)


@dataclass(frozen=True, slots=True)
class AskedSpec:
    """What is asked for.

    Attributes:
        spec: the spec that counts.
        lanes: its versions, resolved.
        refused: why it is not the one that was written, or "".
        accepted: the last spec that could be read whole, if one is known.
        as_is: whether the lanes are what the status remembers, which says nothing of any content.
    """

    spec: ModelDeploymentSpec
    lanes: tuple[Lane, ...]
    refused: str = ""
    accepted: ModelDeploymentSpec | None = None
    as_is: bool = False


def read_asked(spec: Mapping[str, Any], observed: Observed, accepted: ModelDeploymentSpec | None) -> AskedSpec:
    """Read a spec; one that cannot be read changes nothing of what there is.

    Args:
        spec: as written.
        observed: what was seen.
        accepted: the last spec that could be read, if one is remembered.
    """
    try:
        read = ModelDeploymentSpec.model_validate(spec)
        return AskedSpec(read, read.lanes(), accepted=read)
    except ValidationError as e:
        refused = explain(e)
    if accepted is not None:
        return AskedSpec(accepted, accepted.lanes(), refused, accepted)
    fields = _readable(spec)
    lanes = tuple(lane for version in observed.status.versions if (lane := _lane(version, fields, observed)))
    return AskedSpec(_of(fields, frozenset(lane.name for lane in lanes)), lanes, refused, as_is=True)


def _readable(spec: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that can be read, each for itself."""
    fields: dict[str, Any] = {}
    for name in _NOT_CONTENT:
        alias = ModelDeploymentSpec.model_fields[name].alias or name
        try:
            fields[name] = _adapter(name).validate_python(spec[alias])
        except (KeyError, ValidationError):
            continue
    return fields


@cache
def _adapter(name: str) -> TypeAdapter[Any]:
    field = ModelDeploymentSpec.model_fields[name]
    annotation: Any = Annotated[(field.annotation, *field.metadata, None)]
    return TypeAdapter(annotation)


def _of(fields: Mapping[str, Any], versions: frozenset[str]) -> ModelDeploymentSpec:
    """A spec of the fields that could be read, without what it says of versions that are not there."""
    traffic = fields.get("traffic")
    if isinstance(traffic, Traffic):
        rules = [rule for rule in traffic.rules or [] if rule.version in versions]
        mirror = traffic.mirror if traffic.mirror and traffic.mirror.version in versions else None
        fields = {**fields, "traffic": traffic.model_copy(update={"rules": rules, "mirror": mirror})}
    return ModelDeploymentSpec.model_construct(**fields)


def _lane(version: VersionState, fields: Mapping[str, Any], observed: Observed) -> Lane | None:
    """A version as the status remembers it: as much of it as there is."""
    name = next((n for n in (version.stable, version.candidate) if n in observed.revisions), None)
    if name is None:
        unreadable = version.stable in observed.unreadable
        return (
            Lane(version.name, version.weight, _replicas(version, observed), VersionTemplate()) if unreadable else None
        )
    template = observed.revisions[name].template
    scaled = observed.status.scaling_of(name) is not None
    autoscaling = (fields.get("autoscaling") or template.autoscaling) if scaled else None
    replicas = None if autoscaling else _replicas(version, observed)
    return Lane(version.name, version.weight, replicas, template.model_copy(update={"autoscaling": autoscaling}))


def _replicas(version: VersionState, observed: Observed) -> int:
    """How many replicas a version was to have: more than there are, where some are lost."""
    wanted = int((observed.status.ready or "0/1").rpartition("/")[2] or 1)
    if len(observed.status.versions) == 1 or not wanted:
        return wanted
    return max(1, version.replicas)


def usable(template: VersionTemplate) -> tuple[VersionTemplate, str]:
    """Leave out schedules that no clock can follow; bounds and metrics go on without them.

    Returns:
        The template, and what is wrong with it, or "".
    """
    refused: list[str] = []
    changed: dict[str, Any] = {"autoscaling": _followable(template.autoscaling, refused)}
    app = template.app
    if app is not None and app.deployments:
        deployments = [
            d.model_copy(update={"autoscaling": _followable(d.autoscaling, refused)}) for d in app.deployments
        ]
        changed["app"] = app.model_copy(update={"deployments": deployments})
    return (template.model_copy(update=changed) if refused else template), "; ".join(refused)


def _followable(rules: S | None, refused: list[str]) -> S | None:
    if rules is None:
        return None
    try:
        check_schedules(rules)
    except InvalidSpecError as e:
        refused.append(str(e))
        return rules.model_copy(update={"schedules": None})
    return rules

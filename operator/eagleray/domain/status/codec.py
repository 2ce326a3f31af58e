"""Between what is remembered and the status on the object: the one place that reads and writes it.

The schema of the CRD is the table that both ways follow, so that whatever is written is accepted, and whatever another
version of the operator has written, or anybody, can be read: texts are cleaned and cut, numbers clamped, lists
shortened, and what is none of these is left out.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from enum import Enum
from functools import cache, lru_cache
from typing import Any

from pydantic import BaseModel
from pydantic.alias_generators import to_camel

from eagleray.api.base import in_seconds
from eagleray.api.mirror_status import MirrorStatus
from eagleray.api.scaling_status import Recommendation, ScalingChange, ScalingMetricStatus, ScalingStatus
from eagleray.api.start_status import StartStatus
from eagleray.api.status import (
    Failure,
    MetricStatus,
    ModelDeploymentStatus,
    RevisionStatus,
    RolloutPhase,
    RolloutStatus,
    ShareStatus,
    VersionStatus,
)
from eagleray.domain.facts.text import clean
from eagleray.domain.state.model import MirrorState, ShareState, State, VersionState
from eagleray.domain.state.revision import FailureState, RevisionState, StartState
from eagleray.domain.state.rollout import FigureState, RolloutState
from eagleray.domain.state.scaling import ChangeState, MetricState, RecommendationState, ScalingState

LARGEST = 2**31 - 1
"""Where the schema names no end: Kubernetes' own numbers of replicas end here."""
SLOTS = 10_000
Json = Any
Schema = Mapping[str, Any]
_KEY: Schema = {"maxLength": 64}

_STATES: dict[type[BaseModel], type] = {
    ModelDeploymentStatus: State,
    VersionStatus: VersionState,
    RevisionStatus: RevisionState,
    Failure: FailureState,
    StartStatus: StartState,
    RolloutStatus: RolloutState,
    MetricStatus: FigureState,
    ShareStatus: ShareState,
    MirrorStatus: MirrorState,
    ScalingStatus: ScalingState,
    ScalingMetricStatus: MetricState,
    ScalingChange: ChangeState,
    Recommendation: RecommendationState,
}


def read(written: Json) -> State:
    """Read a status.

    Args:
        written: the object's `status` as JSON, whoever wrote it; None where there is none.
    """
    state: State = _loaded(_fitted(written))
    return state


def write(state: State) -> ModelDeploymentStatus:
    """Write a status that the API server accepts, whatever is to be said."""
    return _fitted(_dumped(state))


def _fitted(raw: Json) -> ModelDeploymentStatus:
    return ModelDeploymentStatus.model_validate(_fit(raw, _schema(), "") or {})


@cache
def _schema() -> Schema:
    schema = ModelDeploymentStatus.model_json_schema(by_alias=True)
    resolved: Schema = _resolved(schema, schema["$defs"])
    return resolved


def _resolved(schema: Json, definitions: Schema) -> Json:
    """The schema without references and without null: what is absent is left out."""
    if isinstance(schema, list):
        return [_resolved(part, definitions) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        schema = definitions[schema["$ref"].rpartition("/")[2]] | {k: v for k, v in schema.items() if k != "$ref"}
    if "anyOf" in schema:
        (some,) = (part for part in schema["anyOf"] if part.get("type") != "null")
        return _resolved(some | {k: v for k, v in schema.items() if k not in {"anyOf", "default"}}, definitions)
    return {key: _resolved(value, definitions) for key, value in schema.items() if key != "$defs"}


def _fit(value: Json, schema: Schema, name: str) -> Json:
    """The value as the schema has it; None where it is nothing of the kind.

    Args:
        value: JSON.
        schema: what is allowed.
        name: the field, for lists that keep what counts.
    """
    if "enum" in schema:
        return value if isinstance(value, str) and value in schema["enum"] else None
    return _KINDS[schema["type"]](value, schema, name)


def _fit_object(value: Json, schema: Schema, name: str) -> Json:
    if not isinstance(value, Mapping):
        return None
    if "properties" not in schema:
        pairs = ((_fit_text(k, _KEY, name), _fit(v, schema["additionalProperties"], name)) for k, v in value.items())
        kept = [(key, part) for key, part in pairs if key is not None and part is not None]
        return dict(kept[: schema.get("maxProperties")])
    found = {key: _fit(value.get(key), part, key) for key, part in schema["properties"].items()}
    if any(found[key] is None for key in schema.get("required", ())):
        return None
    return {key: part for key, part in found.items() if part is not None}


def _fit_list(value: Json, schema: Schema, name: str) -> Json:
    if not isinstance(value, list | tuple):
        return None
    items = (_fit(item, schema["items"], name) for item in value)
    fitted = [item for item in items if item is not None]
    if keys := schema.get("x-kubernetes-list-map-keys"):
        unique: dict[tuple[Json, ...], Json] = {}
        for item in fitted:
            unique.setdefault(tuple(item[key] for key in keys), item)
        fitted = list(unique.values())
    most = schema.get("maxItems", LARGEST)
    return fitted if name not in _KEPT and len(fitted) <= most else _KEPT.get(name, _first)(fitted, most)


def _fit_text(value: Json, schema: Schema, _: str) -> Json:
    if not isinstance(value, str):
        return None
    if schema.get("format") == "date-time":
        return _moment(value)
    return clean(value, schema.get("maxLength", LARGEST))


def _fit_number(value: Json, schema: Schema, _: str) -> Json:
    if isinstance(value, bool) or not isinstance(value, int | float) or math.isnan(value):
        return None
    least, most = schema.get("minimum", -LARGEST), schema.get("maximum", LARGEST)
    return int(min(max(value, least), most))


def _fit_truth(value: Json, _: Schema, __: str) -> Json:
    return value if isinstance(value, bool) else None


_KINDS: dict[str, Callable[[Json, Schema, str], Json]] = {
    "object": _fit_object,
    "array": _fit_list,
    "string": _fit_text,
    "integer": _fit_number,
    "boolean": _fit_truth,
}


def _moment(text: str) -> str | None:
    try:
        return _seconds(datetime.fromisoformat(text))
    except (ValueError, OverflowError):
        return None


@lru_cache(10_000)
def _seconds(moment: datetime) -> str:
    """As Kubernetes writes it; one without a time zone says nothing."""
    if moment.tzinfo is None:
        raise ValueError(f"{moment} has no time zone")
    return in_seconds(moment)


def _first(items: list[Json], most: int) -> list[Json]:
    return items[:most]


def _latest_revisions(items: list[Json], most: int) -> list[Json]:
    """Those that run, then those that ran last; in the order that they have."""
    ranked = sorted(items, key=lambda r: (r.get("lastActiveAt") is None, r.get("lastActiveAt") or ""), reverse=True)
    kept = {r["name"] for r in ranked[:most]}
    return [r for r in items if r["name"] in kept]


def _under_way(items: list[Json], most: int) -> list[Json]:
    ranked = sorted(items, key=lambda r: r.get("phase") == RolloutPhase.ABORTED)
    return ranked[:most] if len(items) > most else items


def _serving_versions(items: list[Json], most: int) -> list[Json]:
    ranked = sorted(items, key=lambda v: not v.get("stable"))
    return ranked[:most] if len(items) > most else items


def _last(items: list[Json], most: int) -> list[Json]:
    """Of what was asked for the latest, with the highest of what goes, so that nothing shrinks too early."""
    gone = items[: max(0, len(items) - most)]
    kept = items[len(gone) :]
    if gone and kept:
        kept[0] = kept[0] | {"replicas": max(r["replicas"] for r in [*gone, kept[0]])}
    return kept


def _whole_split(items: list[Json], most: int) -> list[Json]:
    """A split that does not sum up is none."""
    return items if len(items) <= most and sum(s["slots"] for s in items) == SLOTS else []


_KEPT: dict[str, Callable[[list[Json], int], list[Json]]] = {
    "versions": _serving_versions,
    "revisions": _latest_revisions,
    "rollouts": _under_way,
    "recommendations": _last,
    "split": _whole_split,
}


def _loaded(value: object) -> Any:  # noqa: ANN401 -- the state of whatever it is
    kind = _STATES.get(type(value))  # type: ignore[arg-type]
    if kind is not None:
        given = ((name, getattr(value, name)) for name, _ in _keys(kind))
        return kind(**{name: _loaded(part) for name, part in given if part is not None})
    return tuple(_loaded(item) for item in value) if isinstance(value, list) else value


def _dumped(value: object) -> Json:
    if is_dataclass(value) and not isinstance(value, type):
        parts = ((key, getattr(value, name)) for name, key in _keys(type(value)))
        return {key: _dumped(part) for key, part in parts if part is not None}
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", by_alias=True)
    if isinstance(value, Mapping):
        return {str(key): _dumped(part) for key, part in value.items()}
    if isinstance(value, tuple | list):
        return [_dumped(item) for item in value]
    if isinstance(value, datetime):
        return _seconds(value)
    return value.value if isinstance(value, Enum) else value


@cache
def _keys(kind: type) -> tuple[tuple[str, str], ...]:
    """The fields of a state, each with its key in the status."""
    return tuple((part.name, to_camel(part.name.rstrip("_"))) for part in fields(kind))

"""Where Pods go: what the user wrote, and what `accelerator`, `spot` and nodes that are about to go add to it."""

from collections.abc import Iterable, Mapping
from itertools import product
from typing import Any

from eagleray.api.placement import Placement
from eagleray.domain.goals.fleet import Fleet

Term = Mapping[str, list[Any]]
_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
_PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"
# As much as anything can weigh: with less, an emptier node of the other kind would win.
_WEIGHT = 100


def node_placement(placement: Placement | None, fleet: Fleet, leaving: Iterable[str]) -> dict[str, Any]:
    """Build nodeSelector, tolerations and affinity of a worker Pod; nothing where nothing is asked for.

    Args:
        placement: what spec says.
        fleet: what labels and taints of nodes mean.
        leaving: nodes that are about to go: a Pod that tolerates everything would be placed there again.
    """
    found: dict[str, Any] = {}
    if placement is None:
        placement = Placement()
    if placement.node_selector:
        found["nodeSelector"] = dict(placement.node_selector)
    if tolerations := _tolerations(placement, fleet):
        found["tolerations"] = tolerations
    groups = [group for group in (_accelerator(placement, fleet), _spot(placement, fleet), _not_on(leaving)) if group]
    if affinity := _with_nodes(placement.affinity, groups, _preferences(placement, fleet)):
        found["affinity"] = affinity
    return found


def prefer_lasting(fleet: Fleet) -> dict[str, Any]:
    """Build the node affinity of what a whole revision depends on: rather no spot node."""
    if not fleet.spot_labels:
        return {}
    return {"nodeAffinity": {_PREFERRED: [{"weight": _WEIGHT, "preference": _no_spot(fleet)}]}}


def forbid_spot(fleet: Fleet) -> dict[str, Any]:
    """Build the node affinity of what must not run on a spot node."""
    return {"nodeAffinity": {_REQUIRED: {"nodeSelectorTerms": [_no_spot(fleet)]}}} if fleet.spot_labels else {}


def _tolerations(placement: Placement, fleet: Fleet) -> list[dict[str, Any]]:
    found = [t.model_dump(mode="json", by_alias=True, exclude_none=True) for t in placement.tolerations or []]
    keys = list(fleet.accelerator_taints) if placement.accelerator else []
    keys += fleet.spot_taints if placement.spot in {"Allow", "Prefer", "Require"} else []
    found += [{"key": key, "operator": "Exists"} for key in keys]
    return [toleration for place, toleration in enumerate(found) if toleration not in found[:place]]


def _accelerator(placement: Placement, fleet: Fleet) -> list[Term]:
    return _any_of(fleet.accelerators.get(placement.accelerator, {})) if placement.accelerator else []


def _spot(placement: Placement, fleet: Fleet) -> list[Term]:
    if placement.spot == "Require":
        return _any_of(fleet.spot_labels)
    return [_no_spot(fleet)] if placement.spot == "Forbid" and fleet.spot_labels else []


def _preferences(placement: Placement, fleet: Fleet) -> list[dict[str, Any]]:
    if placement.spot != "Prefer":
        return []
    return [{"weight": _WEIGHT, "preference": term} for term in _any_of(fleet.spot_labels)]


def _not_on(leaving: Iterable[str]) -> list[Term]:
    fields = [{"key": "metadata.name", "operator": "NotIn", "values": [name]} for name in leaving]
    return [{"matchFields": fields}] if fields else []


def _any_of(labels: Mapping[str, list[str]]) -> list[Term]:
    return [
        {"matchExpressions": [{"key": label, "operator": "In", "values": values}]} for label, values in labels.items()
    ]


def _no_spot(fleet: Fleet) -> Term:
    return {
        "matchExpressions": [
            {"key": label, "operator": "NotIn", "values": values} for label, values in fleet.spot_labels.items()
        ]
    }


def _with_nodes(
    affinity: Mapping[str, Any] | None, groups: list[list[Term]], preferences: list[dict[str, Any]]
) -> dict[str, Any]:
    """The user's affinity with more terms: one of each group must hold, and one of the user's own.

    What is not shaped as an affinity is left as it is: the API server refuses it, and its words are shown.
    """
    found: dict[str, Any] = dict(affinity or {})
    nodes = found.get("nodeAffinity") or {}
    if not (groups or preferences) or not isinstance(nodes, dict):
        return found
    required = nodes.get(_REQUIRED) or {}
    own = required.get("nodeSelectorTerms") if isinstance(required, dict) else None
    if groups and isinstance(required, dict):
        terms = [_both(terms) for terms in product(*([own] if own else []), *groups)]
        nodes = {**nodes, _REQUIRED: {**required, "nodeSelectorTerms": terms}}
    if preferences:
        nodes = {**nodes, _PREFERRED: [*(nodes.get(_PREFERRED) or []), *preferences]}
    return {**found, "nodeAffinity": nodes}


def _both(terms: Iterable[Term]) -> Term:
    joined: dict[str, list[Any]] = {}
    for term in terms:
        for kind, requirements in term.items():
            joined[kind] = [*joined.get(kind, []), *requirements]
    return joined

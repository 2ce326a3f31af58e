"""Whether a child is as we want it: field by field, with the fields of others left alone."""

from collections.abc import Mapping, Sequence
from typing import Any

from eagleray.api.units import parse_quantity
from eagleray.kube.kinds import Manifest

# Maps that the API server takes as one value: a key too many is another selector.
_ATOMIC = frozenset({"selector", "labelSelector", "namespaceSelector", "podSelector", "nodeSelector", "matchLabels"})
# Maps whose values the API server writes in their shortest form: `0.5` becomes `500m`.
_QUANTITIES = frozenset({"requests", "limits"})
# What tells the items of a list apart, where it is not their name.
_KEYS = {"ownerReferences": "uid", "volumeMounts": "mountPath"}
_ABSENT = object()


def differs(live: Manifest, wanted: Manifest) -> str:
    """Name the first field of `wanted` that is another one in `live`; "" where every one is as wanted.

    Fields that `wanted` does not have belong to others: defaults, addresses, what admission adds. Selectors are
    compared whole, lists of named items item by item and in any order, other lists as they are.

    Args:
        live: the object as it is held; see `eagleray.kube.trim.trim`.
        wanted: the object as it is to be, trimmed alike.

    Returns:
        The field's path, such as `spec.template.spec.containers[envoy].image`.
    """
    return _object(live, wanted, "")


def _object(live: Mapping[str, Any], wanted: Mapping[str, Any], path: str) -> str:
    fields = (_value(live.get(k, _ABSENT), v, f"{path}.{k}" if path else k) for k, v in wanted.items())
    return next(filter(None, fields), "")


def _value(live: object, wanted: object, path: str) -> str:
    if live is _ABSENT or live is None:
        # The API server leaves out what is empty.
        return "" if wanted is None or wanted in ("", [], {}) else path
    if isinstance(wanted, dict):
        return _map(live, wanted, path) if isinstance(live, dict) else path
    if isinstance(wanted, list):
        return _list(live, wanted, path) if isinstance(live, list) else path
    return "" if _same(live, wanted) else path


def _map(live: Mapping[str, Any], wanted: Mapping[str, Any], path: str) -> str:
    name = path.rpartition(".")[2]
    if name in _ATOMIC:
        return "" if live == wanted else path
    if name in _QUANTITIES:
        return next((f"{path}.{k}" for k, v in wanted.items() if not _same_quantity(live.get(k), v)), "")
    return _object(live, wanted, path)


def _list(live: Sequence[Any], wanted: Sequence[Any], path: str) -> str:
    key = _KEYS.get(path.rpartition(".")[2], "name")
    if wanted and all(isinstance(item, dict) and key in item for item in wanted):
        items = {item[key]: item for item in live if isinstance(item, dict) and isinstance(item.get(key), str)}
        return next(filter(None, (_value(items.get(w[key], _ABSENT), w, f"{path}[{w[key]}]") for w in wanted)), "")
    if len(live) != len(wanted):
        return path
    items_differ = (_value(a, w, f"{path}[{n}]") for n, (a, w) in enumerate(zip(live, wanted, strict=True)))
    return next(filter(None, items_differ), "")


def _same(live: object, wanted: object) -> bool:
    return live == wanted and isinstance(live, bool) == isinstance(wanted, bool)


def _same_quantity(live: object, wanted: object) -> bool:
    if live == wanted:
        return True
    try:
        return parse_quantity(str(live)) == parse_quantity(str(wanted))
    except ValueError:
        return False

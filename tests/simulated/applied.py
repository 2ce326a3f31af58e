"""Server-side apply: who owns which field, what an apply sets, takes over and takes away.

A field is known by its path: names of fields, and for an item of a named list the values of its key. Fields that the
server keeps itself are nobody's.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from eagleray.kube.kinds import Manifest

Path = tuple[object, ...]
# A manager, how it wrote (Apply or Update).
Manager = tuple[str, str]

_KEYS: Mapping[str, tuple[str, ...]] = {
    "containers": ("name",),
    "initContainers": ("name",),
    "ephemeralContainers": ("name",),
    "env": ("name",),
    "volumes": ("name",),
    "volumeMounts": ("mountPath",),
    "imagePullSecrets": ("name",),
    "ownerReferences": ("uid",),
    "topologySpreadConstraints": ("topologyKey", "whenUnsatisfiable"),
}
_PORT_KEYS = (("containerPort", "protocol"), ("port", "protocol"))
# Maps that are set as a whole.
_ATOMIC = {"selector", "nodeSelector", "matchLabels", "labelSelector", "fieldRef", "secretKeyRef"}
_SERVERS_OWN = {
    ("apiVersion",),
    ("kind",),
    ("metadata", "name"),
    ("metadata", "namespace"),
    ("metadata", "uid"),
    ("metadata", "resourceVersion"),
    ("metadata", "generation"),
    ("metadata", "creationTimestamp"),
    ("metadata", "deletionTimestamp"),
    ("metadata", "deletionGracePeriodSeconds"),
}


def key_of(field: object, items: list[Any]) -> tuple[str, ...]:
    """What tells the items of a list apart; nothing where the list is set as a whole."""
    if not items or not all(isinstance(item, Mapping) for item in items):
        return ()
    if field == "ports":
        return next((keys for keys in _PORT_KEYS if keys[0] in items[0]), ())
    keys = _KEYS.get(str(field), ())
    return keys if keys and all(keys[0] in item for item in items) else ()


def fields(manifest: Manifest) -> dict[Path, Any]:
    """Every field of a manifest that somebody may own, with its value."""
    bare = {key: value for key, value in manifest.items() if key != "status"}
    bare["metadata"] = {key: value for key, value in manifest["metadata"].items() if key != "managedFields"}
    return {path: value for path, value in _leaves(bare, ()) if path not in _SERVERS_OWN}


def _leaves(value: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    last = path[-1] if path else ""
    if isinstance(value, Mapping) and value and last not in _ATOMIC and not (path and path[0] == "data" and path[1:]):
        for key, inner in value.items():
            yield from _leaves(inner, (*path, key))
        return
    keys = key_of(last, value) if isinstance(value, list) else ()
    if not keys:
        yield path, value
        return
    for item in value:
        yield from _leaves(item, (*path, _item(keys, item)))


def _item(keys: tuple[str, ...], item: Mapping[str, Any]) -> Path:
    return tuple((key, item.get(key, "TCP" if key == "protocol" else "")) for key in keys)


def combine(live: Any, config: Any, field: object = "", path: Path = ()) -> Any:
    """`live` with all that `config` says."""
    atomic = field in _ATOMIC or bool(path and path[0] == "data" and path[1:])
    if isinstance(config, Mapping) and isinstance(live, Mapping) and not atomic:
        result = dict(live)
        for key, value in config.items():
            result[key] = combine(live[key], value, key, (*path, key)) if key in live else value
        return result
    keys = key_of(field, config) if isinstance(config, list) else ()
    if not keys or not isinstance(live, list):
        return config
    wanted = {_item(keys, item): item for item in config}
    kept = [combine(item, wanted.pop(_item(keys, item), {}), "", path) for item in live]
    return [*kept, *wanted.values()]


def without(live: Any, paths: Iterable[Path]) -> Any:
    """`live` without these fields; items and maps that they leave empty go with them."""
    by_first: dict[object, list[Path]] = {}
    for path in paths:
        by_first.setdefault(path[0], []).append(path[1:])
    if isinstance(live, list):
        rest = [_rest(item, by_first.get(_found(item, by_first), [])) for item in live]
        return [item for item in rest if item != {}]
    if not isinstance(live, Mapping):
        return live
    result = {}
    for key, value in live.items():
        inner = by_first.get(key)
        if inner is None:
            result[key] = value
        elif all(inner):
            rest_of = without(value, inner)
            if rest_of not in ({}, []):
                result[key] = rest_of
    return result


def _rest(item: Any, paths: list[Path]) -> Any:
    return without(item, paths) if paths else item


def _found(item: Mapping[str, Any], firsts: Mapping[object, Any]) -> object:
    for first in firsts:
        if isinstance(first, tuple) and _item(tuple(key for key, _ in first), item) == first:
            return first
    return None


class Ownership:
    """Who owns which fields of one object."""

    def __init__(self) -> None:
        self._sets: dict[Manager, set[Path]] = {}

    @property
    def managers(self) -> list[Manager]:
        return list(self._sets)

    def updated(self, manager: str, before: Mapping[Path, Any], after: Mapping[Path, Any]) -> None:
        """Somebody wrote the whole object: what differs is theirs now."""
        changed = {path for path, value in after.items() if path not in before or before[path] != value}
        self._taken(changed | (before.keys() - after.keys()))
        self._sets.setdefault((manager, "Update"), set()).update(changed)
        self._forget_empty()

    def foreign(self, manager: Manager, config: Mapping[Path, Any], live: Mapping[Path, Any]) -> dict[str, list[Path]]:
        """The fields that an apply would take from others, by their manager."""
        found: dict[str, list[Path]] = {}
        for other, paths in self._sets.items():
            taken = [p for p in paths & config.keys() if live.get(p) != config[p]] if other != manager else []
            if taken:
                found[other[0]] = taken
        return found

    def apply(self, manager: str, config: Mapping[Path, Any], live: Mapping[Path, Any]) -> set[Path]:
        """Somebody applied `config`.

        Returns:
            The fields that are nobody's any more.
        """
        me = (manager, "Apply")
        before = self._sets.get(me, set())
        self._taken({path for path, value in config.items() if live.get(path) != value}, but=me)
        self._sets[me] = set(config)
        gone = before - config.keys()
        for other, paths in self._sets.items():
            if other != me:
                gone -= paths
        self._forget_empty()
        return gone

    def _taken(self, paths: set[Path], but: Manager | None = None) -> None:
        for other, own in self._sets.items():
            if other != but:
                own.difference_update(paths)

    def _forget_empty(self) -> None:
        self._sets = {manager: paths for manager, paths in self._sets.items() if paths}

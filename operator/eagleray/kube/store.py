"""The world as it is held: every ModelDeployment and every child of ours, put together from events and own writes.

What comes may come twice, late, or not at all: only the resourceVersion tells what is newer, and one list per kind from
time to time tells what was missed.
"""

from collections import OrderedDict
from collections.abc import Collection, Iterable, Mapping
from typing import Any

import orjson
import structlog

from eagleray.kube.held import Held, Seen, controller_of
from eagleray.kube.index import Index
from eagleray.kube.kinds import CHILD_LABELS, HELD, MODEL_DEPLOYMENT, Key, Kind, Manifest, Ref

__all__ = ["Held", "Store"]

log = structlog.get_logger(__name__)

GONE_REMEMBERED = 100_000
"""Uids of deleted objects that are remembered."""

Keys = frozenset[Key]
_NOBODY: Keys = frozenset()
# What the operator's own status does not touch.
_INTENT = ("generation", "annotations", "labels", "ownerReferences", "finalizers", "deletionTimestamp")


class Store:
    """Holds the objects. It belongs to one event loop and is not for use from other threads.

    Args:
        remembered: how many uids of deleted objects are remembered.
    """

    def __init__(self, remembered: int = GONE_REMEMBERED) -> None:
        self._remembered = remembered
        self._held: dict[Kind, dict[Ref, Held]] = {kind: {} for kind in HELD}
        self._places: dict[str, Ref] = {}
        self._children: Index[tuple[str, str]] = Index()
        self._claimed: Index[Key] = Index()
        self._ownerless: Index[Key] = Index()
        self._on_node: Index[str] = Index()
        self._gone: OrderedDict[str, int] = OrderedDict()
        self._listed: dict[tuple[Kind, str | None], int] = {}
        self._anew: set[tuple[Kind, str | None]] = set()

    def put(self, manifest: Mapping[str, Any]) -> Keys:
        """Take an object as an event, a write or a list gave it; what is older than what is held changes nothing.

        Returns:
            What is to be looked at: nothing where only the version changed, or a ModelDeployment's status.
        """
        seen = Seen.of(manifest)
        if seen is None:
            return _NOBODY
        held = self.get(seen.ref)
        if self._is_late(seen, held):
            return _NOBODY
        if not self._belongs(seen.ref.kind, manifest):
            return self._take_out(held) if held else _NOBODY
        version = (held.version if held else 0) if seen.version is None else seen.version
        try:
            new = Held.of(seen, manifest, version)
        except orjson.JSONEncodeError as e:
            log.warning("An object cannot be held and is not looked after", ref=str(seen.ref), error=str(e))
            return _NOBODY
        if held and not _changed(held, new):
            self._held[new.ref.kind][new.ref] = new
            return _NOBODY
        before = self._take_out(held) if held else _NOBODY
        if held and held.uid != new.uid:
            self._forget(held.uid, version)
        self._put_in(new)
        return before | self._wakes(new)

    def remove(self, manifest: Mapping[str, Any]) -> Keys:
        """Take a deletion; that of another object of the same name, or of an older state, removes nothing.

        Returns:
            What is to be looked at.
        """
        seen = Seen.of(manifest)
        if seen is None:
            return _NOBODY
        if not _is_watched(seen.ref.kind, manifest) and "deletionTimestamp" not in manifest["metadata"]:
            # It only lost the labels by which it is watched: to its watch that is the same.
            return self.put(manifest)
        held = self.get(seen.ref)
        if held is None or held.uid != seen.uid:
            self._forget(seen.uid, seen.version or 0)
            return _NOBODY
        if seen.version is not None and seen.version < held.version:
            # It only lost the labels by which it is watched, and has them again.
            return _NOBODY
        self._forget(seen.uid, seen.version or held.version)
        return self._take_out(held)

    def begin(self, kind: Kind, namespace: str | None, version: int | None) -> Keys:
        """A list begins, whose items are `put`: where it is older than the one before, nothing that is held counts.

        Args:
            kind: the kind that is listed.
            namespace: the namespace that is listed, None for all.
            version: of the list, None where it is no number.

        Returns:
            What is to be looked at.
        """
        if version is None or version >= self._listed.get((kind, namespace), 0):
            return _NOBODY
        log.warning("The API server's history began anew; its list is taken as it is", kind=kind.kind)
        self._gone.clear()
        del self._listed[kind, namespace]
        self._anew.add((kind, namespace))
        return frozenset(key for held in self._of(kind, namespace) for key in self._take_out(held))

    def end(self, kind: Kind, namespace: str | None, version: int | None, uids: Collection[str]) -> Keys:
        """A list has ended: what is held, is older than the list and not in it, has gone unseen.

        Args:
            kind: the kind that was listed.
            namespace: the namespace that was listed, None for all.
            version: of the list, None where it is no number.
            uids: of all that is in it.

        Returns:
            What is to be looked at.
        """
        keys: set[Key] = set()
        place = kind, namespace
        least = None if place in self._anew else version
        for held in self._of(kind, namespace):
            if held.uid not in uids and (least is None or held.version <= least):
                self._forget(held.uid, least or held.version)
                keys |= self._take_out(held)
        self._listed[place] = version or 0
        self._anew.discard(place)
        return frozenset(keys)

    def get(self, ref: Ref) -> Held | None:
        """The object at a place, None where none is held."""
        return self._held.get(ref.kind, {}).get(ref)

    def owned(self, uid: str) -> tuple[Held, ...]:
        """Everything below an object: what it controls, and what that controls, within its namespace.

        Args:
            uid: the object's; nothing is below one that is not held.
        """
        top = self._by_uid(uid)
        below: dict[str, Held] = {}
        waiting = [top] if top else []
        while waiting:
            owner = waiting.pop()
            for child in self._all(self._children.of((owner.ref.namespace, owner.uid))):
                if child.uid not in below and child.uid != uid:
                    below[child.uid] = child
                    waiting.append(child)
        return _sorted(below.values())

    def ownerless(self, namespace: str, name: str) -> tuple[Held, ...]:
        """What carries our labels for this ModelDeployment and has no owner at all: it may be adopted."""
        return _sorted(self._all(self._ownerless.of(Key(namespace, name))))

    def lost(self) -> tuple[Held, ...]:
        """All Pods whose ModelDeployment is not held: left behind by one that is gone."""
        return _sorted(pod for pod in self._all(self._claimed) if self._is_lost(pod))

    def lost_of(self, key: Key) -> tuple[Held, ...]:
        """Of these, the ones of a ModelDeployment that had this name."""
        return _sorted(pod for pod in self._all(self._claimed.of(key)) if self._is_lost(pod))

    def gone(self, uid: str) -> bool:
        """Whether the object with this uid was seen deleted."""
        return uid in self._gone

    def keys(self) -> Keys:
        """All ModelDeployments."""
        return frozenset(Key(ref.namespace, ref.name) for ref in self._held[MODEL_DEPLOYMENT])

    def pods_on(self, node: str) -> Keys:
        """Whose Pods are on a node."""
        return frozenset(key for pod in self._all(self._on_node.of(node)) for key in self._wakes(pod))

    def _belongs(self, kind: Kind, manifest: Mapping[str, Any]) -> bool:
        """Whether an object is of ours: a watch tells of it, or what is held controls it and will have it watched.

        Of what none of the two is true for, nobody would say when it is gone.
        """
        return _is_watched(kind, manifest) or controller_of(manifest) in self._places

    def _is_late(self, seen: Seen, held: Held | None) -> bool:
        """Whether what was seen is older than what is held, deleted since, or was missing in a newer list."""
        if seen.version is None:
            return False
        if held is not None and seen.version <= held.version:
            if seen.uid != held.uid:
                self._forget(seen.uid, held.version)
            return True
        if seen.version <= self._gone.get(seen.uid, -1):
            return True
        lists = ((seen.ref.kind, None), (seen.ref.kind, seen.ref.namespace))
        return held is None and seen.version <= max(self._listed.get(place, -1) for place in lists)

    def _forget(self, uid: str, version: int) -> None:
        self._gone[uid] = max(version, self._gone.pop(uid, 0))
        while len(self._gone) > self._remembered:
            self._gone.popitem(last=False)

    def _put_in(self, new: Held) -> None:
        self._gone.pop(new.uid, None)
        self._held[new.ref.kind][new.ref] = new
        self._places[new.uid] = new.ref
        for index, key in self._entries(new):
            index.add(key, new.ref)

    def _take_out(self, held: Held) -> Keys:
        keys = self._wakes(held)
        del self._held[held.ref.kind][held.ref]
        if self._places.get(held.uid) == held.ref:
            del self._places[held.uid]
        for index, key in self._entries(held):
            index.discard(key, held.ref)
        return keys

    def _entries(self, held: Held) -> Iterable[tuple[Index[Any], Any]]:
        if held.controller:
            yield self._children, (held.ref.namespace, held.controller)
        if held.claim:
            yield self._claimed, held.claim
        if held.adopter:
            yield self._ownerless, held.adopter
        if held.node:
            yield self._on_node, held.node

    def _wakes(self, held: Held) -> Keys:
        """Whose look an object's change is worth: its ModelDeployment's, up the chain of controllers."""
        passed: set[str] = set()
        top: Held | None = held
        while top is not None and top.uid not in passed:
            if top.ref.kind == MODEL_DEPLOYMENT:
                return frozenset({Key(top.ref.namespace, top.ref.name)})
            if top.adopter:
                return frozenset({top.adopter})
            passed.add(top.uid)
            owner = self._by_uid(top.controller)
            top = owner if owner and owner.ref.namespace == held.ref.namespace else None
        return frozenset({held.claim}) if held.claim else _NOBODY

    def _is_lost(self, pod: Held) -> bool:
        owner = self._by_uid(pod.controller)
        return owner is None or owner.ref.namespace != pod.ref.namespace

    def _by_uid(self, uid: str) -> Held | None:
        ref = self._places.get(uid)
        return self.get(ref) if ref else None

    def _of(self, kind: Kind, namespace: str | None) -> list[Held]:
        return [held for held in self._held[kind].values() if namespace in {None, held.ref.namespace}]

    def _all(self, refs: Iterable[Ref]) -> Iterable[Held]:
        return (held for ref in refs if (held := self.get(ref)))


def _is_watched(kind: Kind, manifest: Mapping[str, Any]) -> bool:
    """Whether a watch tells of an object: it has the labels by which children are watched."""
    if kind == MODEL_DEPLOYMENT:
        return True
    labels = manifest["metadata"].get("labels")
    marks = labels if isinstance(labels, dict) else {}
    return all(label in marks and (not mark or marks[label] == mark) for label, mark in CHILD_LABELS.items())


def _changed(old: Held, new: Held) -> bool:
    if old.raw == new.raw:
        return False
    if new.ref.kind != MODEL_DEPLOYMENT or old.uid != new.uid:
        return True
    return _intent(old.body) != _intent(new.body)


def _intent(body: Manifest) -> tuple[object, ...]:
    return tuple(body["metadata"].get(field) for field in _INTENT)


def _sorted(objects: Iterable[Held]) -> tuple[Held, ...]:
    return tuple(sorted(objects, key=lambda held: (held.ref.kind.kind, held.ref.namespace, held.ref.name)))

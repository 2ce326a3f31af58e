"""What an API server keeps: the present version of every object, who owns which of its fields, and who is told.

What is kept is never changed in place: whoever is given a manifest must not change it either.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from eagleray.kube.kinds import EVENT, Kind, Manifest, Ref
from simulated.applied import Ownership
from simulated.clock import Clock
from simulated.objects import finalizers_of, is_ending, not_found, ref_of, selected, with_meta

EVENT_SECONDS = 3600.0
# A method is called `list`, so the built-in type needs another name in the annotations after it.
Manifests = list[Manifest]


@dataclass(frozen=True, slots=True)
class Change:
    """Something that came to be.

    Attributes:
        ref: the object.
        old: as it was; None where it is new.
        new: as it is; None where it is gone.
        who: who did it, by field manager.
        end: where it is gone, what it was at its very end.
    """

    ref: Ref
    old: Manifest | None
    new: Manifest | None
    who: str
    end: Manifest | None = None

    @property
    def last(self) -> Manifest:
        """The object as it is, or as it was last."""
        found = self.new or self.end
        assert found is not None
        return found


class Storage:
    """Versions of objects, and who is told of them.

    Args:
        clock: the server's wall clock.
    """

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.listeners: list[Callable[[Change], None]] = []
        self.version = 0
        self._objects: defaultdict[Kind, dict[tuple[str, str], Manifest]] = defaultdict(dict)
        self._owned: defaultdict[str, Ownership] = defaultdict(Ownership)
        self._raw: dict[str, str] = {}
        self._expiry: dict[tuple[str, str], float] = {}

    def find(self, ref: Ref) -> Manifest | None:
        """The object, or None where there is none."""
        if ref.kind == EVENT and self._expiry.get((ref.namespace, ref.name), 0.0) <= asyncio.get_running_loop().time():
            self._objects[EVENT].pop((ref.namespace, ref.name), None)
        return self._objects[ref.kind].get((ref.namespace, ref.name))

    def get(self, ref: Ref) -> Manifest:
        """The object.

        Raises:
            RefusedError: there is none.
        """
        live = self.find(ref)
        if live is None:
            raise not_found(ref)
        return live

    def list(self, kind: Kind, namespace: str | None = None, labels: Mapping[str, str] | None = None) -> list[Manifest]:
        """All objects of a kind; a label of "" may have any value."""
        live = [
            m for (ns, _), m in self._objects[kind].items() if namespace in {None, ns} and selected(m, labels or {})
        ]
        return live if kind != EVENT else [m for m in live if self.find(ref_of(m)) is not None]

    def everything(self) -> Iterable[Manifest]:
        """Every object of every kind."""
        return [m for kind in list(self._objects) for m in self.list(kind)]

    def _keep(self, new: Manifest, live: Manifest | None, who: str) -> Manifest:
        """Keep a version where it differs, and tell; one that was only waiting for its finalizers goes."""
        ref = ref_of(new)
        if live is not None and _same(live, new):
            return live
        meta = new["metadata"]
        if is_ending(new) and not finalizers_of(new) and not meta.get("deletionGracePeriodSeconds"):
            self._drop(new, who)
            return new
        if live is not None and "generation" in meta and _content(live) != _content(new):
            meta = {**meta, "generation": live["metadata"]["generation"] + 1}
        self.version += 1
        meta = {
            **meta,
            "resourceVersion": str(self.version),
            "managedFields": self._managed(meta["uid"], live, new, who),
        }
        kept = {**new, "metadata": meta}
        self._objects[ref.kind][ref.namespace, ref.name] = kept
        if ref.kind == EVENT:
            self._expiry[ref.namespace, ref.name] = asyncio.get_running_loop().time() + EVENT_SECONDS
        self._tell(Change(ref, live, kept, who))
        return kept

    def _managed(self, uid: str, live: Manifest | None, new: Manifest, who: str) -> Manifests:
        before = (live or new)["metadata"].get("managedFields", [])
        times = {(m["manager"], m["operation"], m.get("subresource", "")): m["time"] for m in before}
        status = live is not None and live.get("status") != new.get("status")
        owners = [(*manager, "") for manager in self._owned[uid].managers]
        owners += [m for m in times if m[2]]
        if status and (who, "Update", "status") not in owners:
            owners.append((who, "Update", "status"))
        now = self.clock.stamp()
        return [_entry(owner, now if owner[0] == who else times.get(owner, now), new["apiVersion"]) for owner in owners]

    def _drop(self, last: Manifest, who: str) -> None:
        ref, uid = ref_of(last), last["metadata"]["uid"]
        before = self._objects[ref.kind].pop((ref.namespace, ref.name))
        self._owned.pop(uid)
        self._raw.pop(uid, None)
        self.version += 1
        self._tell(Change(ref, before, None, who, with_meta(last, resourceVersion=str(self.version))))

    def _tell(self, change: Change) -> None:
        for listener in list(self.listeners):
            listener(change)


def _entry(owner: tuple[str, ...], time: str, api_version: str) -> Manifest:
    manager, operation, subresource = owner
    entry = {"manager": manager, "operation": operation, "apiVersion": api_version, "time": time}
    entry |= {"fieldsType": "FieldsV1"}
    return {**entry, **({"subresource": subresource} if subresource else {})}


def _content(manifest: Manifest) -> Manifest:
    return {key: value for key, value in manifest.items() if key not in {"metadata", "status"}}


def _same(old: Manifest, new: Manifest) -> bool:
    ignored = {"managedFields", "resourceVersion"}
    before = {key: value for key, value in old["metadata"].items() if key not in ignored}
    after = {key: value for key, value in new["metadata"].items() if key not in ignored}
    return before == after and {**old, "metadata": 0} == {**new, "metadata": 0}

"""What leads to an object's routers, read from its children: statuses that others write, of any shape."""

from collections.abc import Iterable, Mapping
from typing import Any, get_args

from eagleray.domain.facts.entrances import Entrance, EntranceKind, GatewayWord
from eagleray.kube.kinds import Key, Manifest
from eagleray.kube.store import Held

# A route is taken where all of these hold; a Gateway that has not said each of them is still at it.
_TAKEN = ("Accepted", "ResolvedRefs")


def read_entrances(key: Key, owned: Iterable[Held]) -> tuple[Entrance, ...]:
    """Read them: the children of these kinds that are called as the object, and are not being deleted.

    Args:
        key: the object.
        owned: all that it owns, trimmed.
    """
    kinds: Mapping[str, EntranceKind] = {kind: kind for kind in get_args(EntranceKind)}
    found = [held for held in owned if held.ref.name == key.name and held.ref.kind.kind in kinds and not held.deleting]
    return tuple(_entrance(kinds[held.ref.kind.kind], held.body) for held in found)


def _entrance(kind: EntranceKind, manifest: Manifest) -> Entrance:
    status, meta = manifest.get("status") or {}, manifest["metadata"]
    given = (status.get("loadBalancer") or {}).get("ingress") or []
    addresses = (each.get("hostname") or each.get("ip") for each in given)
    words = (_word(parent, meta.get("generation", 0)) for parent in status.get("parents") or [])
    return Entrance(
        kind=kind,
        uid=meta["uid"],
        addresses=tuple(address for address in addresses if address),
        words=tuple(word for word in words if word),
    )


def _word(parent: Mapping[str, Any], generation: int) -> GatewayWord | None:
    """What one Gateway says of the route as it is now, None while it has not said all."""
    now = (c for c in parent.get("conditions") or [] if c.get("observedGeneration", generation) >= generation)
    said = {condition["type"]: condition for condition in now}
    ref = parent["parentRef"]
    where = "/".join(ref[part] for part in ("namespace", "name", "sectionName") if ref.get(part))
    refused = [c for kind in _TAKEN if (c := said.get(kind)) and c.get("status") == "False"]
    if refused:
        why = ": ".join(refused[0][part] for part in ("reason", "message") if refused[0].get(part))
        return GatewayWord(where, why or f"{refused[0]['type']} is False")
    return GatewayWord(where) if all(said.get(kind, {}).get("status") == "True" for kind in _TAKEN) else None

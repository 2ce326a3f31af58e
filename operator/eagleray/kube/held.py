"""One object as the store holds it."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import orjson

from eagleray.domain.facts import labels as names
from eagleray.kube.client import FIELD_MANAGER
from eagleray.kube.kinds import HELD, MODEL_DEPLOYMENT, POD, Key, Kind, Manifest, Ref
from eagleray.kube.trim import trim

_KINDS: Mapping[object, Kind] = {(kind.api_version, kind.kind): kind for kind in HELD}


@dataclass(frozen=True, slots=True)
class Seen:
    """The head of an object that somebody gave: enough to tell whether it is news.

    Attributes:
        ref: its place.
        uid: its uid.
        version: its resourceVersion, None where it is no number, as none is that keeps to KEP-5504.
    """

    ref: Ref
    uid: str
    version: int | None

    @classmethod
    def of(cls, manifest: Mapping[str, Any]) -> Self | None:
        """Read a manifest's head; None where it is of no kind that is held, or lacks what every object has."""
        meta = manifest.get("metadata")
        kind = _KINDS.get((manifest.get("apiVersion"), manifest.get("kind"))) if _is_named(manifest) else None
        if kind is None or not isinstance(meta, dict):
            return None
        namespace, name, uid = (meta.get(field) for field in ("namespace", "name", "uid"))
        if not all(isinstance(text, str) and text for text in (namespace, name, uid)):
            return None
        return cls(Ref(kind, str(namespace), str(name)), str(uid), number(meta.get("resourceVersion")))


@dataclass(frozen=True, slots=True)
class Held:
    """One object as the store keeps it: its body trimmed, and what it is found by.

    Attributes:
        ref: its place.
        uid: its uid.
        version: its resourceVersion, 0 where none was ever a number.
        controller: uid of the owner that controls it; "" where none does.
        labels: its labels.
        deleting: whether its deletion has begun.
        ours: whether our field manager has written it.
        raw: its trimmed body as compact JSON, without the resourceVersion.
        claim: of a Pod, the ModelDeployment that its controller's reference names, there or not.
        adopter: of an object without any owner reference, the ModelDeployment that its labels name.
        node: of a Pod, its node; "" while it has none.
    """

    ref: Ref
    uid: str
    version: int
    controller: str
    labels: Mapping[str, str]
    deleting: bool
    ours: bool
    raw: bytes
    claim: Key | None = None
    adopter: Key | None = None
    node: str = ""

    @property
    def body(self) -> Manifest:
        """The trimmed body, parsed anew for whoever asks: it may be changed."""
        body: Manifest = orjson.loads(self.raw)
        if self.version:
            body["metadata"]["resourceVersion"] = str(self.version)
        return body

    @classmethod
    def of(cls, seen: Seen, manifest: Mapping[str, Any], version: int) -> Self:
        """Trim and keep an object.

        Args:
            seen: its head.
            manifest: the object.
            version: the version to keep it at.

        Raises:
            orjson.JSONEncodeError: it is no JSON, for instance because it is nested too deeply.
        """
        body = trim(manifest)
        meta, ref = body["metadata"], seen.ref
        owners = meta.get("ownerReferences", [])
        owner: Manifest = next((o for o in owners if o.get("controller")), {})
        labels = {sys.intern(k): sys.intern(v) for k, v in meta.get("labels", {}).items()}
        by_label = labels.get(names.NAME, "") if labels.get(names.MANAGED_BY) == names.MANAGER else ""
        is_model, is_pod = ref.kind == MODEL_DEPLOYMENT, ref.kind == POD
        claims = is_pod and owner.get("kind") == MODEL_DEPLOYMENT.kind and "name" in owner
        return cls(
            ref=ref,
            uid=seen.uid,
            version=version,
            controller=owner.get("uid", ""),
            labels=labels,
            deleting="deletionTimestamp" in meta,
            ours=_is_ours(manifest),
            raw=_compact(body),
            claim=Key(ref.namespace, owner["name"]) if claims else None,
            adopter=Key(ref.namespace, by_label) if by_label and not owners and not is_model else None,
            node=body.get("spec", {}).get("nodeName", "") if is_pod else "",
        )


def _compact(body: Manifest) -> bytes:
    # orjson's result keeps all of its buffer, which has 8 KiB at least; a copy has what it needs.
    return bytes(memoryview(orjson.dumps(body, option=orjson.OPT_SORT_KEYS)))


def controller_of(manifest: Mapping[str, Any]) -> str:
    """The uid of the owner that controls an object; "" where none does. Any shape of a manifest will do."""
    owners = _pick_owners(manifest)
    return next((owner["uid"] for owner in owners if owner.get("controller") and isinstance(owner.get("uid"), str)), "")


def _pick_owners(manifest: Mapping[str, Any]) -> list[Manifest]:
    meta = manifest.get("metadata")
    owners = meta.get("ownerReferences") if isinstance(meta, dict) else None
    return [owner for owner in owners if isinstance(owner, dict)] if isinstance(owners, list) else []


def number(version: object) -> int | None:
    """Read a resourceVersion; None where it is no number."""
    text = version if isinstance(version, str) else ""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 20 else None


def _is_named(manifest: Mapping[str, Any]) -> bool:
    return all(isinstance(manifest.get(field), str) for field in ("apiVersion", "kind"))


def _is_ours(manifest: Mapping[str, Any]) -> bool:
    managers = manifest["metadata"].get("managedFields")
    entries = managers if isinstance(managers, list) else []
    return any(isinstance(entry, dict) and entry.get("manager") == FIELD_MANAGER for entry in entries)

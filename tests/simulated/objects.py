"""What manifests are made of: places, labels, owners, patches, and the answers that refuse."""

from collections.abc import Mapping
from typing import Any

import orjson

from eagleray.kube import kinds
from eagleray.kube.kinds import NODE, Kind, Manifest, Ref

KINDS: Mapping[tuple[str, str], Kind] = {**kinds.KINDS, (NODE.api_version, NODE.kind): NODE}


class RefusedError(Exception):
    """The API server's answer to a request that it does not carry out.

    Attributes:
        status: the HTTP status.
        body: what it sends: a `Status`, or a text that is none.
    """

    def __init__(self, status: int, body: Manifest | str) -> None:
        super().__init__(body if isinstance(body, str) else body["message"])
        self.status = status
        self.body = body


def refuse(status: int, reason: str, message: str, ref: Ref | None = None) -> RefusedError:
    """An answer with a proper body."""
    details = {"name": ref.name, "group": ref.kind.group, "kind": ref.kind.plural} if ref else {}
    body = {
        "apiVersion": "v1",
        "kind": "Status",
        "metadata": {},
        "status": "Failure",
        "message": message,
        "reason": reason,
        "details": details,
        "code": status,
    }
    return RefusedError(status, body)


def not_found(ref: Ref) -> RefusedError:
    return refuse(404, "NotFound", f'{_resource(ref)} "{ref.name}" not found', ref)


def already_exists(ref: Ref) -> RefusedError:
    return refuse(409, "AlreadyExists", f'{_resource(ref)} "{ref.name}" already exists', ref)


def conflict(ref: Ref, message: str) -> RefusedError:
    words = f'Operation cannot be fulfilled on {_resource(ref)} "{ref.name}": {message}'
    return refuse(409, "Conflict", words, ref)


def forbidden(ref: Ref, message: str) -> RefusedError:
    return refuse(403, "Forbidden", f'{_resource(ref)} "{ref.name}" is forbidden: {message}', ref)


def invalid(ref: Ref, message: str) -> RefusedError:
    return refuse(422, "Invalid", f'{ref.kind.kind} "{ref.name}" is invalid: {message}', ref)


def _resource(ref: Ref) -> str:
    return f"{ref.kind.plural}.{ref.kind.group}" if ref.kind.group else ref.kind.plural


def ref_of(manifest: Manifest) -> Ref:
    meta = manifest["metadata"]
    return Ref(KINDS[manifest["apiVersion"], manifest["kind"]], meta.get("namespace", ""), meta["name"])


def copied(manifest: Manifest) -> Manifest:
    """A copy that shares nothing, through the same JSON as on the wire."""
    copy: Manifest = orjson.loads(orjson.dumps(manifest))
    return copy


def labels_of(manifest: Manifest) -> dict[str, str]:
    found: dict[str, str] = manifest["metadata"].get("labels") or {}
    return found


def selected(manifest: Manifest, labels: Mapping[str, str]) -> bool:
    """Whether a manifest carries these labels; "" stands for any value."""
    own = labels_of(manifest)
    return all(key in own and value in {"", own[key]} for key, value in labels.items())


def owners_of(manifest: Manifest) -> list[Manifest]:
    found: list[Manifest] = manifest["metadata"].get("ownerReferences") or []
    return found


def finalizers_of(manifest: Manifest) -> list[str]:
    found: list[str] = manifest["metadata"].get("finalizers") or []
    return found


def is_ending(manifest: Manifest) -> bool:
    return "deletionTimestamp" in manifest["metadata"]


def with_meta(manifest: Manifest, **fields: Any) -> Manifest:
    """The manifest with other metadata; None takes a field away."""
    meta = {**manifest["metadata"], **fields}
    return {**manifest, "metadata": {key: value for key, value in meta.items() if value is not None}}


def merged(old: object, patch: Mapping[str, Any]) -> Manifest:
    """RFC 7396: a JSON merge patch carried out."""
    result: Manifest = dict(old) if isinstance(old, Mapping) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, Mapping):
            result[key] = merged(result.get(key), value)
        else:
            result[key] = value
    return result

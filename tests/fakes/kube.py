# ruff: noqa: ARG002 - a fake takes every argument of its Protocol
"""An API server in memory: versions, conflicts, preconditions, a naive server-side apply, and failures on demand."""

import copy
from collections import Counter
from collections.abc import Mapping
from typing import Any

from eagleray.kube.client import FIELD_MANAGER, Listed, LogClient
from eagleray.kube.errors import (
    AlreadyExistsError,
    ConflictError,
    InvalidError,
    KubeError,
    NotFoundError,
    NotServedError,
    TransientError,
)
from eagleray.kube.kinds import Kind, Manifest, Ref


class FakeKube(LogClient):
    """`calls` lists what was asked, `fail` maps a verb to the errors of its next calls, `ending` takes time to go.

    `unlisted` says how often a kind's list fails, `missing` which kinds are not served, `logs` what Pods print,
    `warnings` what is warned of, by uid.
    """

    def __init__(self, *manifests: Manifest) -> None:
        self.objects: dict[Ref, Manifest] = {}
        self.calls: list[tuple[str, Ref]] = []
        self.fail: dict[str, list[KubeError]] = {}
        self.ending: set[Ref] = set()
        self.unlisted: Counter[Kind] = Counter()
        self.missing: frozenset[Kind] = frozenset()
        self.logs: dict[Ref, str] = {}
        self.warnings: dict[str, str] = {}
        self._version = 0
        for manifest in manifests:
            self._store(manifest)

    @property
    def writes(self) -> list[tuple[str, Ref]]:
        return [c for c in self.calls if c[0] != "get"]

    async def get(self, ref: Ref) -> Manifest:
        self._called("get", ref)
        return copy.deepcopy(self._live(ref))

    async def list(
        self, kind: Kind, namespace: str | None = None, labels: Mapping[str, str] | None = None, *, more: str = ""
    ) -> Listed:
        self._called("list", Ref(kind, namespace or "", ""))
        if self.unlisted[kind] > 0:
            self.unlisted[kind] -= 1
            raise TransientError(f"{kind.plural} cannot be listed now")
        items = [
            copy.deepcopy(m)
            for ref, m in self.objects.items()
            if ref.kind == kind and namespace in {None, ref.namespace} and _carries(m, labels or {})
        ]
        return Listed(items, str(self._version))

    async def warning(self, ref: Ref, uid: str) -> str:
        self._called("warning", ref)
        return self.warnings.get(uid, "")

    async def create(self, manifest: Manifest) -> Manifest:
        ref = Ref.of(manifest)
        self._called("create", ref)
        if ref in self.objects:
            raise AlreadyExistsError(f"{ref} exists", status=409, reason="AlreadyExists")
        return self._store(manifest)

    async def replace(self, manifest: Manifest) -> Manifest:
        ref = Ref.of(manifest)
        self._called("replace", ref)
        live = self._live(ref)
        version = manifest["metadata"].get("resourceVersion")
        if version not in {None, live["metadata"]["resourceVersion"]}:
            raise ConflictError(f"{ref} changed", status=409, reason="Conflict")
        return self._store(manifest)

    async def apply(self, manifest: Manifest, *, field_manager: str = FIELD_MANAGER, force: bool = True) -> Manifest:
        ref = Ref.of(manifest)
        self._called("apply", ref)
        return self._store(_merge(self.objects.get(ref, {}), manifest))

    async def apply_status(
        self, manifest: Manifest, *, field_manager: str = FIELD_MANAGER, force: bool = True
    ) -> Manifest:
        ref = Ref.of(manifest)
        self._called("apply_status", ref)
        return self._store({**self._live(ref), "status": manifest["status"]})

    async def patch(self, ref: Ref, patch: Manifest, *, field_manager: str = FIELD_MANAGER) -> Manifest:
        self._called("patch", ref)
        return self._store(_merge(self._live(ref), patch))

    async def delete(
        self,
        ref: Ref,
        *,
        uid: str | None = None,
        resource_version: str | None = None,
        grace_seconds: int | None = None,
    ) -> Manifest | None:
        self._called("delete", ref)
        meta = self._live(ref)["metadata"]
        if uid not in {None, meta["uid"]} or resource_version not in {None, meta["resourceVersion"]}:
            raise ConflictError(f"{ref}: precondition failed", status=409, reason="Conflict")
        if ref in self.ending:
            return self._store(_merge(self._live(ref), {"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}}))
        self._version += 1
        del self.objects[ref]
        return None

    async def log(self, ref: Ref, container: str, lines: int) -> str:
        if ref not in self.logs:
            raise InvalidError(f"{ref} waits to start", status=400, reason="BadRequest")
        return self.logs[ref]

    def lose(self, manifest: Manifest) -> None:
        """Delete an object while nobody asks."""
        self._version += 1
        del self.objects[Ref.of(manifest)]

    def _called(self, verb: str, ref: Ref) -> None:
        self.calls.append((verb, ref))
        if self.fail.get(verb):
            raise self.fail[verb].pop(0)
        if ref.kind in self.missing:
            raise NotServedError("the server could not find the requested resource", status=404)

    def _live(self, ref: Ref) -> Manifest:
        if ref not in self.objects:
            raise NotFoundError(f"{ref} not found", status=404, reason="NotFound")
        return self.objects[ref]

    def _store(self, manifest: Manifest) -> Manifest:
        ref, stored = Ref.of(manifest), copy.deepcopy(manifest)
        self._version += 1
        version = str(self._version)
        stored["metadata"].setdefault("uid", f"uid-{version}")
        stored["metadata"]["resourceVersion"] = version
        self.objects[ref] = stored
        return copy.deepcopy(stored)


def _carries(manifest: Manifest, labels: Mapping[str, str]) -> bool:
    own = manifest["metadata"].get("labels", {})
    return all(name in own and value in {"", own[name]} for name, value in labels.items())


def _merge(old: Mapping[str, Any], new: Mapping[str, Any]) -> Manifest:
    """RFC 7396."""
    merged = dict(old)
    for key, value in new.items():
        if value is None:
            merged.pop(key, None)
        elif isinstance(value, dict):
            merged[key] = _merge(old.get(key) or {}, value)
        else:
            merged[key] = value
    return copy.deepcopy(merged)

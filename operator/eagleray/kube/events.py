"""Kubernetes Events of a ModelDeployment: on transitions only, each named after its content."""

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Literal, TypeVar

import structlog

from eagleray.domain.facts.text import clean
from eagleray.kube.client import KubeClient
from eagleray.kube.errors import AlreadyExistsError, KubeError, NotFoundError
from eagleray.kube.kinds import EVENT, Manifest, Ref

log = structlog.get_logger(__name__)

EventType = Literal["Normal", "Warning"]
K = TypeVar("K")
V = TypeVar("V")

REPORTING_CONTROLLER = "eagleray.dev/operator"
_ACTION = "Reconcile"
_NOTE_LIMIT = 1024  # bytes
REMEMBERED = 4096


def last_warning(events: object) -> str:
    """Reason and note of the newest of these Events; "" where there is none.

    Args:
        events: Events of `events.k8s.io`, as a list answers them.
    """
    found = [e for e in (events if isinstance(events, list) else []) if isinstance(e, dict)]
    newest = max(found, key=_last_seen, default={})
    return ": ".join(str(newest[part]) for part in ("reason", "note") if newest.get(part))


def _last_seen(event: Manifest) -> str:
    """When it was told of last, as text that sorts; old recorders write the time elsewhere than new ones."""
    series = event.get("series")
    told = series.get("lastObservedTime") if isinstance(series, dict) else None
    return max(str(time or "") for time in (told, event.get("deprecatedLastTimestamp"), event.get("eventTime")))


class EventRecorder:
    """Writes Events; a failure to do so is logged and never fails the caller.

    Args:
        client: the API server.
        instance: this operator Pod.
        now: wall clock.
    """

    def __init__(
        self,
        client: KubeClient,
        instance: str,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._client = client
        self._instance = instance
        self._now = now
        self._last: OrderedDict[str, tuple[str, str, str]] = OrderedDict()
        self._counts: OrderedDict[str, int] = OrderedDict()

    async def record(self, md: Mapping[str, Any], type_: EventType, reason: str, message: str) -> None:
        """Record one transition; saying the same again without anything in between does nothing.

        Args:
            md: the ModelDeployment, of which apiVersion, kind and metadata are read.
            type_: `Normal` or `Warning`.
            reason: CamelCase constant.
            message: for people, whoever wrote it; cleaned, and cut at 1024 bytes.
        """
        uid = md["metadata"]["uid"]
        if self._last.get(uid) == (type_, reason, message):
            return
        _remember(self._last, uid, (type_, reason, message))
        manifest = self._manifest(md, type_, reason, message)
        try:
            await self._write(manifest)
        except KubeError as e:
            log.warning("Event not recorded", reason=reason, message=message, error=str(e))

    async def _write(self, manifest: Manifest) -> None:
        ref = Ref.of(manifest)
        count = self._counts.get(ref.name, 0)
        if count and await self._count(ref, manifest, count + 1):
            return
        try:
            await self._client.create(manifest)
            _remember(self._counts, ref.name, 1)
        except AlreadyExistsError:
            # Written before a restart; the operator may not read Events, so the count begins anew.
            await self._count(ref, manifest, 2)

    async def _count(self, ref: Ref, manifest: Manifest, count: int) -> bool:
        """Count once more; False where the API server has forgotten the Event, as it does after an hour."""
        try:
            await self._client.patch(ref, {"series": {"count": count, "lastObservedTime": manifest["eventTime"]}})
        except NotFoundError:
            return False
        _remember(self._counts, ref.name, count)
        return True

    def _manifest(self, md: Mapping[str, Any], type_: str, reason: str, message: str) -> Manifest:
        meta = md["metadata"]
        digest = hashlib.sha256("\0".join((meta["uid"], type_, reason, message)).encode()).hexdigest()[:16]
        return {
            "apiVersion": EVENT.api_version,
            "kind": EVENT.kind,
            "metadata": {"name": f"{meta['name']}.{digest}", "namespace": meta["namespace"]},
            "eventTime": self._now().strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "type": type_,
            "reason": reason,
            "action": _ACTION,
            "note": clean(message).encode()[:_NOTE_LIMIT].decode(errors="ignore"),
            "reportingController": REPORTING_CONTROLLER,
            "reportingInstance": self._instance[:128],
            "regarding": {
                "apiVersion": md["apiVersion"],
                "kind": md["kind"],
                "name": meta["name"],
                "namespace": meta["namespace"],
                "uid": meta["uid"],
            },
        }


def _remember(memory: OrderedDict[K, V], key: K, value: V) -> None:
    memory[key] = value
    memory.move_to_end(key)
    while len(memory) > REMEMBERED:
        memory.popitem(last=False)

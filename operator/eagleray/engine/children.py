"""The children that live in the cluster: made where they lack, adopted where orphaned, set right where edited."""

import hashlib
from dataclasses import dataclass, field

import orjson
import structlog

from eagleray.domain.facts import labels
from eagleray.engine.parts import NameLeavingError, NameTakenError
from eagleray.kube.client import KubeClient
from eagleray.kube.drift import differs
from eagleray.kube.errors import AlreadyExistsError, NotFoundError
from eagleray.kube.held import controller_of
from eagleray.kube.kinds import CONTROLLER_REVISION, HTTP_ROUTE, INGRESS, SERVICE, Manifest, Ref
from eagleray.kube.store import Store
from eagleray.kube.trim import trim

log = structlog.get_logger(__name__)

# Made by server-side apply. ControllerRevisions, whose data may never change: the API server compares its bytes, and
# only what it wrote itself survives a later patch, such as the garbage collector's. And what has fields that spec may
# drop: the API server takes away what was applied once and is not applied again, not what was created so.
_APPLIED = frozenset({CONTROLLER_REVISION, SERVICE, INGRESS, HTTP_ROUTE})
_State = tuple[str | None, str | None]


@dataclass(slots=True)
class Applied:
    """Children as they were compared and written last.

    What the API server or a webhook makes of a child is no drift, and what has not changed is not compared again.

    Attributes:
        settled: by place, what was wanted, digested, and how the child still differed just after it had been written.
        same: by place, the state of the child that was found to be as wanted, and what that was, digested.
    """

    settled: dict[Ref, tuple[bytes, str]] = field(default_factory=dict)
    same: dict[Ref, tuple[_State, bytes]] = field(default_factory=dict)

    def drift(self, ref: Ref, live: Manifest, wanted: Manifest) -> str:
        """Where the child, trimmed as the store holds it, is not as it was made; "" where it is."""
        digest = _digest(wanted)
        state = live["metadata"].get("uid"), live["metadata"].get("resourceVersion")
        if all(state) and self.same.get(ref) == (state, digest):
            return ""
        where = differs(live, trim(wanted))
        if where and self.settled.get(ref) != (digest, where):
            return where
        self.same[ref] = (state, digest)
        return ""

    def forget(self, ref: Ref) -> None:
        """Remember nothing of a child that goes."""
        self.settled.pop(ref, None)
        self.same.pop(ref, None)

    def note(self, ref: Ref, live: Manifest, wanted: Manifest) -> None:
        """Remember the child, trimmed, as it was answered to a write."""
        if where := differs(live, trim(wanted)):
            log.info("A child is not kept as it is written", ref=str(ref), field=where)
            self.settled[ref] = (_digest(wanted), where)
        else:
            self.settled.pop(ref, None)


@dataclass(frozen=True, slots=True)
class Children:
    """The children of one object.

    Args:
        client: the API server; what it answers to a write is held at once.
        store: the world.
        applied: what was written before.
    """

    client: KubeClient
    store: Store
    applied: Applied

    async def ensure(self, manifest: Manifest) -> Manifest:
        """Have the child be what `manifest` says, and belong to the owner that it names.

        Returns:
            The child as it lives, trimmed.

        Raises:
            NameTakenError: an object of this name exists and is not ours.
            NameLeavingError: one of ours is there that goes with an object that is gone.
            KubeError: the API server refused, or did not answer.
        """
        ref = Ref.of(manifest)
        held = self.store.get(ref)
        live = held.body if held else await self._make(ref, manifest)
        _check(ref, live, manifest)
        where = _adoption(live, manifest) or self.applied.drift(ref, live, manifest)
        return await self._apply(ref, manifest, where) if where else live

    async def _make(self, ref: Ref, manifest: Manifest) -> Manifest:
        """Create the child, or give the one that is there although it was not seen."""
        if ref.kind in _APPLIED:
            return await self._live(ref) or await self._apply(ref, manifest, "it was missing")
        try:
            made = trim(await self.client.create(manifest))
        except AlreadyExistsError:
            return trim(await self.client.get(ref))
        log.info("Created child", ref=str(ref))
        self.applied.note(ref, made, manifest)
        return made

    async def _live(self, ref: Ref) -> Manifest | None:
        try:
            return trim(await self.client.get(ref))
        except NotFoundError:
            return None

    async def _apply(self, ref: Ref, manifest: Manifest, why: str) -> Manifest:
        log.info("Applying child", ref=str(ref), difference=why)
        live = trim(await self.client.apply(manifest))
        self.applied.note(ref, live, manifest)
        return live


def _digest(wanted: Manifest) -> bytes:
    return hashlib.blake2b(orjson.dumps(wanted), digest_size=16).digest()


def _check(ref: Ref, live: Manifest, wanted: Manifest) -> None:
    meta = live["metadata"]
    ours = (meta.get("labels") or {}).get(labels.MANAGED_BY) == labels.MANAGER
    controller, owner = controller_of(live), controller_of(wanted)
    if not ours and controller != owner:
        raise NameTakenError(
            f"{ref.kind.kind} {ref.name} exists in namespace {ref.namespace} and was not made by Eagleray;"
            " delete it, or give the ModelDeployment another name"
        )
    if "deletionTimestamp" in meta:
        raise NameLeavingError(f"{ref.kind.kind} {ref.name} is being deleted; it is made anew when it is gone")
    if controller not in {"", owner}:
        raise NameLeavingError(
            f"{ref.kind.kind} {ref.name} still belongs to an object that is gone; it is made anew when it is gone too"
        )


def _adoption(live: Manifest, wanted: Manifest) -> str:
    return "metadata.ownerReferences" if controller_of(live) != controller_of(wanted) else ""

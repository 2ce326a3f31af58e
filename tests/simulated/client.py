"""`KubeClient` on the simulated API server: a request takes its time, and may meet a fault before or after."""

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import TypeVar

from eagleray.kube.client import FIELD_MANAGER, KubeClient, Listed
from eagleray.kube.errors import KubeError, TransientError, error_for
from eagleray.kube.kinds import Kind, Manifest, Ref
from simulated.api_server import ApiServer, Deletion
from simulated.faults import KUBE_FAULTS, Call, Fault, Faults
from simulated.objects import RefusedError, copied, forbidden, invalid, ref_of, refuse
from simulated.story import Story

PAGE = 5
REQUEST_SECONDS = 10.0
LATE_SECONDS = 6.0
_DONE_THEN = {Fault.UNHEARD: REQUEST_SECONDS, Fault.LOST: 0.0, Fault.LATE: LATE_SECONDS}
T = TypeVar("T")


@dataclass
class Wire:
    """What lies between one operator and everything that it speaks to.

    Attributes:
        who: the operator.
        faults: what goes wrong.
        rng: how long things take.
        story: is told of every write.
        die: ends the operator, now.
        dead: whether it has ended: nothing of it is heard any more.
        counts: requests so far, by verb and kind.
    """

    who: str
    faults: Faults
    rng: random.Random
    story: Story
    die: Callable[[], None]
    dead: bool = False
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)

    async def passed(self, call: Call, kinds: tuple[Fault, ...]) -> tuple[Fault, str]:
        """Send a request: the fault that it meets, when it has arrived.

        Raises:
            asyncio.CancelledError: the operator died meanwhile.
        """
        await self._unless_dead()
        fault, words = self.faults.draw(call, kinds)
        if fault is Fault.DEADLY:
            self.die()
        await asyncio.sleep(self.rng.uniform(0.002, 0.02))
        await self._unless_dead()
        return fault, words

    async def _unless_dead(self) -> None:
        if self.dead:
            raise asyncio.CancelledError

    @property
    def writes(self) -> int:
        return sum(count for (verb, _), count in self.counts.items() if verb not in {"get", "list"})

    @property
    def reads(self) -> int:
        return sum(count for (verb, _), count in self.counts.items() if verb in {"get", "list"})


class SimulatedKube(KubeClient):
    """The API server as one operator reaches it.

    Args:
        server: the API server.
        wire: what lies between.
    """

    def __init__(self, server: ApiServer, wire: Wire) -> None:
        self._server = server
        self._wire = wire
        self._pages: dict[str, Manifest] = {}
        self._tokens = count()

    async def get(self, ref: Ref) -> Manifest:
        return await self._sent("get", ref, lambda: self._server.get(ref))

    async def list(
        self, kind: Kind, namespace: str | None = None, labels: Mapping[str, str] | None = None, *, more: str = ""
    ) -> Listed:
        def found() -> Manifest:
            if more:
                return self._pages.pop(more)
            return {"items": self._server.list(kind, namespace, labels), "version": str(self._server.version)}

        answer = await self._sent("list", Ref(kind, namespace or "", ""), found)
        items, version = answer["items"], answer["version"]
        if len(items) <= PAGE:
            return Listed(items, version)
        follows = str(next(self._tokens))
        self._pages[follows] = {"items": items[PAGE:], "version": version}
        return Listed(items[:PAGE], version, follows)

    async def warning(self, ref: Ref, uid: str) -> str:  # noqa: ARG002
        await self._sent("warning", ref, dict)  # the kubelets here warn of nothing
        return ""

    async def create(self, manifest: Manifest) -> Manifest:
        return await self._sent(
            "create", ref_of(manifest), lambda: self._server.create(copied(manifest), FIELD_MANAGER)
        )

    async def replace(self, manifest: Manifest) -> Manifest:
        return await self._sent(
            "replace", ref_of(manifest), lambda: self._server.replace(copied(manifest), FIELD_MANAGER)
        )

    async def apply(self, manifest: Manifest, *, field_manager: str = FIELD_MANAGER, force: bool = True) -> Manifest:
        return await self._sent(
            "apply", ref_of(manifest), lambda: self._server.apply(copied(manifest), field_manager, force=force)
        )

    async def apply_status(
        self, manifest: Manifest, *, field_manager: str = FIELD_MANAGER, force: bool = True
    ) -> Manifest:
        assert force, "nobody else writes our status"
        return await self._sent(
            "apply_status", ref_of(manifest), lambda: self._server.apply_status(copied(manifest), field_manager)
        )

    async def patch(self, ref: Ref, patch: Manifest, *, field_manager: str = FIELD_MANAGER) -> Manifest:
        return await self._sent("patch", ref, lambda: self._server.patch(ref, copied(patch), field_manager))

    async def delete(
        self,
        ref: Ref,
        *,
        uid: str | None = None,
        resource_version: str | None = None,
        grace_seconds: int | None = None,
    ) -> Manifest | None:
        deletion = Deletion(uid, resource_version, grace_seconds, "Background")
        answer = await self._sent("delete", ref, lambda: self._server.delete(ref, deletion, FIELD_MANAGER))
        return answer if self._server.find(ref) is not None and answer["kind"] == ref.kind.kind else None

    async def _sent(self, verb: str, ref: Ref, do: Callable[[], Manifest]) -> Manifest:
        wire = self._wire
        call = Call(wire.who, verb, ref.kind.kind, ref.name, ref.namespace)
        wire.counts[verb, ref.kind.kind] += 1
        fault, words = await wire.passed(call, KUBE_FAULTS)
        try:
            _refuse(fault, ref, words)
            if fault is Fault.DROPPED:
                await asyncio.sleep(REQUEST_SECONDS)
                raise TransientError(f"{call}: no answer in {REQUEST_SECONDS:g} s")
            answer = copied(do())
        except RefusedError as e:
            wire.story.tell(wire.who, call, "->", e.status, e)
            raise _error(e, call, ref) from e
        if verb not in {"get", "list"}:
            wire.story.tell(wire.who, call)
        if fault in _DONE_THEN:
            await asyncio.sleep(_DONE_THEN[fault])
            if fault is not Fault.LATE:
                raise TransientError(f"{call}: the connection was lost")
        return answer


def _refuse(fault: Fault, ref: Ref, words: str) -> None:
    if fault is Fault.REFUSED:
        raise forbidden(ref, words)
    if fault is Fault.INVALID:
        raise invalid(ref, words)
    if fault is Fault.BROKEN:
        raise refuse(500, "InternalError", f"Internal error occurred: {words}")
    if fault is Fault.BARE:
        raise RefusedError(404, "404 page not found")


def _error(answer: RefusedError, call: Call, ref: Ref) -> KubeError:
    """The same that the real client makes of such an answer."""
    body = answer.body if isinstance(answer.body, dict) else {"message": answer.body}
    return error_for(answer.status, body, f"{call}: {answer}", ref if ref.name else None)

"""Pods of objects that are deleted: they are let go soon, and only where the owner is known to be gone."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog

from eagleray.domain.facts.pods import Role
from eagleray.engine.pods import ray_identity
from eagleray.engine.tasks import together
from eagleray.engine.tools import Tools
from eagleray.kube.errors import ConflictError, NotFoundError
from eagleray.kube.held import Held, controller_of
from eagleray.kube.kinds import MODEL_DEPLOYMENT, Key, Manifest, Ref
from eagleray.peers.errors import PeerError
from eagleray.resources.secret import auth_token

log = structlog.get_logger(__name__)

# A worker that is asked to end waits for its replicas to move to other Pods; an idle one has none to wait for.
IDLE_GRACE_SECONDS = 5
_ORPHAN = "orphan"


@dataclass(frozen=True, slots=True)
class Departed:
    """Lets Pods of deleted objects end soon; the garbage collector has workers wait for replicas to move.

    Args:
        tools: what to work with.
    """

    tools: Tools

    async def let_go(self, key: Key, pods: Sequence[Held]) -> float | None:
        """Let the Pods end whose owners are gone; what does not know its owner's end stays.

        The first who deletes a Pod sets its grace period: kubelet does not shorten one that runs. So all are deleted
        at once, workers first; and where the collector was faster, the raylet is ended when the shorter period is over.

        Returns:
            Seconds until it is to look whether they have ended, or None where nothing is left.

        Raises:
            KubeError: the API server did not answer.
        """
        ray = [pod for pod in pods if ray_identity(pod.ref.name)]
        if not ray:
            return None
        owner = await self._owner(key)
        going = [pod for pod in ray if _is_gone(pod.controller, owner)]
        workers_first = sorted(going, key=lambda pod: not _is_worker(pod.ref.name))
        await together(self._end_soon(key, pod) for pod in workers_first)
        return IDLE_GRACE_SECONDS + 1.0 if going else None

    async def _owner(self, key: Key) -> Manifest | None:
        """The object as the API server has it now: what cannot be taken back is not decided by what is held."""
        try:
            return await self.tools.kube.get(Ref(MODEL_DEPLOYMENT, key.namespace, key.name))
        except NotFoundError:
            return None

    async def _end_soon(self, key: Key, pod: Held) -> None:
        meta = pod.body["metadata"]
        ends = meta.get("deletionTimestamp")
        if ends and datetime.fromisoformat(ends) < self.tools.now() and _is_worker(pod.ref.name):
            await self._end_raylet(key, pod)
            return
        if ends and meta.get("deletionGracePeriodSeconds", 0) <= IDLE_GRACE_SECONDS:
            return
        try:
            # It may have been orphaned on purpose, of which no event has told yet; its owner goes after that.
            if controller_of(await self.tools.kube.get(pod.ref)) == pod.controller:
                await self.tools.kube.delete(pod.ref, uid=pod.uid, grace_seconds=IDLE_GRACE_SECONDS)
        except (NotFoundError, ConflictError):
            log.debug("Already gone", pod=pod.ref.name)

    async def _end_raylet(self, key: Key, pod: Held) -> None:
        told = ray_identity(pod.ref.name)
        address = (pod.body.get("status") or {}).get("podIP", "")
        token = auth_token(self.tools.settings.token_key, key.namespace, told.revision if told else "")
        try:
            await self.tools.peers.shut_down_raylet(key, address, token)
        except PeerError as e:
            log.warning("A worker of a deleted object is not ended", pod=pod.ref.name, error=str(e))


def _is_worker(name: str) -> bool:
    told = ray_identity(name)
    return told is not None and told.role is Role.WORKER


def _is_gone(uid: str, owner: Manifest | None) -> bool:
    """Whether the object of this uid is deleted, or is being deleted together with what it owns.

    Args:
        uid: the owner that a Pod names; "" where it was orphaned.
        owner: the object that has the name now, if any.
    """
    if not uid:
        return False
    if owner is None or owner["metadata"]["uid"] != uid:
        return True
    meta = owner["metadata"]
    return "deletionTimestamp" in meta and _ORPHAN not in (meta.get("finalizers") or [])

"""One look at one object: observe, plan, execute, and say what is true."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import aiohttp
import structlog

from eagleray.api.conditions import Reason
from eagleray.api.status import ModelDeploymentStatus
from eagleray.domain import labels
from eagleray.domain.actions import DrainNode, Plan
from eagleray.domain.desired import Desired, parse
from eagleray.domain.live import LiveLoad
from eagleray.domain.observed import Role
from eagleray.domain.plan import plan, refuse
from eagleray.domain.problem import InvalidSpecError
from eagleray.domain.status.codec import write
from eagleray.domain.status.transitions import transitions
from eagleray.domain.traffic.ports import RAYLET
from eagleray.engine.children import NameTakenError
from eagleray.engine.execute import IDLE_GRACE_SECONDS, Executor, Tools
from eagleray.engine.memory import Memory
from eagleray.engine.nodes import NodeBook
from eagleray.engine.observe import Observer, Snapshot
from eagleray.engine.pods import left_behind
from eagleray.engine.queue import Key
from eagleray.engine.settings import EngineSettings
from eagleray.kube.client import KubeClient
from eagleray.kube.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError
from eagleray.kube.events import EventRecorder
from eagleray.kube.kinds import MODEL_DEPLOYMENT, POD, Manifest, Ref
from eagleray.ray.errors import RayError
from eagleray.ray.raylet import RayletClient
from eagleray.resources.secret import auth_token

log = structlog.get_logger(__name__)

STATUS_MANAGER = "eagleray-status"


class Reconciler:
    """Makes the world of one ModelDeployment what its spec says.

    Args:
        kube: the API server.
        settings: images and keys.
        nodes: what was seen of the cluster's nodes.
        look_again: puts a key into the queue.
        decided: is told the status of an object, None where it is gone, and the live figures of scaling.
        now: the wall clock.
    """

    def __init__(
        self,
        kube: KubeClient,
        settings: EngineSettings,
        nodes: NodeBook,
        look_again: Callable[[Key], None],
        decided: Callable[[Key, ModelDeploymentStatus | None, Sequence[LiveLoad]], None],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._kube = kube
        self._events = EventRecorder(kube, settings.instance, now)
        self._look_again = look_again
        self._decided = decided
        self._now = now
        session = aiohttp.ClientSession()
        self._tools = Tools(kube, session, Observer(kube, session, settings.token_key, nodes, now), nodes, settings)
        self._memories: dict[Key, Memory] = {}

    async def __call__(self, key: Key) -> float | None:
        """Look at `key` once.

        Returns:
            Seconds until the next look, or None where the object is gone and so are its Pods.

        Raises:
            KubeError: the API server did not answer; the look is to be repeated.
        """
        try:
            manifest = await self._kube.get(Ref(MODEL_DEPLOYMENT, key.namespace, key.name))
        except NotFoundError:
            await self._forget(key)
            mine = {labels.MANAGED_BY: labels.MANAGER, labels.NAME: key.name}
            return await self._hurry(left_behind(await self._kube.list(POD, key.namespace, mine)))
        if "deletionTimestamp" in manifest["metadata"]:
            await self._forget(key)
            return None
        memory = self._memories.setdefault(key, Memory())
        snapshot = await self._tools.observer.look(key, manifest, memory)
        decision = await self._decide_and_do(key, manifest, snapshot, memory)
        await self._say(manifest, write(snapshot.observed.status), decision.status)
        memory.nodes = decision.nodes
        self._decided(key, decision.status, decision.live)
        looks = decision.requeue_after, await self._hurry(snapshot.left_behind)
        return min((seconds for seconds in looks if seconds is not None), default=None)

    async def close(self) -> None:
        """End what is under way and close connections."""
        for memory in self._memories.values():
            await memory.close()
        await self._tools.session.close()

    async def _forget(self, key: Key) -> None:
        self._decided(key, None, ())
        memory = self._memories.pop(key, None)
        if memory is not None:
            await memory.close()

    async def _hurry(self, pods: Sequence[Manifest]) -> float | None:
        """Let the Pods of a deleted object end soon; the garbage collector has workers wait for replicas to move.

        The first who deletes a Pod sets its grace period: kubelet does not shorten one that runs. So all are deleted
        at once, workers first; and where the collector was faster, the raylet is ended when the shorter period is over.

        Returns:
            Seconds until it is to look whether they have ended, or None where nothing is left.
        """
        workers_first = sorted(pods, key=lambda pod: pod["metadata"]["labels"][labels.ROLE] != Role.WORKER)
        await asyncio.gather(*(self._end_soon(pod) for pod in workers_first))
        return IDLE_GRACE_SECONDS + 1.0 if pods else None

    async def _end_soon(self, pod: Manifest) -> None:
        meta = pod["metadata"]
        ends = meta.get("deletionTimestamp")
        if ends and datetime.fromisoformat(ends) < self._now() and meta["labels"][labels.ROLE] == Role.WORKER:
            await self._end_raylet(pod)
            return
        try:
            await self._kube.delete(Ref.of(pod), uid=meta["uid"], grace_seconds=IDLE_GRACE_SECONDS)
        except (NotFoundError, ConflictError):
            log.debug("Already gone", pod=meta["name"])

    async def _end_raylet(self, pod: Manifest) -> None:
        meta, address = pod["metadata"], pod.get("status", {}).get("podIP", "")
        token = auth_token(self._tools.settings.token_key, meta["namespace"], meta["labels"][labels.REVISION])
        try:
            async with RayletClient(f"{address}:{RAYLET}", token) as raylet:
                await raylet.shut_down()
        except RayError as e:
            log.warning("A worker of a deleted object is not ended", pod=meta["name"], error=str(e))

    async def _decide_and_do(self, key: Key, manifest: Manifest, snapshot: Snapshot, memory: Memory) -> Plan:
        observed, now, generation = snapshot.observed, self._now(), manifest["metadata"]["generation"]
        try:
            desired = parse(manifest, self._tools.settings.installation, observed.revisions)
        except InvalidSpecError as e:
            return refuse(generation, observed, Reason.INVALID_SPEC, str(e), now)
        decision = plan(desired, observed, now)
        try:
            await self._do(key, desired, snapshot, memory, decision)
        except NameTakenError as e:
            memory.taken[e.ref] = str(e)
            return refuse(generation, observed, Reason.NAME_CONFLICT, str(e), now)
        except (ForbiddenError, InvalidError) as e:
            return refuse(generation, observed, Reason.PODS_REFUSED, str(e), now)
        return decision

    async def _do(self, key: Key, desired: Desired, snapshot: Snapshot, memory: Memory, decision: Plan) -> None:
        executor = Executor(self._tools, desired, snapshot, memory, lambda: self._look_again(key))
        for action in decision.actions:
            await executor.do(action)
        if not any(isinstance(action, DrainNode) for action in decision.actions):
            memory.draining.clear()

    async def _say(self, manifest: Manifest, before: ModelDeploymentStatus, after: ModelDeploymentStatus) -> None:
        """Write the status where it differs, and an Event for each transition."""
        status = after.as_written()
        if status == before.as_written():
            return
        meta = manifest["metadata"]
        try:
            await self._kube.apply_status(
                {
                    "apiVersion": manifest["apiVersion"],
                    "kind": manifest["kind"],
                    "metadata": {"name": meta["name"], "namespace": meta["namespace"]},
                    "status": status,
                },
                field_manager=STATUS_MANAGER,
            )
        except NotFoundError:
            return
        for event in transitions(before, after):
            await self._events.record(manifest, event.type, event.reason, event.message)

"""One look at one object: observe, plan, execute, and say what is true."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

import aiohttp
import structlog

from eagleray.api.conditions import Reason
from eagleray.api.status import ModelDeploymentStatus
from eagleray.domain import labels
from eagleray.domain.actions import DrainNode, Free, Plan, Question, Write
from eagleray.domain.desired import parse
from eagleray.domain.observed import Role
from eagleray.domain.plan import plan, plan_deleting
from eagleray.domain.problem import Outcome
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
from eagleray.kube.errors import ConflictError, ForbiddenError, InvalidError, KubeError, NotFoundError
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
        decided: is told the status of an object, None where it is gone.
        now: the wall clock.
    """

    def __init__(
        self,
        kube: KubeClient,
        settings: EngineSettings,
        nodes: NodeBook,
        look_again: Callable[[Key], None],
        decided: Callable[[Key, ModelDeploymentStatus | None], None],
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
        memory = self._memories.setdefault(key, Memory())
        snapshot = await self._tools.observer.look(key, manifest, memory)
        if "deletionTimestamp" in manifest["metadata"]:
            status = plan_deleting(snapshot.observed, manifest["metadata"]["generation"], self._now())
            await self._say(manifest, snapshot.observed.status, status)
            await self._forget(key)
            return None
        decision = await self._decide_and_do(key, manifest, snapshot, memory)
        await self._say(manifest, snapshot.observed.status, decision.status)
        self._decided(key, decision.status)
        due = max(0.0, (decision.wake.at - self._now()).total_seconds())
        looks = due, decision.polling.seconds, await self._hurry(snapshot.left_behind)
        return min((seconds for seconds in looks if seconds is not None), default=None)

    async def close(self) -> None:
        """End what is under way and close connections."""
        for memory in self._memories.values():
            await memory.close()
        await self._tools.session.close()

    async def _forget(self, key: Key) -> None:
        self._decided(key, None)
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
        observed, now = snapshot.observed, self._now()
        desired = parse(manifest, self._tools.settings.installation, observed, memory.accepted)
        memory.accepted = desired.accepted
        decision = plan(desired, observed, now)
        look_again = partial(self._look_again, key)
        executor = Executor(self._tools, desired, snapshot, decision.revisions, memory, look_again)
        memory.outcomes = await self._do(executor, decision)
        if not any(isinstance(action, DrainNode) for action in decision.actions):
            memory.draining.clear()
        if decision.polling.held and not any(router.held for router in observed.routers):
            executor.listen()
        if not memory.outcomes:
            return decision
        return plan(desired, replace(observed, outcomes=dict(memory.outcomes)), now)

    async def _do(self, executor: Executor, decision: Plan) -> dict[str, Outcome]:
        """Do what makes room first; then each part alone: its writes end with the first that fails."""
        failed: dict[str, Outcome] = {}
        for kinds in (Free, Write, Question):
            for part in decision.parts:
                for action in (a for a in part.actions if isinstance(a, kinds)):
                    if kinds is Write and part.name in failed:
                        break
                    try:
                        await executor.do(action)
                    except (NameTakenError, KubeError) as e:
                        failed[part.name] = Outcome(part.name, _reason(e), str(e), self._now())
        return failed

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


def _reason(error: Exception) -> Reason:
    if isinstance(error, NameTakenError):
        return Reason.NAME_CONFLICT
    return Reason.PODS_REFUSED if isinstance(error, ForbiddenError | InvalidError) else Reason.API_UNREACHABLE

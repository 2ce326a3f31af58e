"""The engine: one look at one object is observe → plan → do → say."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from eagleray.api.status import ModelDeploymentStatus, RolloutPhase
from eagleray.domain.actions.actions import DrainNode, Polling
from eagleray.domain.facts.pods import Role
from eagleray.domain.plan.pace import MOVING_SECONDS
from eagleray.domain.plan.plan import Plan, plan, plan_deleting
from eagleray.domain.state.observed import Observed
from eagleray.domain.status.codec import read, write
from eagleray.domain.version.desired import Desired, parse
from eagleray.engine.answers import RouterAnswer
from eagleray.engine.context import Look
from eagleray.engine.departed import Departed
from eagleray.engine.do import Executor
from eagleray.engine.guardian import Guardian
from eagleray.engine.memory import Memory
from eagleray.engine.observe import Observer, Sight, World
from eagleray.engine.pollers import Poller
from eagleray.engine.questions import Asked, Asker
from eagleray.engine.say import Speaker
from eagleray.engine.tools import Tools
from eagleray.kube.events import EventRecorder
from eagleray.kube.kinds import MODEL_DEPLOYMENT, POD, Key, Ref
from eagleray.kube.store import Held

log = structlog.get_logger(__name__)

# The peers of an object that runs have so long to answer a new operator before it decides without them.
MEETING = timedelta(seconds=5)


class Engine:
    """Makes the world of each ModelDeployment what its spec says.

    Args:
        tools: what to work with.
    """

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._observer = Observer(tools.nodes, tools.settings.token_key)
        self._speaker = Speaker(tools.kube, EventRecorder(tools.kube, tools.settings.instance, tools.now))
        self._departed = Departed(tools)
        self._guardian = Guardian(tools)
        self._memories: dict[Key, Memory] = {}

    async def __call__(self, key: Key) -> float | None:
        """Look at `key` once.

        Returns:
            Seconds until the next look, or None where the object is gone and so are its Pods.

        Raises:
            KubeError: the API server did not take the status, or did not say whether the object is gone.
        """
        store = self._tools.store
        held = store.get(Ref(MODEL_DEPLOYMENT, key.namespace, key.name))
        if held is None:
            await self._forget(key)
            return await self._departed.let_go(key, store.lost_of(key))
        memory = await self._memory(key, held.uid)
        again = await (self._leave(key, held, memory) if held.deleting else self._look(key, held, memory))
        departed = await self._departed.let_go(key, store.lost_of(key))
        return min((seconds for seconds in (again, departed) if seconds is not None), default=None)

    async def close(self) -> None:
        """End what is under way."""
        for memory in self._memories.values():
            await memory.close()

    async def _look(self, key: Key, held: Held, memory: Memory) -> float:
        """Observe, plan, do, and say what is true, whatever could not be done."""
        manifest, now = held.body, self._tools.now()
        await self._guardian.adopt(key, held.uid, memory)
        world = World.of(self._tools.store, key, held)
        status = read(manifest.get("status"))
        sight = self._observer.look(world, status, memory)
        if (meets := _meets(memory, sight, now)) is not None:
            return meets
        desired = parse(manifest, self._tools.settings.installation, sight.observed, memory.spec)
        decision = plan(desired, sight.observed, now)
        await Executor(Look(self._tools, world, memory, sight.observed, decision, now)).do(decision.parts)
        said = _with_outcomes(desired, sight.observed, decision, memory, now)
        memory.spec = desired.accepted
        _follow(memory, sight, decision)
        await self._speaker.say(manifest, status, said)
        self._tools.decided(key, said, decision.live)
        return self._wait(decision, memory)

    async def _leave(self, key: Key, held: Held, memory: Memory) -> float | None:
        """Say that the object is being deleted, and let its Pods go where the collector waits for them."""
        await memory.poller.close()
        manifest, now = held.body, self._tools.now()
        status = read(manifest.get("status"))
        sight = self._observer.look(World.of(self._tools.store, key, held), status, memory)
        said = plan_deleting(sight.observed, manifest["metadata"]["generation"], now)
        await self._speaker.say(manifest, status, said)
        pods = [child for child in self._tools.store.owned(held.uid) if child.ref.kind == POD]
        return await self._departed.let_go(key, pods)

    def _wait(self, decision: Plan, memory: Memory) -> float:
        """Seconds until a rule that reads the clock, or a part that waits, wants the next look."""
        now, tries = self._tools.now(), memory.parts.next_try()
        at = decision.wake.at if tries is None else min(decision.wake.at, tries)
        log.debug("Looked", next=at.isoformat(), why=decision.wake.why, asks_because=decision.polling.why)
        return max(0.0, (at - now).total_seconds())

    async def _memory(self, key: Key, uid: str) -> Memory:
        known = self._memories.get(key)
        if known is not None and known.uid == uid:
            return known
        await self._forget(key)

        def sampled(answers: Mapping[str, RouterAnswer]) -> None:
            stats = {pod: answer.stats for pod, answer in answers.items() if answer.stats is not None}
            memory.sample(self._tools.now(), stats)

        poller = Poller(
            Asker(key, self._tools.peers, self._tools.kube, self._tools.pace), lambda: self._tools.add(key), sampled
        )
        memory = self._memories[key] = Memory(uid, poller, lambda: self._tools.add(key), self._tools.now() + MEETING)
        return memory

    async def _forget(self, key: Key) -> None:
        self._tools.decided(key, None, ())
        memory = self._memories.pop(key, None)
        if memory is not None:
            await memory.close()
            await self._tools.peers.forget(key)


def _with_outcomes(
    desired: Desired, observed: Observed, decision: Plan, memory: Memory, now: datetime
) -> ModelDeploymentStatus:
    """The status of a plan, with how its own parts ended."""
    outcomes = memory.parts.outcomes
    if outcomes == observed.outcomes:
        return decision.status
    return plan(desired, replace(observed, outcomes=outcomes), now).status


def _meets(memory: Memory, sight: Sight, now: datetime) -> float | None:
    """Have the peers asked once before anything is decided about an object that an operator before this one has served.

    Returns:
        Seconds for which nothing is decided yet, unless they answer; None where they did, or had their time.
    """
    if memory.meets_until is None:
        return None
    status, left = sight.observed.status, memory.meets_until - now
    met = not status.observed_generation or memory.poller.has_asked(sight.subjects)
    if met or not timedelta() < left <= MEETING:
        memory.meets_until = None
        return None
    _sample(memory, write(status), load=bool(status.scaling or status.rollouts))
    memory.poller.follow(
        Asked(sight.subjects, Polling(MOVING_SECONDS, MOVING_SECONDS, "the operator has just started"))
    )
    return left.total_seconds()


def _sample(memory: Memory, status: ModelDeploymentStatus, *, load: bool) -> None:
    """Keep of what the routers say what somebody decides by."""
    rollouts = [r for r in status.rollouts or [] if r.phase is not RolloutPhase.ABORTED]
    memory.load, memory.rolling = load, bool(rollouts)
    sides = {name for r in rollouts for name in (r.from_, r.to)}
    memory.timed = frozenset(sides | {record.revision for record in status.scaling or []})


def _follow(memory: Memory, sight: Sight, decision: Plan) -> None:
    """Ask whom the plan wants asked, and forget what is known of what is gone."""
    polling, observed = decision.polling, sight.observed
    _sample(memory, decision.status, load=polling.load)
    if not any(isinstance(action, DrainNode) for part in decision.parts for action in part.actions):
        memory.draining.clear()
    workers = tuple(
        (p.uid, p.ip) for p in observed.pods if p.revision in polling.use and p.role is Role.WORKER and p.ready and p.ip
    )
    subjects = replace(sight.subjects, workers=workers, draining=frozenset(memory.draining))
    memory.poller.follow(Asked(subjects, polling))
    names = {pod.name for pod in observed.pods} | {pod.uid for pod in observed.pods}
    memory.keep(names, observed.revisions.keys() | decision.revisions.keys())

"""Ray clusters: heads and the workers that join them. What a worker serves goes on without its head."""

import asyncio
from collections.abc import Mapping

from eagleray.domain.facts import labels
from eagleray.domain.facts.ports import REPLICA_FIRST
from eagleray.domain.facts.ray_nodes import NodeState, NodeStatus
from eagleray.domain.facts.serve import ReplicaState
from simulated.background import later, time
from simulated.behaviours import Behaviour
from simulated.clock import Clock
from simulated.kubelet import Life
from simulated.objects import labels_of
from simulated.serve import Actor, Serve

_LOST_SECONDS, _QUARANTINE, _PORTS = 5.0, 65.0, 200
ClusterId = tuple[str, str, str]


class Clusters:
    """All Ray clusters, by namespace, revision and incarnation."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.heads: dict[ClusterId, Head] = {}

    def id_of(self, life: Life) -> ClusterId:
        marks = labels_of(life.pod)
        return life.ref.namespace, marks[labels.REVISION], marks[labels.INCARNATION]


class Head:
    """A head: GCS and Serve. A program of a Pod.

    Args:
        clusters: all of them.
        life: its Pod.
        behaviour: of what it is to serve.
    """

    def __init__(self, clusters: Clusters, life: Life, behaviour: Behaviour) -> None:
        self.clock = clusters.clock
        self.life = life
        self.behaviour = behaviour
        self.workers: list[Worker] = []
        self.up = False
        self.serve = Serve(self)
        self.token = life.token()
        self._clusters = clusters
        self._gone: dict[str, NodeState] = {}

    def start(self, files: Mapping[str, str]) -> float:
        assert not files
        self._clusters.heads[self._clusters.id_of(self.life)] = self
        later(self.behaviour.head, self._rise)
        return self.behaviour.head + 1.0

    def _rise(self) -> None:
        self.up = self.life.program is self

    def refresh(self, files: Mapping[str, str]) -> None:
        assert not files

    async def stop(self) -> None:
        await asyncio.sleep(5.0)

    def kill(self) -> None:
        self.up = False
        if self._clusters.heads.get(self._clusters.id_of(self.life)) is self:
            self._clusters.heads.pop(self._clusters.id_of(self.life))

    def nodes(self) -> tuple[NodeState, ...]:
        """What the GCS says of its nodes, dead ones included."""
        found = {w.name: NodeState(w.name, w.name.encode(), w.status) for w in self.workers}
        return tuple({**self._gone, **found}.values())

    def drain(self, pod: str) -> tuple[bool, str]:
        """Let an idle node go; whether it does, and else why not."""
        worker = next((w for w in self.workers if w.name == pod), None)
        if worker is None:
            return False, "the node is not known"
        if worker.actors:
            return False, "the node is not idle"
        self.forget(worker)
        later(1.0, lambda: worker.life.exit(0, "Completed") if worker.alive else None)
        return True, ""

    def forget(self, worker: "Worker") -> None:
        """A node is dead."""
        self._gone[worker.name] = NodeState(worker.name, worker.name.encode(), NodeStatus.DEAD)
        if worker in self.workers:
            self.workers.remove(worker)
        self.serve.look()


class Worker:
    """A worker: a Ray node with room for replicas. A program of a Pod.

    Args:
        clusters: all of them.
        life: its Pod.
        behaviour: of what it serves.
    """

    def __init__(self, clusters: Clusters, life: Life, behaviour: Behaviour) -> None:
        self.life = life
        self.name = life.ref.name
        self.actors: list[Actor] = []
        self.alive = False
        self.draining = False
        self.group, self._room = _arguments(life)
        self.behaviour = behaviour
        self._clusters = clusters
        self._head: Head | None = None
        self._token = life.token()
        self._taken: dict[Actor, Mapping[str, float]] = {}
        self._freed: dict[int, float] = {}
        self._shut_down = asyncio.Event()

    def start(self, files: Mapping[str, str]) -> float:
        assert not files
        self.alive = True
        later(self.behaviour.join, self._join)
        if self.behaviour.crash is not None:
            later(self.behaviour.crash, lambda: self._die(1, "Error", "Traceback: the raylet has crashed"))
        return self.behaviour.join

    def refresh(self, files: Mapping[str, str]) -> None:
        assert not files

    async def stop(self) -> None:
        """Wait for the replicas to move; without a head nobody moves them."""
        self.draining = True
        while not self._shut_down.is_set() and (self.actors or (self._head is not None and not self._head.up)):
            if self._head is not None:
                self._head.serve.look()
            await asyncio.sleep(1.0)
        await asyncio.sleep(1.0)

    def shut_down(self) -> None:
        """The raylet ends, with all replicas."""
        self._shut_down.set()
        for actor in list(self.actors):
            actor.becomes(ReplicaState.STOPPED)
            self.release(actor)

    def kill(self) -> None:
        self.alive = False
        head = self._head
        if head is not None:
            later(_LOST_SECONDS, lambda: head.forget(self))

    def _die(self, code: int, reason: str, message: str) -> None:
        if self.alive:
            self.life.exit(code, reason, message)

    def _join(self) -> None:
        if not self.alive:
            return
        head = self._clusters.heads.get(self._clusters.id_of(self.life))
        if head is None or not head.up or not self.reachable or head.token != self._token:
            later(2.0, self._join)
            return
        self._head = head
        head.workers.append(self)
        head.serve.look()

    @property
    def reachable(self) -> bool:
        return self.alive and self.life.reachable

    @property
    def status(self) -> NodeStatus:
        if not self.reachable:
            return NodeStatus.DEAD
        if self.draining:
            return NodeStatus.DRAINING
        return NodeStatus.RUNNING if self.actors else NodeStatus.IDLE

    def has_room(self, needs: Mapping[str, float], group: str) -> bool:
        """Whether one more replica fits here."""
        if not self.reachable or self.draining or group not in {"", self.group}:
            return False
        used = {name: sum(taken.get(name, 0) for taken in self._taken.values()) for name in needs}
        return all(used[name] + need <= self._room.get(name, 0) + 1e-9 for name, need in needs.items())

    def take(self, actor: Actor, needs: Mapping[str, float]) -> None:
        """A replica is started here, on the first port that is free and was not in use a moment ago."""
        taken = {a.port for a in self.actors} | {p for p, t in self._freed.items() if time() - t < _QUARANTINE}
        actor.port = next(p for p in range(REPLICA_FIRST, REPLICA_FIRST + _PORTS) if p not in taken)
        actor.worker = self
        self.actors.append(actor)
        self._taken[actor] = needs

    def release(self, actor: Actor) -> None:
        """A replica has ended."""
        if actor in self.actors:
            self.actors.remove(actor)
            self._taken.pop(actor)
            self._freed[actor.port] = time()


def _arguments(life: Life) -> tuple[str, Mapping[str, float]]:
    """The worker group and the resources that `ray start` is told of."""
    given = dict(a.removeprefix("--").split("=", 1) for a in life.pod["spec"]["containers"][0]["args"] if "=" in a)
    room = {"CPU": float(given["num-cpus"]), "GPU": float(given["num-gpus"]), "memory": float(given["memory"])}
    marks = dict(label.split("=", 1) for label in given.get("labels", "").split(",") if label)
    return marks.get(labels.GROUP, ""), room

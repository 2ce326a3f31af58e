"""Ray Serve on one head, in a few lines: builds an application, starts, moves and stops replicas."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from eagleray.domain.facts import labels
from eagleray.domain.facts.patience import SERVES_OWN, Patience
from eagleray.domain.facts.serve import (
    Application,
    AppStatus,
    DeploymentStatus,
    Replica,
    ReplicaState,
    ServeDeployment,
    ServeState,
)
from simulated.background import later, time

if TYPE_CHECKING:
    from datetime import datetime

    from simulated.ray import Head, Worker

_SOON, _DRAIN = 0.1, 5.0
_GOING = {ReplicaState.STOPPING, ReplicaState.STOPPED}


@dataclass(eq=False)
class Actor:
    """One replica.

    Attributes:
        replica_id: Serve's id of it.
        began: when Serve began to start it.
        worker: where it runs, or None while no node has room for it.
        port: where it listens there.
        state: what it does.
        since: when it last began to do so, in loop time.
    """

    replica_id: str
    began: "datetime"
    worker: "Worker | None" = None
    port: int = 0
    state: ReplicaState = ReplicaState.STARTING
    since: float = 0.0

    def becomes(self, state: ReplicaState) -> None:
        self.state, self.since = state, time()

    @property
    def up(self) -> bool:
        """Whether its process answers at all."""
        running = self.state in {ReplicaState.RUNNING, ReplicaState.PENDING_MIGRATION, ReplicaState.STOPPING}
        return running and self.worker is not None and self.worker.reachable


@dataclass(eq=False)
class Target:
    """One deployment of the application.

    Attributes:
        name: its name.
        number: how many replicas it is to have.
        needs: what one replica takes of a node, by Ray's name of the resource.
        group: the worker group that it is tied to, or "".
        actors: its replicas.
    """

    name: str
    number: int
    needs: Mapping[str, float]
    group: str = ""
    actors: list[Actor] = field(default_factory=list)

    def staying(self) -> list[Actor]:
        return [a for a in self.actors if a.state not in _GOING and not (a.worker and a.worker.draining)]

    @property
    def running(self) -> int:
        return sum(a.state is ReplicaState.RUNNING for a in self.actors)


class Serve:
    """Serve's controller.

    Args:
        head: the head that it runs on.
    """

    def __init__(self, head: "Head") -> None:
        self._head = head
        self._config: dict[str, Any] = {}
        self._status = AppStatus.NOT_STARTED
        self._message = ""
        self._targets: dict[str, Target] = {}
        self._count = 0
        self._due = False

    def put(self, body: Mapping[str, Any]) -> None:
        """Take an application, and build it in the background; what is built already takes its settings over."""
        before, self._config = self._config, body["applications"][0]
        if self._targets and all(before.get(key) == self._config.get(key) for key in ("import_path", "args")):
            given = {each["name"]: each for each in self._config.get("deployments", [])}
            for target in self._targets.values():
                target.number = given.get(target.name, {}).get("num_replicas", 1)
            self.look()
            return
        self._status, self._message, self._targets = AppStatus.DEPLOYING, "", {}
        later(self._head.behaviour.build, self._built)

    def _built(self) -> None:
        if error := self._head.behaviour.deploy_error:
            self._status, self._message = AppStatus.DEPLOY_FAILED, error
            return
        given = self._config.get("deployments") or [{"name": "App", "num_replicas": 1, "ray_actor_options": {}}]
        for each in given:
            options = each.get("ray_actor_options", {})
            needs = {"CPU": options.get("num_cpus", 1), "memory": options.get("memory", 0)}
            needs["GPU"] = options.get("num_gpus", 0)
            group = options.get("label_selector", {}).get(labels.GROUP, "")
            self._targets[each["name"]] = Target(each["name"], each.get("num_replicas", 1), needs, group)
        self.look()

    def scale(self, deployment: str, number: int) -> bool:
        """Set a target; whether there is such a deployment."""
        if deployment not in self._targets:
            return False
        self._targets[deployment].number = number
        self.look()
        return True

    def look(self) -> None:
        """Something has changed: do what follows, soon."""
        if not self._due:
            self._due = True
            later(_SOON, self._step)

    def _step(self) -> None:
        self._due = False
        if not self._head.up:
            return
        for target in self._targets.values():
            target.actors = [a for a in target.actors if a.worker is None or a.worker.alive]
            self._start(target)
            self._stop(target)
        if self._targets and all(t.running >= min(t.number, 1) for t in self._targets.values()):
            self._status = AppStatus.RUNNING

    def _start(self, target: Target) -> None:
        for _ in range(target.number - len(target.staying())):
            self._count += 1
            target.actors.append(Actor(f"{target.name}-{self._count:05x}", self._head.clock.now(), since=time()))
        for actor in target.actors:
            if actor.worker is None and actor.state is ReplicaState.STARTING:
                worker = next((w for w in self._head.workers if w.has_room(target.needs, target.group)), None)
                if worker is not None:
                    worker.take(actor, target.needs)
                    if not self._head.behaviour.hangs:
                        later(self._head.behaviour.start, partial(self._started, actor))

    def _started(self, actor: Actor) -> None:
        if actor.state is ReplicaState.STARTING and actor.worker is not None and actor.worker.alive:
            actor.becomes(ReplicaState.RUNNING)
            self.look()

    def _stop(self, target: Target) -> None:
        """Those too many, and those of a node that is drained, once others have taken over."""
        staying = target.staying()
        spare = sorted(staying, key=lambda a: (a.state is ReplicaState.RUNNING, a.worker is not None, _load(a)))
        for actor in spare[: max(0, len(staying) - target.number)]:
            self._end(target, actor)
        running = sum(a.state is ReplicaState.RUNNING for a in target.staying())
        for actor in target.actors:
            if actor.worker is not None and actor.worker.draining and actor.state not in _GOING:
                if running >= target.number:
                    self._end(target, actor)
                elif actor.state is ReplicaState.RUNNING:
                    actor.becomes(ReplicaState.PENDING_MIGRATION)

    def _end(self, target: Target, actor: Actor) -> None:
        was_up = actor.up
        actor.becomes(ReplicaState.STOPPING)
        later(_DRAIN if was_up else _SOON, lambda: self._ended(target, actor))

    def _ended(self, target: Target, actor: Actor) -> None:
        actor.becomes(ReplicaState.STOPPED)
        if actor in target.actors:
            target.actors.remove(actor)
        if actor.worker is not None:
            actor.worker.release(actor)
        self.look()

    def state(self) -> ServeState:
        """What its REST API says."""
        if not self._config:
            return ServeState()
        found = tuple(self._deployment(i, target) for i, target in enumerate(self._targets.values()))
        name = self._config["name"]
        return ServeState((Application(name, self._status, self._message, found),))

    def _deployment(self, index: int, target: Target) -> ServeDeployment:
        """The last deployment of an application is the one that its code returns: it answers."""
        replicas = tuple(
            Replica(a.replica_id, a.state, a.worker.name if a.worker else "", a.began) for a in target.actors
        )
        even = target.running == target.number == len(target.actors)
        status = DeploymentStatus.HEALTHY if even else DeploymentStatus.UPDATING
        ingress = index == len(self._targets) - 1
        told: dict[str, Any] = next(
            (each for each in self._config.get("deployments", []) if each["name"] == target.name), {}
        )
        patience = Patience(told.get("graceful_shutdown_timeout_s"), told.get("health_check_timeout_s"))
        return ServeDeployment(
            target.name,
            status,
            "",
            target.number,
            is_ingress=ingress,
            replicas=replicas,
            needs=target.needs,
            patience=Patience(patience.shutdown or SERVES_OWN.shutdown, patience.health or SERVES_OWN.health),
            told=patience,
        )


def _load(actor: Actor) -> int:
    return len(actor.worker.actors) if actor.worker else 0

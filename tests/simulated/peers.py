# ruff: noqa: ARG002 - a fake takes every argument of its Protocol
"""What the engine asks of whatever is not the API server, answered by the cluster, with faults at every await."""

import asyncio
from collections.abc import Callable, Hashable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from eagleray.domain.facts.comparison import Comparison
from eagleray.domain.facts.progress import Progress
from eagleray.domain.facts.providers.query import ProviderQuery
from eagleray.domain.facts.ray_nodes import NodeState, NodeUse
from eagleray.domain.facts.router_stats import RouterStats
from eagleray.domain.facts.routers import Credentials
from eagleray.domain.facts.serve import ReplicaState, ServeState
from eagleray.peers.errors import (
    HostileError,
    PeerError,
    RejectedError,
    UnauthorizedError,
    UnknownError,
    UnreachableError,
)
from eagleray.peers.gcs import DrainAnswer
from simulated import ray
from simulated.client import LATE_SECONDS, Wire
from simulated.envoy import Router
from simulated.faults import PEER_FAULTS, Call, Fault
from simulated.network import Network, P

if TYPE_CHECKING:
    from eagleray.peers.places import RayHead
    from eagleray.peers.probe import Trial

ASK_SECONDS = 3.0
_ERRORS: Mapping[Fault, type[PeerError]] = {
    Fault.REFUSED: RejectedError,
    Fault.BROKEN: UnreachableError,
    Fault.HOSTILE: HostileError,
}
T = TypeVar("T")


class SimulatedPeers:
    """The `PeerClient` of one operator.

    Args:
        network: who can be reached.
        wire: what lies between.

    Attributes:
        figure: what every provider answers, or why it does not.
        probes: how many it was asked for.
    """

    def __init__(self, network: Network, wire: Wire) -> None:
        self.figure: float | str = "nobody is there"
        self.probes = 0
        self._network = network
        self._wire = wire
        self._before: dict[tuple[str, str], Any] = {}

    async def serve_state(self, owner: Hashable, head: "RayHead") -> ServeState:
        def state() -> ServeState:
            return self._head(head).serve.state()

        return await self._asked("serve_state", head.ip, state)

    async def put_application(self, owner: Hashable, head: "RayHead", body: Mapping[str, Any]) -> None:
        await self._asked("put_application", head.ip, lambda: self._head(head).serve.put(body))

    async def scale(self, owner: Hashable, head: "RayHead", application: str, deployment: str, replicas: int) -> None:
        def scale() -> None:
            if not self._head(head).serve.scale(deployment, replicas):
                raise UnknownError(f"there is no deployment {deployment} in application {application}")

        await self._asked("scale", head.ip, scale)

    async def protection(self, owner: Hashable, ip: str) -> str:
        await self._asked("protection", ip, lambda: self._at(ip, ray.Head))
        return ""

    async def node_states(self, owner: Hashable, head: "RayHead") -> tuple[NodeState, ...]:
        return await self._asked("node_states", head.ip, lambda: self._head(head).nodes())

    async def drain(self, owner: Hashable, head: "RayHead", pod: str) -> DrainAnswer:
        accepted, message = await self._asked("drain", head.ip, lambda: self._head(head).drain(pod))
        return DrainAnswer(accepted, message)

    async def shut_down_raylet(self, owner: Hashable, ip: str, token: str) -> None:
        await self._asked("shut_down_raylet", ip, lambda: self._at(ip, ray.Worker).shut_down())

    async def node_use(self, owner: Hashable, ip: str) -> NodeUse:
        def use() -> NodeUse:
            worker = self._at(ip, ray.Worker)
            running = sum(a.state is ReplicaState.RUNNING for a in worker.actors)
            return NodeUse(cores=running * worker.behaviour.cores)

        return await self._asked("node_use", ip, use)

    async def progress(self, owner: Hashable, ip: str) -> Progress:
        def nobody() -> Progress:
            raise UnreachableError(f"{ip} cannot be reached")

        return await self._asked("progress", ip, nobody)

    async def router_stats(self, owner: Hashable, ip: str) -> RouterStats:
        return await self._asked("router_stats", ip, lambda: self._router(ip).stats())

    async def comparisons(self, owner: Hashable, ip: str) -> tuple[Comparison, ...]:
        def none() -> tuple[Comparison, ...]:
            self._router(ip)
            return ()

        return await self._asked("comparisons", ip, none)

    async def credentials(self, owner: Hashable, ip: str) -> Credentials:
        def none() -> Credentials:
            self._router(ip)
            return Credentials()

        return await self._asked("credentials", ip, none)

    async def held(self, owner: Hashable, ip: str) -> Mapping[str, int]:
        return await self._asked("held", ip, lambda: self._router(ip).waiting())

    async def await_held(self, owner: Hashable, ip: str, seconds: float) -> Mapping[str, int]:
        try:
            async with asyncio.timeout(seconds):
                await (await self._asked("await_held", ip, lambda: self._router(ip).arrived)).wait()
        except TimeoutError:
            pass
        return await self._asked("held", ip, lambda: self._router(ip).waiting())

    async def probe(self, owner: Hashable, trial: "Trial") -> None:
        self.probes += 1
        if problem := await self._asked("probe", trial.revision, lambda: self._problem(trial)):
            raise RejectedError(problem)

    async def ask(self, owner: Hashable, query: ProviderQuery) -> float:
        def answer() -> float:
            if isinstance(self.figure, str):
                raise UnreachableError(self.figure)
            return self.figure

        return await self._asked("ask", query.url, answer)

    async def forget(self, owner: Hashable) -> None:
        """Nothing is kept for an object."""

    async def close(self) -> None:
        """There are no connections."""

    def _problem(self, trial: "Trial") -> str:
        """Why a warm-up is not answered; "" where it is."""
        found = [self._network.actor_at((ip, port)) for ip in trial.workers for port in trial.ports]
        actors = [a for a in found if a is not None and a.up]
        if not actors:
            return "no replica answers its health check"
        worker = actors[0].worker
        if worker is not None and worker.behaviour.warmup_error:
            return worker.behaviour.warmup_error
        silent = [door.ip for door in trial.routers if not self._router(door.ip).usable(trial.revision)]
        return f"warm-up request at {silent[0]} was answered 503: no healthy upstream" if silent else ""

    def _head(self, head: "RayHead") -> ray.Head:
        found = self._at(head.ip, ray.Head)
        if head.token != found.token:
            raise UnauthorizedError(f"{head.ip} does not accept the token")
        if not found.up:
            raise UnreachableError(f"{head.ip} refuses connections")
        return found

    def _router(self, ip: str) -> Router:
        router = self._at(ip, Router)
        if not router.answers:
            raise UnreachableError(f"router Pod at {ip} gave no statistics")
        return router

    def _at(self, ip: str, kind: type[P]) -> P:
        found = self._network.at(ip, kind)
        if found is None:
            raise UnreachableError(f"{ip} cannot be reached")
        return found

    async def _asked(self, verb: str, whom: str, do: Callable[[], T]) -> T:
        wire = self._wire
        fault, words = await wire.passed(Call(wire.who, verb, whom), PEER_FAULTS)
        if fault in _ERRORS:
            raise _ERRORS[fault](f"{whom}: {words}")
        if fault is Fault.STALE and (verb, whom) in self._before:
            stale: T = self._before[verb, whom]
            return stale
        if fault is not Fault.DROPPED:
            answer = do()
            self._before[verb, whom] = answer
        if fault in {Fault.DROPPED, Fault.UNHEARD}:
            await asyncio.sleep(ASK_SECONDS)
            raise UnreachableError(f"{whom} did not answer within {ASK_SECONDS:g} s")
        if fault is Fault.LATE:
            await asyncio.sleep(LATE_SECONDS)
        if verb in {"put_application", "scale", "drain", "shut_down_raylet", "probe"}:
            wire.story.tell(wire.who, verb, whom, "->", answer)
        return answer

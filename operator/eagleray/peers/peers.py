"""One object to ask whatever is not the API server: a method for each question."""

from collections.abc import Hashable, Mapping
from typing import Any, Protocol

from eagleray.domain.facts.comparison import Comparison
from eagleray.domain.facts.progress import Progress
from eagleray.domain.facts.providers.query import ProviderQuery
from eagleray.domain.facts.ray_nodes import NodeState, NodeUse
from eagleray.domain.facts.router_stats import RouterStats
from eagleray.domain.facts.routers import Credentials
from eagleray.domain.facts.serve import ServeState
from eagleray.peers import (
    comparisons,
    credentials,
    held,
    node_metrics,
    probe,
    progress,
    provider,
    raylet,
    router_stats,
)
from eagleray.peers.channels import Channels
from eagleray.peers.fence import Fence
from eagleray.peers.gcs import DrainAnswer, Gcs
from eagleray.peers.http import Http
from eagleray.peers.places import Ports, RayHead
from eagleray.peers.probe import Trial
from eagleray.peers.serve import Serve


class PeerClient(Protocol):
    """What the engine asks peers. `owner` is the object on whose behalf, whose budget it is.

    Every method but `probe`, `forget` and `close` raises a `PeerError` where there is no usable answer.
    """

    async def serve_state(self, owner: Hashable, head: RayHead) -> ServeState:
        """Read every Serve application of a head; none where Serve was not started yet."""
        ...

    async def put_application(self, owner: Hashable, head: RayHead, body: Mapping[str, Any]) -> None:
        """Make `body`, a `ServeDeploySchema`, all that a head's Serve runs; it is deployed in the background."""
        ...

    async def scale(self, owner: Hashable, head: RayHead, application: str, deployment: str, replicas: int) -> None:
        """Set the target of a Serve deployment."""
        ...

    async def protection(self, owner: Hashable, ip: str) -> str:
        """Say what is wrong with a head that takes orders without a token, and what helps; "" where none does."""
        ...

    async def node_states(self, owner: Hashable, head: RayHead) -> tuple[NodeState, ...]:
        """Read the state of every Ray node that a head knows, dead ones included."""
        ...

    async def drain(self, owner: Hashable, head: RayHead, pod: str) -> DrainAnswer:
        """Ask a head to let the node of a Pod go, if it is idle."""
        ...

    async def shut_down_raylet(self, owner: Hashable, ip: str, token: str) -> None:
        """End the raylet of a Pod and every replica there now, whatever they do."""
        ...

    async def node_use(self, owner: Hashable, ip: str) -> NodeUse:
        """Read what the replicas in a worker Pod use and do."""
        ...

    async def progress(self, owner: Hashable, ip: str) -> Progress:
        """Read how far what takes long in a Pod is."""
        ...

    async def router_stats(self, owner: Hashable, ip: str) -> RouterStats:
        """Read a router Pod's statistics."""
        ...

    async def comparisons(self, owner: Hashable, ip: str) -> tuple[Comparison, ...]:
        """Read what a router Pod's comparer found."""
        ...

    async def credentials(self, owner: Hashable, ip: str) -> Credentials:
        """Read what is wrong with what a router Pod mounts."""
        ...

    async def held(self, owner: Hashable, ip: str) -> Mapping[str, int]:
        """Read how many requests wait at a router Pod, by the revision that they wait for."""
        ...

    async def await_held(self, owner: Hashable, ip: str, seconds: float) -> Mapping[str, int]:
        """The same, as soon as one waits, or after `seconds`."""
        ...

    async def probe(self, owner: Hashable, trial: Trial) -> None:
        """Send a revision's warm-up to every replica, then through every router Pod."""
        ...

    async def ask(self, owner: Hashable, query: ProviderQuery) -> float:
        """Ask a server that knows a figure."""
        ...

    async def forget(self, owner: Hashable) -> None:
        """Let go of all that is kept for an object that is gone."""
        ...

    async def close(self) -> None:
        """Close every connection."""
        ...


class Peers:
    """The `PeerClient` that asks real ones. It belongs to the event loop that runs when it is made.

    Args:
        ports: where they listen.
        fence: what users may not have asked.
    """

    def __init__(self, ports: Ports | None = None, fence: Fence | None = None) -> None:
        self._ports = ports or Ports()
        self._http = Http(fence)
        self._channels = Channels()
        self._serve = Serve(self._http, self._ports.dashboard)
        self._gcs = Gcs(self._channels, self._ports.gcs)

    async def serve_state(self, owner: Hashable, head: RayHead) -> ServeState:
        """Read every Serve application of a head; none where Serve was not started yet."""
        return await self._serve.state(owner, head)

    async def put_application(self, owner: Hashable, head: RayHead, body: Mapping[str, Any]) -> None:
        """Make `body`, a `ServeDeploySchema`, all that a head's Serve runs; it is deployed in the background."""
        await self._serve.put(owner, head, body)

    async def scale(self, owner: Hashable, head: RayHead, application: str, deployment: str, replicas: int) -> None:
        """Set the target of a Serve deployment."""
        await self._serve.scale(owner, head, application, deployment, replicas)

    async def protection(self, owner: Hashable, ip: str) -> str:
        """Say what is wrong with a head that takes orders without a token, and what helps; "" where none does."""
        return await self._serve.protection(owner, ip)

    async def node_states(self, owner: Hashable, head: RayHead) -> tuple[NodeState, ...]:
        """Read the state of every Ray node that a head knows, dead ones included."""
        return await self._gcs.node_states(owner, head)

    async def drain(self, owner: Hashable, head: RayHead, pod: str) -> DrainAnswer:
        """Ask a head to let the node of a Pod go, if it is idle."""
        return await self._gcs.drain(owner, head, pod)

    async def shut_down_raylet(self, owner: Hashable, ip: str, token: str) -> None:
        """End the raylet of a Pod and every replica there now, whatever they do."""
        await raylet.shut_down(self._channels, owner, raylet.raylet_at(ip, self._ports.raylet, token))

    async def node_use(self, owner: Hashable, ip: str) -> NodeUse:
        """Read what the replicas in a worker Pod use and do."""
        return await node_metrics.node_use(self._http, owner, ip, self._ports.metrics)

    async def progress(self, owner: Hashable, ip: str) -> Progress:
        """Read how far what takes long in a Pod is."""
        return await progress.progress(self._http, owner, ip, self._ports.progress)

    async def router_stats(self, owner: Hashable, ip: str) -> RouterStats:
        """Read a router Pod's statistics."""
        return await router_stats.router_stats(self._http, owner, ip, self._ports.ops)

    async def comparisons(self, owner: Hashable, ip: str) -> tuple[Comparison, ...]:
        """Read what a router Pod's comparer found."""
        return await comparisons.comparisons(self._http, owner, ip, self._ports.ops)

    async def credentials(self, owner: Hashable, ip: str) -> Credentials:
        """Read what is wrong with what a router Pod mounts."""
        return await credentials.credentials(self._http, owner, ip, self._ports.ops)

    async def held(self, owner: Hashable, ip: str) -> Mapping[str, int]:
        """Read how many requests wait at a router Pod, by the revision that they wait for."""
        return await held.held(self._http, owner, ip, self._ports.ops)

    async def await_held(self, owner: Hashable, ip: str, seconds: float) -> Mapping[str, int]:
        """The same, as soon as one waits, or after `seconds`."""
        return await held.await_held(self._http, owner, ip, self._ports.ops, seconds)

    async def probe(self, owner: Hashable, trial: Trial) -> None:
        """Send a revision's warm-up to every replica, then through every router Pod."""
        await probe.probe(self._http, owner, trial, self._ports)

    async def ask(self, owner: Hashable, query: ProviderQuery) -> float:
        """Ask a server that knows a figure."""
        return await provider.ask(self._http, owner, query)

    async def forget(self, owner: Hashable) -> None:
        """Let go of all that is kept for an object that is gone: budgets end by themselves with its last question."""
        await self._channels.forget(owner)

    async def close(self) -> None:
        """Close every connection."""
        await self._channels.close()
        await self._http.close()

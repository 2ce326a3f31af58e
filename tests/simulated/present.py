"""The present engine asks peers by itself; here its clients are led to the simulated ones, until it takes `Peers`."""

# ruff: noqa: ARG001, ARG002 - stand-ins take what the originals do
import types
from collections.abc import Awaitable, Callable, Iterable
from contextvars import ContextVar
from functools import cache
from typing import Any, Self, TypeVar

from eagleray.domain.observed import Pod, ProbeResult, RouterPod
from eagleray.domain.revisions import Revision
from eagleray.domain.rollout.evidence import ProviderQuery
from eagleray.domain.traffic.router import RouterStats
from eagleray.engine import execute, observe, reconcile
from eagleray.engine.provider import NoValueError
from eagleray.peers.errors import PeerError, RejectedError, UnauthorizedError, UnknownError
from eagleray.peers.places import Head
from eagleray.peers.probe import trial
from eagleray.ray import errors as ray_errors
from eagleray.router import config
from eagleray.router.held import HolderError
from eagleray.router.report import NoReportError
from eagleray.router.stats import RouterUnreachableError
from simulated.peers import SimulatedPeers

PEERS: ContextVar[SimulatedPeers] = ContextVar("peers")
_RAY = {
    UnauthorizedError: ray_errors.UnauthorizedError,
    UnknownError: ray_errors.NotFoundError,
    RejectedError: ray_errors.RejectedError,
}
T = TypeVar("T")


async def _as(kind: Callable[[PeerError], Exception], asked: Awaitable[T]) -> T:
    try:
        return await asked
    except PeerError as e:
        raise kind(e) from e


def _ray(e: PeerError) -> Exception:
    return _RAY.get(type(e), ray_errors.UnreachableError)(str(e))


class _Session:
    async def close(self) -> None:
        """There are no connections."""


class _Serve:
    def __init__(self, session: object, base_url: str, token: str) -> None:
        self._head = Head(base_url.removeprefix("http://").rpartition(":")[0], token)

    async def get_applications(self) -> Any:
        return await _as(_ray, PEERS.get().serve_state("", self._head))

    async def put_applications(self, body: Any) -> None:
        await _as(_ray, PEERS.get().put_application("", self._head, body))

    async def scale(self, application: str, deployment: str, replicas: int) -> None:
        await _as(_ray, PEERS.get().scale("", self._head, application, deployment, replicas))


class _Grpc:
    def __init__(self, address: str, token: str) -> None:
        self._head = Head(address.rpartition(":")[0], token)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        """There is no channel."""

    async def node_states(self) -> Any:
        return await _as(_ray, PEERS.get().node_states("", self._head))

    async def drain_node(self, node_id: bytes, reason: object, message: str) -> Any:
        return await _as(_ray, PEERS.get().drain("", self._head, node_id.decode()))

    async def shut_down(self) -> None:
        await _as(_ray, PEERS.get().shut_down_raylet("", self._head.ip, self._head.token))


async def _use(session: object, ip: str, port: int) -> Any:
    return await _as(_ray, PEERS.get().node_use("", ip))


async def _scrape(session: object, ip: str) -> RouterStats:
    return await _as(lambda e: RouterUnreachableError(str(e)), PEERS.get().router_stats("", ip))


async def _held(session: object, ip: str, *, wait: float = 0) -> Any:
    peers = PEERS.get()
    return await _as(lambda e: HolderError(str(e)), peers.await_held("", ip, wait) if wait else peers.held("", ip))


async def _report(session: object, ip: str) -> Any:
    return await _as(lambda e: NoReportError(str(e)), PEERS.get().comparisons("", ip))


async def _ask(session: object, query: ProviderQuery) -> float:
    return await _as(lambda e: NoValueError(str(e)), PEERS.get().ask("", query))


async def _probe(
    session: object, revision: Revision, incarnation: int, workers: Iterable[Pod], routers: Iterable[RouterPod]
) -> ProbeResult:
    asked = [r.ip for r in routers if r.ready and r.stats is not None]
    return await PEERS.get().probe("", trial(revision, incarnation, [w.ip for w in workers if w.ip], asked))


def install(peers: SimulatedPeers) -> None:
    """Lead every question of the operator in whose context this is called to `peers`."""
    PEERS.set(peers)
    stand_ins: tuple[tuple[types.ModuleType, str, object], ...] = (
        (reconcile, "aiohttp", types.SimpleNamespace(ClientSession=_Session)),
        (reconcile, "RayletClient", _Grpc),
        (observe, "ServeClient", _Serve),
        (observe, "GcsClient", _Grpc),
        (observe, "fetch_node_use", _use),
        (observe, "scrape", _scrape),
        (observe, "fetch_held", _held),
        (observe, "fetch_report", _report),
        (execute, "fetch_held", _held),
        (execute, "probe", _probe),
        (execute, "ask", _ask),
        # Rendering takes most of the time, and is not what is looked at here.
        (execute, "render", cache(config.render)),
        (execute, "config_version", cache(config.config_version)),
    )
    for module, name, stand_in in stand_ins:
        setattr(module, name, stand_in)

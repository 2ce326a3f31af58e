"""Real requests to a revision before it is given any traffic: its warm-up, at every replica and through the router."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias, TypeVar

from yarl import URL

from eagleray.api.model import Model
from eagleray.api.serving import WarmupRequest
from eagleray.api.units import parse_duration
from eagleray.domain.facts.ports import replica_ports
from eagleray.domain.facts.router_layout import REVISION_HEADER, WARMUP_HEADER
from eagleray.domain.goals.revision import Revision
from eagleray.peers.address import http_url
from eagleray.peers.errors import PeerError, UnreachableError
from eagleray.peers.http import WARM_UP, Http, Request
from eagleray.peers.places import Ports

_T = TypeVar("_T")
_P = TypeVar("_P")

# Address and port.
_Place: TypeAlias = tuple[str, int]

HEALTH_PATH: Final = "/-/healthz"
HEALTH_SECONDS: Final = 2.0
REQUEST_SECONDS: Final = 60.0
"""The longest that one request may take, whatever users' requests may."""
PROBE_SECONDS: Final = 300.0


@dataclass(frozen=True, slots=True)
class Door:
    """A router Pod that the operator asks.

    Attributes:
        ip: its address.
        guarded: whether it has a door for the operator alone, as clients must say who they are at theirs.
    """

    ip: str
    guarded: bool = False


@dataclass(frozen=True, slots=True)
class Trial:
    """What is tried.

    Attributes:
        revision: the revision's name.
        requests: what every replica must answer, one after the other.
        seconds: how long each may take.
        workers: addresses of its worker Pods.
        ports: where on each a replica may listen.
        routers: the router Pods that must reach it.
        token: what opens the operator's door of those that are guarded.
    """

    revision: str
    requests: tuple[WarmupRequest, ...]
    seconds: float
    workers: tuple[str, ...]
    ports: tuple[int, ...]
    routers: tuple[Door, ...]
    token: str = ""


def trial(revision: Revision, workers: Iterable[str], routers: Iterable[Door], token: str = "") -> Trial:
    """The trial of a revision: its warm-up, or else the cheapest request that a model or an app has."""
    template = revision.template
    path = f"/v2/models/{_first_model(revision, template.model)}" if template.model else HEALTH_PATH
    wait = template.request_timeout
    return Trial(
        revision=revision.name,
        requests=tuple(template.warmup or (WarmupRequest(path=path),)),
        seconds=min(parse_duration(wait) if wait else REQUEST_SECONDS, REQUEST_SECONDS),
        workers=tuple(workers),
        ports=replica_ports(revision.most_per_pod),
        # A router has only gRPC's calls for these, and has seen their replicas answer one.
        routers=() if revision.calls else tuple(routers),
        token=token,
    )


def _first_model(revision: Revision, model: Model) -> str:
    """A name that the model server answers to; the first of several is what it tried at its start."""
    return model.models[0].name if model.models else revision.model


async def probe(http: Http, owner: Hashable, trial: Trial, ports: Ports) -> None:
    """Send the requests to every replica of an incarnation, then through every router Pod.

    Args:
        http: sends them.
        owner: the object whose budget it is.
        trial: what is tried.
        ports: where routers take requests.

    Raises:
        PeerError: one of them was not answered as it should.
    """
    try:
        async with asyncio.timeout(PROBE_SECONDS):
            await _Probe(http, owner, trial, ports).run()
    except TimeoutError as e:
        message = f"the warm-up took more than {PROBE_SECONDS:g} s; send fewer or smaller requests"
        raise UnreachableError(message) from e


class _Probe:
    """One run of a trial."""

    def __init__(self, http: Http, owner: Hashable, trial: Trial, ports: Ports) -> None:
        self._http = http
        self._owner = owner
        self._trial = trial
        self._ports = ports
        # A request begins when the budget has room for it: replicas do not time out by waiting for each other.
        self._turns = asyncio.Semaphore(WARM_UP.at_once)

    async def run(self) -> None:
        trial = self._trial
        places = [(ip, port) for ip in trial.workers for port in trial.ports]
        healthy = await self._each(places, self._is_healthy)
        replicas = [place for place, ok in zip(places, healthy, strict=True) if ok]
        if not replicas:
            raise UnreachableError("no replica answers its health check")
        await self._each(replicas, self._ask_replica)
        await self._each(trial.routers, self._ask_router)

    async def _each(self, places: Sequence[_P], ask: Callable[[_P], Awaitable[_T]]) -> list[_T]:
        """Ask all of them side by side; the first failure ends it.

        Raises:
            PeerError: the first failure.
        """

        async def in_turn(place: _P) -> _T:
            async with self._turns:
                return await ask(place)

        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(in_turn(place)) for place in places]
        except* PeerError as failures:
            first = failures.exceptions[0]
        else:
            return [task.result() for task in tasks]
        raise first

    async def _is_healthy(self, place: _Place) -> bool:
        url = http_url(*place, HEALTH_PATH)
        request = Request(peer=f"replica at {url.host}:{url.port}", url=url, seconds=HEALTH_SECONDS)
        try:
            await self._http.ask(WARM_UP, self._owner, request, _nothing)
        except PeerError:
            return False
        return True

    async def _ask_replica(self, place: _Place) -> None:
        for request in self._trial.requests:
            await self._send(place, request, {}, quotes=True)

    async def _ask_router(self, door: Door) -> None:
        asked, place = {REVISION_HEADER: self._trial.revision}, (door.ip, self._ports.http)
        if door.guarded:
            asked, place = {**asked, WARMUP_HEADER: self._trial.token}, (door.ip, self._ports.warmup)
        for request in self._trial.requests:
            await self._send(place, request, asked, quotes=False)

    async def _send(self, place: _Place, warmup: WarmupRequest, headers: dict[str, str], *, quotes: bool) -> None:
        origin = http_url(*place, "/")
        kind, body = _content(warmup)
        request = Request(
            peer=f"warm-up at {origin.host}:{origin.port}",
            url=URL(f"{origin.origin()}{warmup.path}"),
            seconds=self._trial.seconds,
            method=warmup.verb,
            headers={**kind, **(warmup.headers or {}), **headers},
            body=body,
            quotes=quotes,
        )
        await self._http.ask(WARM_UP, self._owner, request, _nothing)


def _content(warmup: WarmupRequest) -> tuple[dict[str, str], bytes | None]:
    """The type and the bytes of a warm-up's body: text is sent as it is, everything else as JSON."""
    if warmup.body is None:
        return {}, None
    if isinstance(warmup.body, str):
        return {"Content-Type": "text/plain; charset=utf-8"}, warmup.body.encode(errors="replace")
    return {"Content-Type": "application/json"}, json.dumps(warmup.body).encode()


def _nothing(_: bytes) -> None:
    """A replica's answer is not for the operator."""

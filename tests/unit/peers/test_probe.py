"""The warm-up, at replicas and routers of its own."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from eagleray.api.serving import WarmupRequest
from eagleray.api.template import VersionTemplate
from eagleray.domain.goals.revision import Revision
from eagleray.peers import probe as probing
from eagleray.peers.errors import PeerError
from eagleray.peers.http import WARM_UP
from eagleray.peers.peers import Peers
from eagleray.peers.places import Ports, RayHead
from eagleray.peers.probe import HEALTH_PATH, REQUEST_SECONDS, Door, Trial, trial
from fakes.hostile import WAYS, Hostile
from fakes.ports import free_port

LOOPBACK = "127.0.0.1"
PREDICT = WarmupRequest(path="/v1/predict?rows=1", headers={"x-a": "b", "Accept-Encoding": "gzip"}, body=[1])
TRIAL = Trial(revision="m-a", requests=(PREDICT,), seconds=30, workers=(LOOPBACK,), ports=(), routers=(Door(LOOPBACK),))


@dataclass
class Replica:
    """Is healthy, and answers every other request alike."""

    answer: dict[str, Any] = field(default_factory=dict)
    seen: list[web.Request] = field(default_factory=list)
    bodies: list[str] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        if request.path == HEALTH_PATH:
            return web.Response()
        self.seen.append(request)
        self.bodies.append(await request.text())
        return web.Response(**self.answer)


class Place:
    """Replicas, a router, and a client that knows where they are."""

    def __init__(self, stack: contextlib.AsyncExitStack) -> None:
        self._stack = stack
        self.router = Replica()

    async def at(self, replica: Replica) -> int:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", replica.handle)
        server = await self._stack.enter_async_context(TestServer(app))
        return server.port or 0

    async def peers(self, **ports: int) -> Peers:
        peers = Peers(Ports(http=await self.at(self.router), **ports))
        self._stack.push_async_callback(peers.close)
        return peers


@pytest.fixture
async def place() -> AsyncIterator[Place]:
    async with contextlib.AsyncExitStack() as stack:
        yield Place(stack)


async def failure(probe: Awaitable[None]) -> str:
    """Why a probe fails; "" where it does not."""
    try:
        await probe
    except PeerError as e:
        return str(e)
    return ""


async def test_every_replica_and_the_router_get_the_requests(place: Place) -> None:
    replicas = [Replica(), Replica()]
    tried = replace(TRIAL, ports=(free_port(), *[await place.at(r) for r in replicas]))
    await (await place.peers()).probe("ns/m", tried)
    for replica in (*replicas, place.router):
        (seen,) = replica.seen
        assert (seen.method, seen.path_qs, json.loads(replica.bodies[0])) == ("POST", "/v1/predict?rows=1", [1])
        assert (seen.headers["x-a"], seen.headers["Accept-Encoding"]) == ("b", "identity")
        assert seen.headers["Content-Type"] == "application/json"
        assert seen.headers.get("x-eagleray-revision") == ("m-a" if replica is place.router else None)


@pytest.mark.parametrize(
    ("body", "sent", "kind"),
    [
        (None, "", None),
        ("a,b\n1,2", "a,b\n1,2", "text/plain; charset=utf-8"),
        ({"é": 10**30}, '{"\\u00e9": 1000000000000000000000000000000}', "application/json"),
    ],
)
async def test_bodies(body: Any, sent: str, kind: str | None, place: Place) -> None:
    replica = Replica()
    tried = replace(TRIAL, ports=(await place.at(replica),), requests=(WarmupRequest(path="/", body=body),))
    await (await place.peers()).probe("ns/m", tried)
    assert (replica.bodies, replica.seen[0].headers.get("Content-Type")) == ([sent], kind)


async def test_a_refusal_of_a_replica_has_the_first_of_its_words(place: Place) -> None:
    port = await place.at(Replica({"status": 500, "text": "\x1b[31mno weights\n" + "x" * 5000}))
    message = await failure((await place.peers()).probe("ns/m", replace(TRIAL, ports=(port,))))
    assert message.startswith(f"warm-up at 127.0.0.1:{port}: POST /v1/predict: answered 500 no weights xxx")
    assert len(message) < 200
    assert place.router.seen == []


async def test_a_refusal_through_the_router_has_none(place: Place) -> None:
    place.router.answer = {"status": 403, "text": "a secret of another"}
    message = await failure((await place.peers()).probe("ns/m", replace(TRIAL, ports=(await place.at(Replica()),))))
    assert message.endswith("POST /v1/predict: answered 403")


async def test_without_a_replica_nothing_is_asked(place: Place) -> None:
    message = await failure((await place.peers()).probe("ns/m", replace(TRIAL, ports=(free_port(), free_port()))))
    assert message == "no replica answers its health check"
    assert place.router.seen == []


@pytest.mark.parametrize("way", WAYS)
async def test_hostile_replicas(way: str, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """They pass their health check, and then answer as they like."""
    monkeypatch.setattr(probing, "HEALTH_SECONDS", 30.0)
    monkeypatch.setattr(probing, "HEALTH_PATH", "/cookie")
    seconds = 0.3 if way in {"slow", "silent"} else 30.0
    with Hostile() as server:
        asked = (WarmupRequest(path=f"/{way}"),)
        tried = replace(TRIAL, ports=(server.port,), requests=asked, seconds=seconds, routers=())
        message = await failure((await place.peers()).probe("ns/m", tried))
    well = {"cookie", "list", "null", "empty", "html", "deep", "wide", "huge-number", "not-a-number", "wrong-types"}
    assert (message == "") is (way in well), message
    assert message.isprintable()
    assert len(message) < 300
    assert len(server.requests) == 2


async def test_the_whole_warm_up_ends(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probing, "PROBE_SECONDS", 0.3)
    monkeypatch.setattr(probing, "HEALTH_PATH", "/cookie")
    with Hostile() as server:
        tried = replace(TRIAL, ports=(server.port,), requests=(WarmupRequest(path="/silent"),))
        message = await failure((await place.peers()).probe("ns/m", tried))
    assert "took more than 0.3 s" in message


async def test_a_pod_with_121_ports_that_hang_costs_nobody_else_anything(place: Place) -> None:
    """`replicasPerPod: 40` of a hostile image, which is asked until its own probe ends."""
    silent = asyncio.Event()
    arrived = asyncio.Semaphore(0)

    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        arrived.release()
        await silent.wait()
        writer.close()

    servers = [await asyncio.start_server(hang, LOOPBACK, 0) for _ in range(121)]
    ports = tuple(server.sockets[0].getsockname()[1] for server in servers)
    healthy = await place.at(Replica())
    serve = await place.at(Replica({"text": "{}"}))
    peers = await place.peers(dashboard=serve)
    hostile = [asyncio.create_task(peers.probe("ns/hostile", replace(TRIAL, ports=ports))) for _ in range(3)]
    for _ in range(WARM_UP.at_once):
        await arrived.acquire()
    for n in range(20):
        await peers.probe(f"ns/{n}", replace(TRIAL, ports=(healthy,)))
        await peers.serve_state("ns/hostile", RayHead(LOOPBACK, "t0ken"))
    assert not any(task.done() for task in hostile)
    for task in hostile:
        task.cancel()
    assert {type(e) for e in await asyncio.gather(*hostile, return_exceptions=True)} == {asyncio.CancelledError}
    silent.set()
    for server in servers:
        server.close()
        await server.wait_closed()


def revision(**template: Any) -> Revision:
    return Revision("churn-default-1", "churn", "ns", "default", VersionTemplate.model_validate(template), "image")


@pytest.mark.parametrize(
    ("template", "path"),
    [
        ({"model": {"framework": "sklearn", "uri": "pvc://models/churn"}}, "/v2/models/churn"),
        ({"model": {"framework": "sklearn", "models": [{"name": "a", "uri": "pvc://models/a"}]}}, "/v2/models/a"),
        ({"app": {"importPath": "a:b", "deployments": [{"name": "Model"}]}}, HEALTH_PATH),
    ],
)
def test_without_a_warm_up_the_cheapest_request_is_tried(template: dict[str, Any], path: str) -> None:
    tried = trial(revision(**template), ["10.0.0.1"], [Door("10.0.0.2")])
    assert [(r.path, r.verb) for r in tried.requests] == [(path, "GET")]
    assert (tried.workers, tried.routers, tried.ports[0]) == (("10.0.0.1",), (Door("10.0.0.2"),), 30000)


def test_replicas_of_a_grpc_service_are_tried_by_http_and_not_through_routers() -> None:
    tried = trial(revision(app={"importPath": "a:b", "grpcServicers": ["a:c"]}), ["10.0.0.1"], [Door("10.0.0.2")])
    assert (tried.workers, tried.routers, tried.ports[0]) == (("10.0.0.1",), (), 30000)


@pytest.mark.parametrize(("timeout", "seconds"), [(None, REQUEST_SECONDS), ("24h", REQUEST_SECONDS), ("2s", 2.0)])
def test_a_request_of_a_warm_up_never_waits_as_long_as_users_may(timeout: str | None, seconds: float) -> None:
    model = {"framework": "sklearn", "uri": "pvc://models/churn"}
    template = revision(model=model, requestTimeout=timeout, warmup=[{"path": "/a"}])
    tried = trial(template, [], [])
    assert (tried.seconds, tried.requests) == (seconds, (WarmupRequest(path="/a"),))

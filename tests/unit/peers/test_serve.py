"""The questions to Serve, against a server of its own."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from eagleray.domain.facts.serve import ServeState
from eagleray.peers.errors import HostileError, PeerError, RejectedError, UnauthorizedError, UnreachableError
from eagleray.peers.peers import Peers
from eagleray.peers.places import Ports, RayHead
from fakes.hostile import Hostile

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Connect = Callable[[Handler], Awaitable[Peers]]
EMPTY: dict[str, object] = {"controller_info": {}, "proxies": {}, "applications": {}}
HEAD = RayHead("127.0.0.1", "t0ken")


@pytest.fixture
async def connect() -> AsyncIterator[Connect]:
    """Start a server with one handler for every path, and what talks to it."""
    started: list[TestServer | Peers] = []

    async def start(handler: Handler) -> Peers:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", handler)
        server = TestServer(app)
        await server.start_server()
        peers = Peers(Ports(dashboard=server.port or 0))
        started.extend((peers, server))
        return peers

    yield start
    for each in started:
        await each.close()


async def test_requests(connect: Connect) -> None:
    seen: list[tuple[str, str, str]] = []

    async def handler(request: web.Request) -> web.StreamResponse:
        assert request.headers["Authorization"] == "Bearer t0ken"
        assert request.headers["User-Agent"] == "eagleray-operator"
        seen.append((request.method, request.path, await request.text()))
        return web.json_response(EMPTY)

    peers = await connect(handler)
    assert await peers.serve_state("ns/m", HEAD) == ServeState()
    await peers.put_application("ns/m", HEAD, {"applications": []})
    await peers.scale("ns/m", HEAD, "churn", "Model", 3)
    assert seen == [
        ("GET", "/api/serve/applications/", ""),
        ("PUT", "/api/serve/applications/", json.dumps({"applications": []})),
        ("POST", "/api/v1/applications/churn/deployments/Model/scale", json.dumps({"target_num_replicas": 3})),
    ]


async def test_a_refusal_has_the_first_of_its_words(connect: Connect) -> None:
    async def refuse(_: web.Request) -> web.StreamResponse:
        return web.Response(status=400, text="\x1b[31mno such\nthing\x1b[0m" + " x" * 5000)

    peers = await connect(refuse)
    with pytest.raises(RejectedError, match="answered 400 no such thing") as caught:
        await peers.put_application("ns/m", HEAD, {})
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("way", ["html", "list", "empty", "wrong-types", "redirect", "bomb", "not-a-number"])
async def test_what_is_no_answer_of_serve(way: str) -> None:
    with Hostile(way) as server:
        peers = Peers(Ports(dashboard=server.port))
        with pytest.raises(HostileError):
            await peers.serve_state("ns/m", HEAD)
        await peers.close()


Answers = dict[str, tuple[int, object]]
OPEN_TO_ALL = "Ray {} at 127.0.0.1 takes orders from everybody, without a token"
OLD: Answers = {"/api/version": (200, {"version": "4", "ray_version": "2.40.0"})}


def ray(mode: str, version_status: int) -> Answers:
    return {
        "/api/authentication_mode": (200, {"authentication_mode": mode}),
        "/api/version": (version_status, {"version": "4", "ray_version": "2.60.0"}),
    }


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        (ray("token", 401), ""),
        (ray("kubernetes", 401), ""),
        (ray("token", 200), ""),
        (
            ray("disabled", 200),
            OPEN_TO_ALL.format("2.60.0")
            + " (its authentication mode is disabled); let RAY_AUTH_MODE=token reach its start",
        ),
        (
            OLD,
            OPEN_TO_ALL.format("2.40.0") + "; use an image with Ray 2.52 or later",
        ),
        ({"/api/version": (403, {})}, ""),
        (ray("disabled", 200) | {"/api/version": (200, {})}, None),
        (ray("disabled", 500), None),
        ({"/api/authentication_mode": (500, {})}, None),
        ({"/api/authentication_mode": (200, {"authentication_mode": ["token"]})}, None),
        ({"/api/authentication_mode": (200, {})}, None),
        ({}, None),
    ],
)
async def test_a_head_without_a_guard_is_told_apart(answers: Answers, said: str | None, connect: Connect) -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        assert "Authorization" not in request.headers
        assert request.method == "GET"
        status, body = answers.get(request.path, (404, {}))
        return web.json_response(body, status=status)

    peers = await connect(handler)
    if said is None:
        with pytest.raises(PeerError):
            await peers.protection("ns/m", HEAD.ip)
    else:
        assert await peers.protection("ns/m", HEAD.ip) == said


async def test_who_has_another_token_is_told(connect: Connect) -> None:
    async def refuse(_: web.Request) -> web.StreamResponse:
        return web.Response(status=403)

    with pytest.raises(UnauthorizedError):
        await (await connect(refuse)).serve_state("ns/m", HEAD)


async def test_nobody_listens() -> None:
    peers = Peers(Ports(dashboard=1))
    with pytest.raises(UnreachableError, match="Connection refused"):
        await peers.serve_state("ns/m", HEAD)
    await peers.close()

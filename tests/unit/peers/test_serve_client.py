"""The REST client against a server of its own."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from eagleray.domain.ray_cluster.serve import ServeState
from eagleray.ray import serve
from eagleray.ray.errors import (
    NotFoundError,
    RayError,
    RejectedError,
    UnauthorizedError,
    UnreachableError,
)
from eagleray.ray.serve import ServeClient

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Connect = Callable[[Handler], Awaitable[ServeClient]]
EMPTY: dict[str, Any] = {"controller_info": {}, "proxies": {}, "applications": {}}


@pytest.fixture
async def connect() -> AsyncIterator[Connect]:
    """Start a server with one handler for every path, and a client that talks to it."""
    servers: list[TestServer] = []

    async with aiohttp.ClientSession() as session:

        async def start(handler: Handler) -> ServeClient:
            app = web.Application()
            app.router.add_route("*", "/{path:.*}", handler)
            server = TestServer(app)
            await server.start_server()
            servers.append(server)
            return ServeClient(session, str(server.make_url("")), "t0ken")

        yield start
        for server in servers:
            await server.close()


def answering(status: int, text: str = "") -> Handler:
    async def handler(_: web.Request) -> web.StreamResponse:
        return web.Response(status=status, text=text)

    return handler


async def test_requests(connect: Connect) -> None:
    seen: list[tuple[str, str, str]] = []

    async def handler(request: web.Request) -> web.StreamResponse:
        assert request.headers["Authorization"] == "Bearer t0ken"
        assert "Mozilla" not in request.headers["User-Agent"]
        seen.append((request.method, request.path, await request.text()))
        return web.json_response(EMPTY | {"ray_version": "2.60.0"})

    client = await connect(handler)
    assert await client.get_applications() == ServeState()
    await client.put_applications({"applications": []})
    await client.scale("churn", "Model", 3)
    assert await client.version() == "2.60.0"
    assert seen == [
        ("GET", "/api/serve/applications/", ""),
        ("PUT", "/api/serve/applications/", json.dumps({"applications": []})),
        ("POST", "/api/v1/applications/churn/deployments/Model/scale", json.dumps({"target_num_replicas": 3})),
        ("GET", "/api/version", ""),
    ]


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, RejectedError),
        (401, UnauthorizedError),
        (403, UnauthorizedError),
        (404, NotFoundError),
        (412, RejectedError),
        (500, UnreachableError),
        (503, UnreachableError),
    ],
)
async def test_refusals_are_typed_and_keep_the_words(status: int, kind: type[RayError], connect: Connect) -> None:
    client = await connect(answering(status, "\x1b[31mno such\nthing\x1b[0m"))
    with pytest.raises(kind, match=f"{status} no such thing"):
        await client.put_applications({})


@pytest.mark.parametrize("text", ["<html>", "[]", ""])
async def test_what_is_no_answer_of_serve(text: str, connect: Connect) -> None:
    with pytest.raises(UnreachableError, match="answers no JSON"):
        await (await connect(answering(200, text))).get_applications()


async def test_redirects_are_not_followed(connect: Connect) -> None:
    async def handler(_: web.Request) -> web.StreamResponse:
        raise web.HTTPFound("http://elsewhere.example.com/")

    with pytest.raises(RejectedError, match="302"):
        await (await connect(handler)).get_applications()


async def test_nobody_listens() -> None:
    async with aiohttp.ClientSession() as session:
        with pytest.raises(UnreachableError, match="cannot be reached"):
            await ServeClient(session, "http://127.0.0.1:1", "t0ken").version()


async def test_deadline(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"{")
        return response

    monkeypatch.setattr(serve, "GET_DEADLINE_SECONDS", 0.0)
    with pytest.raises(UnreachableError, match="did not answer within 0 s"):
        await (await connect(handler)).get_applications()

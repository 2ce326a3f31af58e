"""What is fetched of a URL: bounded, from where it was asked alone, and kept while it cannot be had again."""

import json
from collections.abc import AsyncIterator, Callable, Mapping

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from eagleray_credentials import fetched as module
from eagleray_credentials.fetched import Fetched
from eagleray_credentials.sources import MAX_JWKS

GOOD = json.dumps({"keys": [{"kty": "EC"}]})
Answer = Callable[[], web.Response]
BAD: Mapping[str, Answer] = {
    "a redirect": lambda: web.Response(status=302, headers={"Location": "/good"}),
    "an error": lambda: web.Response(status=500, text=GOOD),
    "too much": lambda: web.Response(text=GOOD + " " * MAX_JWKS),
    "packed": lambda: web.Response(text=GOOD, headers={"Content-Encoding": "gzip"}),
    "no keys": lambda: web.json_response({"keys": []}),
    "no JSON": lambda: web.Response(text="<html>"),
}


class Place:
    def __init__(self) -> None:
        self.answer: Answer = lambda: web.Response(text=GOOD)
        self.url = ""


@pytest.fixture
async def place(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Place]:
    monkeypatch.setattr(module, "AGAIN_SECONDS", 0.0)
    monkeypatch.setattr(module, "RETRY_SECONDS", 0.0)
    found = Place()

    async def asked(_: web.Request) -> web.Response:
        return found.answer()

    async def good(_: web.Request) -> web.Response:
        return web.Response(text=GOOD)

    app = web.Application()
    app.router.add_get("/jwks", asked)
    app.router.add_get("/good", good)
    async with TestServer(app) as server:
        found.url = f"http://127.0.0.1:{server.port}/jwks"
        yield found


@pytest.mark.parametrize("bad", BAD)
async def test_what_is_no_good_is_not_taken_and_what_was_there_is_kept(place: Place, bad: str) -> None:
    fetched = Fetched()
    place.answer = BAD[bad]
    await fetched.fetch([place.url])
    assert fetched.folders == {}
    place.answer = lambda: web.Response(text=GOOD)
    await fetched.fetch([place.url])
    assert fetched.folders == {place.url: {"jwks.json": GOOD.encode()}}
    place.answer = BAD[bad]
    await fetched.fetch([place.url])
    assert fetched.folders == {place.url: {"jwks.json": GOOD.encode()}}


async def test_what_nobody_asks_for_is_forgotten(place: Place) -> None:
    fetched = Fetched()
    await fetched.fetch([place.url])
    await fetched.fetch([])
    assert fetched.folders == {}

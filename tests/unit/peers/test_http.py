"""The one way out: what it takes of hostile peers, and that they cost nobody else anything."""

import asyncio
import threading
from collections.abc import AsyncIterator, Hashable
from http import HTTPStatus

import pytest
from aiohttp import web
from aiohttp.test_utils import BaseTestServer, TestServer

from eagleray.peers import http
from eagleray.peers.address import http_url
from eagleray.peers.errors import (
    HostileError,
    PeerError,
    RejectedError,
    UnauthorizedError,
    UnknownError,
    UnreachableError,
)
from eagleray.peers.http import CONTROL, DEPLOY, PURPOSES, STREAMS, WARM_UP, Http, Purpose, Request
from eagleray.peers.shape import ShapeError, loads, mapping
from fakes.hostile import WAYS, Hostile

LOOPBACK = "127.0.0.1"


@pytest.fixture
async def client() -> AsyncIterator[Http]:
    client = Http()
    yield client
    await client.close()


def request(port: int, path: str = "/", seconds: float = 30.0, *, quotes: bool = False) -> Request:
    return Request(peer="a peer", url=http_url(LOOPBACK, port, path), seconds=seconds, quotes=quotes)


def as_object(body: bytes) -> object:
    return dict(mapping(loads(body), "it"))


TOO_LATE = {"slow", "silent"}
# Of trailers, the parser or the one who counts has enough first.
OUTCOMES: dict[str, type[PeerError] | tuple[type[PeerError], ...] | None] = {
    "redirect": HostileError,
    "cookie": None,
    "bomb": HostileError,
    "endless": HostileError,
    "endless-error": UnreachableError,
    "slow": UnreachableError,
    "silent": UnreachableError,
    "headers": HostileError,
    "header": HostileError,
    "informed": HostileError,
    "crumbs": HostileError,
    "extended": HostileError,
    "trailers": (HostileError, UnreachableError),
    "broken": UnreachableError,
    "nonsense": HostileError,
    "old-ray": UnknownError,
    "escapes": UnreachableError,
    "list": HostileError,
    "null": HostileError,
    "empty": HostileError,
    "html": HostileError,
    "deep": HostileError,
    "wide": HostileError,
    "huge-number": HostileError,
    "not-a-number": HostileError,
    "wrong-types": None,
}


def test_every_way_has_its_outcome() -> None:
    assert OUTCOMES.keys() == WAYS.keys()


@pytest.mark.parametrize("way", WAYS)
async def test_what_hostile_peers_answer_is_an_error_of_a_few_words(way: str, client: Http) -> None:
    outcome = OUTCOMES[way]
    with Hostile(way) as server:
        asking = request(server.port, seconds=0.5 if way in TOO_LATE else 30.0, quotes=True)
        if outcome is None:
            await client.ask(CONTROL, "ns/m", asking, as_object)
            return
        with pytest.raises(outcome) as caught:
            await client.ask(CONTROL, "ns/m", asking, as_object)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 300
    assert len(server.requests) == 1


async def test_where_a_redirect_leads_is_neither_asked_nor_said(client: Http) -> None:
    with Hostile("redirect") as server, pytest.raises(HostileError) as caught:
        await client.ask(CONTROL, "ns/m", request(server.port, quotes=True), as_object)
    assert "307" in str(caught.value)
    assert "html" not in str(caught.value)
    assert "secret" not in str(caught.value)
    assert len(server.requests) == 1


async def test_cookies_are_not_kept_and_nothing_packed_is_asked_for(client: Http) -> None:
    with Hostile("cookie") as server:
        packed = Request(
            peer="p", url=http_url(LOOPBACK, server.port, "/"), seconds=30, headers={"accept-encoding": "gzip"}
        )
        for _ in range(2):
            await client.ask(CONTROL, "ns/m", packed, as_object)
    for sent in server.requests:
        assert "cookie" not in sent.lower()
        assert "accept-encoding: identity" in sent.lower()
        assert "gzip" not in sent


async def test_nothing_of_the_environment_leads_elsewhere(client: Http, monkeypatch: pytest.MonkeyPatch) -> None:
    with Hostile("cookie") as server, Hostile("html") as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
            monkeypatch.setenv(name, f"http://{LOOPBACK}:{proxy.port}")
        monkeypatch.delenv("no_proxy", raising=False)
        await client.ask(CONTROL, "ns/m", request(server.port), as_object)
    assert proxy.requests == []


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, RejectedError),
        (401, UnauthorizedError),
        (403, UnauthorizedError),
        (404, UnknownError),
        (408, UnreachableError),
        (412, RejectedError),
        (429, UnreachableError),
        (500, UnreachableError),
        (503, UnreachableError),
        (304, HostileError),
    ],
)
async def test_refusals_are_typed(status: int, kind: type[PeerError], client: Http) -> None:
    async def refuse(_: web.Request) -> web.StreamResponse:
        words = "" if status == HTTPStatus.NOT_MODIFIED else "\x1b[31mthe\nwords\x1b[0m"
        return web.Response(status=status, text=words)

    async with serving(refuse) as server:
        for quotes in (True, False):
            with pytest.raises(kind, match=str(status)) as caught:
                await client.ask(CONTROL, "ns/m", request(port_of(server), quotes=quotes), as_object)
            assert ("the words" in str(caught.value)) == (quotes and status >= HTTPStatus.BAD_REQUEST)


async def test_nobody_listens(client: Http) -> None:
    with pytest.raises(UnreachableError, match="Connection refused"):
        await client.ask(CONTROL, "ns/m", request(1), as_object)


@pytest.mark.parametrize("header", ["a\r\nb: c", "a\x00b"])
async def test_what_cannot_be_sent_is_said(header: str, client: Http) -> None:
    with Hostile("cookie") as server:
        broken = Request(peer="p", url=http_url(LOOPBACK, server.port, "/"), seconds=30, headers={"x-a": header})
        with pytest.raises(RejectedError, match="cannot be sent"):
            await client.ask(CONTROL, "ns/m", broken, as_object)


async def test_peers_have_addresses_of_the_sixth_version_too(client: Http) -> None:
    with Hostile("cookie", host="::1") as server:
        asking = Request(peer="p", url=http_url("::1", server.port, "/"), seconds=30)
        await client.ask(CONTROL, "ns/m", asking, as_object)
    assert f"Host: [::1]:{server.port}" in server.requests[0]


async def test_a_long_answer_of_a_replica_is_read_and_let_go(client: Http) -> None:
    async def long(_: web.Request) -> web.StreamResponse:
        return web.Response(body=b"x" * (WARM_UP.max_bytes - 1))

    async with serving(long) as server:
        assert len(await client.ask(WARM_UP, "ns/m", request(port_of(server)), bytes)) == WARM_UP.kept_bytes


async def test_what_is_large_is_parsed_beside_the_loop(client: Http) -> None:
    sizes = {10: True, 1_500_000: False}

    async def sized(asked: web.Request) -> web.StreamResponse:
        return web.Response(body=b" " * int(asked.path.strip("/")))

    async with serving(sized) as server:
        for size, here in sizes.items():
            thread = await client.ask(
                CONTROL, "ns/m", request(port_of(server), f"/{size}"), lambda _: threading.get_ident()
            )
            assert (thread == threading.get_ident()) is here


async def test_an_object_takes_its_part_of_the_room_for_large_answers_and_no_more(client: Http) -> None:
    gate = Gate()

    async def begin(asked: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(asked)
        await response.write(b" " * (http._SMALL_BYTES + 1))
        await gate.handle(asked)
        return response

    async def large(_: web.Request) -> web.StreamResponse:
        return web.Response(body=b" " * (CONTROL.max_bytes))

    async with serving(begin) as bad, serving(large) as good:
        mine = [
            asyncio.create_task(client.ask(CONTROL, "ns/hostile", request(port_of(bad)), len))
            for _ in range(CONTROL.at_once)
        ]
        await gate.until(CONTROL.at_once)
        others = (client.ask(CONTROL, f"ns/{n}", request(port_of(good)), len) for n in range(50))
        assert set(await asyncio.gather(*others)) == {CONTROL.max_bytes}
        assert client._large._value >= http._LARGE_AT_ONCE - http._LARGE_OF_ONE
        gate.opened.set()
        await asyncio.gather(*mine)
    assert client._large._value == http._LARGE_AT_ONCE
    assert len(client._large_of) == 0


class Gate:
    """Keeps requests waiting until it is opened, and counts them."""

    def __init__(self) -> None:
        self.entered = 0
        self.most = 0
        self.opened = asyncio.Event()
        self._changed = asyncio.Condition()

    async def handle(self, _: web.Request) -> web.StreamResponse:
        async with self._changed:
            self.entered += 1
            self.most = max(self.most, self.entered)
            self._changed.notify_all()
        await self.opened.wait()
        self.entered -= 1
        return web.json_response({})

    async def until(self, entered: int) -> None:
        async with asyncio.timeout(60), self._changed:
            await self._changed.wait_for(lambda: self.entered == entered)


def serving(handler: object) -> TestServer:
    app = web.Application(client_max_size=2**30)
    app.router.add_route("*", "/{path:.*}", handler)  # type: ignore[arg-type]
    return TestServer(app)


def port_of(server: BaseTestServer) -> int:
    assert server.port is not None
    return server.port


@pytest.mark.parametrize("purpose", PURPOSES, ids=lambda purpose: purpose.name)
async def test_an_object_has_its_budget_and_no_more(purpose: Purpose, client: Http) -> None:
    gate = Gate()
    async with serving(gate.handle) as server:
        mine = [
            asyncio.create_task(client.ask(purpose, "ns/hostile", request(port_of(server)), as_object))
            for _ in range(2 * purpose.at_once)
        ]
        await gate.until(purpose.at_once)
        gate_of_another = Gate()
        gate_of_another.opened.set()
        async with serving(gate_of_another.handle) as another:
            assert await client.ask(purpose, "ns/other", request(port_of(another)), as_object) == {}
        assert not any(task.done() for task in mine)
        gate.opened.set()
        await asyncio.gather(*mine)
    assert gate.most == purpose.at_once
    assert len(client._budgets[purpose]) == 0


async def test_waiting_for_the_budget_counts_into_the_deadline(client: Http) -> None:
    gate = Gate()
    async with serving(gate.handle) as server:
        mine = [
            asyncio.create_task(client.ask(DEPLOY, "ns/m", request(port_of(server)), as_object))
            for _ in range(DEPLOY.at_once)
        ]
        await gate.until(DEPLOY.at_once)
        with pytest.raises(UnreachableError, match="other questions of this object were under way"):
            await client.ask(DEPLOY, "ns/m", request(port_of(server), seconds=0.05), as_object)
        assert gate.most == DEPLOY.at_once
        gate.opened.set()
        await asyncio.gather(*mine)


async def test_two_hundred_objects_that_listen_and_a_hostile_one_cost_nobody_anything(client: Http) -> None:
    sleeping, hostile, healthy = Gate(), Gate(), Gate()
    healthy.opened.set()
    async with serving(sleeping.handle) as holder, serving(hostile.handle) as bad, serving(healthy.handle) as good:

        def ask(purpose: Purpose, owner: Hashable, server: BaseTestServer) -> asyncio.Task[object]:
            return asyncio.create_task(client.ask(purpose, owner, request(port_of(server), seconds=120), as_object))

        listening = [ask(STREAMS, f"ns/{n}", holder) for n in range(200) for _ in range(2)]
        hanging = [ask(purpose, "ns/hostile", bad) for purpose in PURPOSES for _ in range(200)]
        await sleeping.until(400)
        await hostile.until(sum(purpose.at_once for purpose in PURPOSES))
        for purpose in PURPOSES:
            assert await ask(purpose, "ns/good", good) == {}
        assert not any(task.done() for task in [*listening, *hanging])
        sleeping.opened.set()
        hostile.opened.set()
        await asyncio.gather(*listening, *hanging)


async def test_a_question_that_is_given_up_takes_nothing_with_it(client: Http) -> None:
    gate = Gate()
    async with serving(gate.handle) as server:
        given_up = asyncio.create_task(client.ask(CONTROL, "ns/m", request(port_of(server)), as_object))
        await gate.until(1)
        given_up.cancel()
        with pytest.raises(asyncio.CancelledError):
            await given_up
        gate.opened.set()
        assert await client.ask(CONTROL, "ns/m", request(port_of(server)), as_object) == {}
    assert len(client._budgets[CONTROL]) == 0


async def test_an_answer_of_a_wrong_shape_says_where_and_nothing_of_what_is_there(client: Http) -> None:
    def refuse(_: bytes) -> None:
        raise ShapeError("held is no object")

    with Hostile("html") as server, pytest.raises(HostileError, match="held is no object") as caught:
        await client.ask(CONTROL, "ns/m", request(server.port), refuse)
    assert "welcome" not in str(caught.value)

"""The one way out: what it takes of hostile peers."""

import threading
from http import HTTPStatus

import pytest
from aiohttp import web

from eagleray.peers.address import http_url
from eagleray.peers.errors import (
    HostileError,
    PeerError,
    RejectedError,
    UnauthorizedError,
    UnknownError,
    UnreachableError,
)
from eagleray.peers.http import CONTROL, WARM_UP, Http, Request
from eagleray.peers.shape import ShapeError
from fakes.hostile import WAYS, Hostile
from unit.peers.asking import LOOPBACK, as_object, port_of, request, serving

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


async def test_an_answer_of_a_wrong_shape_says_where_and_nothing_of_what_is_there(client: Http) -> None:
    def refuse(_: bytes) -> None:
        raise ShapeError("held is no object")

    with Hostile("html") as server, pytest.raises(HostileError, match="held is no object") as caught:
        await client.ask(CONTROL, "ns/m", request(server.port), refuse)
    assert "welcome" not in str(caught.value)

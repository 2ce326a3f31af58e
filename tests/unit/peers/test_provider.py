"""Asking for figures, against a server of its own."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from eagleray.domain.facts.providers.prometheus import PrometheusQuery
from eagleray.domain.facts.providers.query import ProviderQuery
from eagleray.domain.facts.providers.web import WebQuery
from eagleray.peers import provider
from eagleray.peers.errors import HostileError, PeerError, RejectedError, UnreachableError
from eagleray.peers.http import PROVIDERS
from eagleray.peers.peers import Peers
from fakes.hostile import Hostile
from unit.peers.asking import OnLoopback

PROMQL = "sum(up)"
ABOUT = (("name", "churn"), ("candidate", "churn-default-2"))


@dataclass
class Server:
    """Answers every request alike, and keeps the last one."""

    peers: Peers
    answer: dict[str, Any] = field(default_factory=dict)
    seen: list[tuple[str, str, dict[str, str], str]] = field(default_factory=list)
    url: str = ""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.seen.append((request.method, request.path, dict(request.query), await request.text()))
        return web.Response(**self.answer)

    def prometheus(self) -> ProviderQuery:
        return PrometheusQuery(self.url, PROMQL)

    def other(self, path: str = "value") -> ProviderQuery:
        return WebQuery(f"{self.url}ask", path, ABOUT)

    def says(self, answer: Any, **more: Any) -> None:
        self.answer = {"text": answer if isinstance(answer, str) else json.dumps(answer), **more}


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    found = Server(Peers(fence=OnLoopback()))
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", found.handle)
    async with TestServer(app) as running:
        found.url = str(running.make_url("/"))
        yield found
    await found.peers.close()


def vector(*values: str) -> dict[str, Any]:
    result = [{"metric": {}, "value": [1700000000.0, value]} for value in values]
    return {"status": "success", "data": {"resultType": "vector", "result": result}}


@pytest.mark.parametrize(
    "answer", [vector("0.25"), {"data": {"resultType": "scalar", "result": [1700000000.0, "0.25"]}}]
)
async def test_prometheus_is_asked_for_one_number(server: Server, answer: dict[str, Any]) -> None:
    server.says(answer)
    assert await server.peers.ask("ns/m", server.prometheus()) == 0.25
    assert server.seen == [("GET", "/api/v1/query", {"query": PROMQL}, "")]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (vector(), "0 series; write a query that gives one"),
        (vector("1", "2"), "2 series; write a query that gives one"),
        (vector("NaN"), "its value is nan"),
        ({"data": {"resultType": "matrix", "result": [{"metric": {}, "values": []}]}}, "instant vector or a scalar"),
        (["no"], "instant vector or a scalar"),
        ("<html>", "no JSON"),
    ],
)
async def test_what_is_no_number_of_prometheus_is_named(server: Server, answer: Any, said: str) -> None:
    server.says(answer)
    with pytest.raises(PeerError, match=said):
        await server.peers.ask("ns/m", server.prometheus())


@pytest.mark.parametrize(
    ("path", "answer", "value"),
    [("value", {"value": 3}, 3.0), ("data.score", {"data": {"score": 0.5}}, 0.5), ("ok", {"ok": True}, 1.0)],
)
async def test_any_other_server_is_told_and_answers(server: Server, path: str, answer: Any, value: float) -> None:
    server.says(answer)
    assert await server.peers.ask("ns/m", server.other(path)) == value
    ((method, where, _, body),) = server.seen
    assert (method, where, json.loads(body)) == ("POST", "/ask", dict(ABOUT))


async def test_an_answer_in_pieces_is_one(server: Server) -> None:
    server.says({"filler": " " * 500_000, "value": 3})
    assert await server.peers.ask("ns/m", server.other()) == 3.0


@pytest.mark.parametrize("answer", [{}, {"value": "3"}, {"value": None}, [3], {"value": {"a": 1}}])
async def test_what_is_no_number_is_named(server: Server, answer: Any) -> None:
    server.says(answer)
    with pytest.raises(PeerError, match="no number at value"):
        await server.peers.ask("ns/m", server.other())


@pytest.mark.parametrize(
    ("answer", "kind", "said"),
    [
        ({"status": 503, "text": "a secret"}, UnreachableError, "answered 503$"),
        ({"status": 302, "headers": {"location": "http://elsewhere"}}, HostileError, "answered 302"),
        ({"text": " " * (PROVIDERS.max_bytes + 1)}, HostileError, f"more than {PROVIDERS.max_bytes} bytes"),
        ({"text": '{"value": 1e400}'}, HostileError, "no JSON"),
    ],
)
async def test_what_is_no_answer_is_named(
    server: Server, answer: dict[str, Any], kind: type[PeerError], said: str
) -> None:
    server.answer = answer
    with pytest.raises(kind, match=said) as caught:
        await server.peers.ask("ns/m", server.other())
    assert "secret" not in str(caught.value)
    assert "elsewhere" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://user:pa55word@prometheus:9090", "user or password"),
        ("http://user@prometheus:9090", "user or password"),
        ("http://:pa55word@prometheus:9090", "user or password"),
        ("http://prometheus:9090/#pa55word", "fragment"),
        ("http://prometheus:9090/?token=pa55word", "query"),
        ("file:///etc/pa55word", "no URL"),
        ("gopher://prometheus/", "no URL"),
        ("http:///pa55word", "no URL"),
        ("http://[pa55word", "no URL"),
        ("http://prometheus:pa55word/", "no URL"),
        ("", "no URL"),
    ],
)
async def test_a_url_says_where_a_server_is_and_no_more(server: Server, url: str, said: str) -> None:
    for query in (PrometheusQuery(url, PROMQL), WebQuery(url, "value", ())):
        with pytest.raises(RejectedError, match=said) as caught:
            await server.peers.ask("ns/m", query)
        assert "pa55word" not in str(caught.value)


async def test_metadata_services_are_not_asked(server: Server) -> None:
    with pytest.raises(UnreachableError, match="nobody is asked at its address"):
        await server.peers.ask("ns/m", WebQuery("http://169.254.169.254/latest/meta-data", "value", ()))


async def test_who_is_slow_or_not_there_is_named(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provider, "SECONDS", 0.05)
    with Hostile("silent") as slow, pytest.raises(UnreachableError, match="no answer within"):
        await server.peers.ask("ns/m", WebQuery(f"http://127.0.0.1:{slow.port}/", "value", ()))
    monkeypatch.undo()
    with pytest.raises(UnreachableError, match=r"127\.0\.0\.1: POST /: Connection refused"):
        await server.peers.ask("ns/m", WebQuery("http://127.0.0.1:1", "value", ()))

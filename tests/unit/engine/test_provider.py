"""Asking for figures, against a server of its own."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from eagleray.domain.providers.prometheus import PrometheusQuery
from eagleray.domain.providers.query import NoValueError, ProviderQuery
from eagleray.domain.providers.web import WebQuery
from eagleray.engine import provider
from eagleray.engine.provider import ask

PROMQL = "sum(up)"
ABOUT = (("name", "churn"), ("candidate", "churn-default-2"))


@dataclass
class Server:
    """Answers every request alike, and keeps the last one."""

    session: aiohttp.ClientSession
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
    async with aiohttp.ClientSession() as session:
        found = Server(session)
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", found.handle)
        async with TestServer(app) as running:
            found.url = str(running.make_url("/"))
            yield found


def vector(*values: str) -> dict[str, Any]:
    result = [{"metric": {}, "value": [1700000000.0, value]} for value in values]
    return {"status": "success", "data": {"resultType": "vector", "result": result}}


@pytest.mark.parametrize(
    "answer", [vector("0.25"), {"data": {"resultType": "scalar", "result": [1700000000.0, "0.25"]}}]
)
async def test_prometheus_is_asked_for_one_number(server: Server, answer: dict[str, Any]) -> None:
    server.says(answer)
    assert await ask(server.session, server.prometheus()) == 0.25
    assert server.seen == [("GET", "/api/v1/query", {"query": PROMQL}, "")]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (vector(), "0 series; write a query that gives one"),
        (vector("1", "2"), "2 series; write a query that gives one"),
        (vector("NaN"), "answered nan"),
        ({"data": {"resultType": "matrix", "result": [{"metric": {}, "values": []}]}}, "instant vector or a scalar"),
        (["no"], "did not answer as Prometheus does"),
        ("<html>", "no JSON"),
    ],
)
async def test_what_is_no_number_of_prometheus_is_named(server: Server, answer: Any, said: str) -> None:
    server.says(answer)
    with pytest.raises(NoValueError, match=said):
        await ask(server.session, server.prometheus())


@pytest.mark.parametrize(
    ("path", "answer", "value"),
    [("value", {"value": 3}, 3.0), ("data.score", {"data": {"score": 0.5}}, 0.5), ("ok", {"ok": True}, 1.0)],
)
async def test_any_other_server_is_told_and_answers(server: Server, path: str, answer: Any, value: float) -> None:
    server.says(answer)
    assert await ask(server.session, server.other(path)) == value
    ((method, where, _, body),) = server.seen
    assert (method, where, json.loads(body)) == ("POST", "/ask", dict(ABOUT))


async def test_an_answer_in_pieces_is_one(server: Server) -> None:
    server.says({"filler": " " * 500_000, "value": 3})
    assert await ask(server.session, server.other()) == 3.0


@pytest.mark.parametrize("answer", [{}, {"value": "3"}, {"value": None}, [3], {"value": {"a": 1}}])
async def test_what_is_no_number_is_named(server: Server, answer: Any) -> None:
    server.says(answer)
    with pytest.raises(NoValueError, match="no number at value"):
        await ask(server.session, server.other())


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"status": 503, "text": "a secret"}, "answered 503$"),
        ({"status": 302, "headers": {"location": "http://elsewhere"}}, "answered 302$"),
        ({"text": " " * (provider.LIMIT_BYTES + 1)}, "more than 1 MiB"),
    ],
)
async def test_what_is_no_answer_is_named(server: Server, answer: dict[str, Any], said: str) -> None:
    server.answer = answer
    with pytest.raises(NoValueError, match=said):
        await ask(server.session, server.other())


async def test_who_is_slow_or_not_there_is_named(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    async def hang(_: web.Request) -> web.StreamResponse:
        await asyncio.sleep(60)
        raise AssertionError

    monkeypatch.setattr(provider, "DEADLINE_SECONDS", 0.05)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", hang)
    async with TestServer(app) as slow:
        with pytest.raises(NoValueError, match="no answer within"):
            await ask(server.session, WebQuery(str(slow.make_url("/")), "value", ()))
    monkeypatch.undo()
    with pytest.raises(NoValueError, match=r"127\.0\.0\.1:1 gave no answer"):
        await ask(server.session, WebQuery("http://127.0.0.1:1", "value", ()))

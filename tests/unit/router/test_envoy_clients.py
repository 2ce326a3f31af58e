"""Clients and proxies as they come, in front of a real Envoy: those of the table, and those that leave or dawdle."""

import asyncio
import contextlib
import gzip
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from e2e.scripts import script
from eagleray.api.router import Router as RouterSpec
from eagleray.domain.actions.router_config import RouterConfig
from eagleray.domain.traffic.clients import cors
from unit.router.envoy_rig import Rig, Router, routed, target
from unit.router.replica import Replica
from unit.router.test_envoy_hold import asleep, held, holder, holding

TABLE: Any = script("clients")
SPEC = RouterSpec.model_validate(TABLE.SETTINGS)
SET: dict[str, Any] = {"max_request_bytes": SPEC.max_request_bytes, "cors": cors(SPEC.cors)}
HOPS = {TABLE.EDGE: 0, TABLE.BEHIND_PROXY: 1}
PAGE = TABLE.PAGE
PREFLIGHT = {"Origin": PAGE, "Access-Control-Request-Method": "POST"}


async def asked(folder: Path, group: str) -> Mapping[str, list[str]]:
    """What is wrong with the answers to all rows of a group, by client."""
    async with aiohttp.ClientSession() as session, contextlib.AsyncExitStack() as stack:
        rig = Rig(folder, stack, session)
        replica = await rig.replica()
        router = await rig.router(routed({target("m-a", replica): 100}, trusted_hops=HOPS[group], **SET))
        await router.until_healthy("m-a", 1)
        rows = [row for row in TABLE.ROWS if row.group in {TABLE.ANY, group}]
        port = router.layout.http_port
        found = await asyncio.gather(*(asyncio.to_thread(TABLE.wrong, row, "127.0.0.1", port) for row in rows))
        return {row.client: faults for row, faults in zip(rows, found, strict=True)}


@pytest.fixture(scope="module", params=HOPS)
def found(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, list[str]]:
    return asyncio.run(asked(tmp_path_factory.mktemp("clients"), request.param))


@pytest.mark.parametrize("row", TABLE.ROWS, ids=lambda row: str(row.client))
def test_whoever_asks_gets_the_answer_or_is_told_why_not(found: Mapping[str, list[str]], row: Any) -> None:
    if row.client in found:
        assert found[row.client] == []
    else:
        assert row.group != TABLE.ANY


async def alone(rig: Rig, **options: Any) -> tuple[Replica, Router]:
    """A router in front of one replica."""
    replica = await rig.replica()
    router = await rig.router(routed({target("m-a", replica): 100}, **options))
    await router.until_healthy("m-a", 1)
    return replica, router


async def opened(router: Router, path: str = "/") -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection on which one request was sent."""
    reader, writer = await asyncio.open_connection("127.0.0.1", router.layout.http_port, limit=2**16)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: m\r\n\r\n".encode())
    return reader, writer


async def test_a_client_that_goes_away_ends_its_request_and_is_counted_no_more(rig: Rig) -> None:
    replica, router = await alone(rig)
    replica.mode = "hold"
    _, writer = await opened(router)
    await rig.until(lambda: replica.arrived == 1)
    assert (await router.stats()).of("m-a").active == 1
    writer.transport.abort()
    await rig.until(lambda: replica.cancelled == 1)

    async def none_under_way() -> bool:
        return (await router.stats()).of("m-a").active == 0

    await rig.until(none_under_way)


async def test_a_client_that_does_not_read_holds_its_replica_back_and_nobody_else(rig: Rig) -> None:
    replica, router = await alone(rig)
    replica.mode = "endless"
    slow = [await opened(router) for _ in range(4)]
    await rig.until(lambda: replica.arrived == len(slow))
    before = -1

    async def stands() -> bool:
        nonlocal before
        before, last = replica.streamed, before
        await asyncio.sleep(1)
        return last == replica.streamed

    await rig.until(stands)
    assert replica.streamed < len(slow) * 16 * 1024 * 1024
    replica.mode = "answer"
    answers = await router.ask_all([{}] * 20)
    assert {answer.status for answer in answers} == {200}
    for reader, writer in slow:
        taken = 0
        while taken < 8 * 1024 * 1024:
            taken += len(await reader.read(2**16))
        writer.transport.abort()


async def test_replicas_are_asked_on_connections_that_stay(rig: Rig) -> None:
    replica, router = await alone(rig)
    for _ in range(20):
        assert (await router.ask()).status == 200
    assert len(replica.callers) == 1


async def test_a_packed_answer_passes_as_it_is(rig: Rig) -> None:
    replica, router = await alone(rig)
    replica.mode = "packed"
    async with rig.session.get(router.url, auto_decompress=False, headers={"Accept-Encoding": "gzip"}) as answer:
        assert answer.headers["content-encoding"] == "gzip"
        assert json.loads(gzip.decompress(await answer.read()))["method"] == "GET"


async def test_a_preflight_wakes_nothing_and_is_no_request(rig: Rig) -> None:
    sleeping = replace(holding(asleep("m-a")), **SET)
    router = await rig.router(sleeping)
    async with holder(router):
        for origin in (PAGE, "https://elsewhere.example.org"):
            answer = await router.ask(method="OPTIONS", headers={**PREFLIGHT, "Origin": origin})
            assert (answer.status, answer.headers.get("access-control-allow-origin")) == (
                200,
                PAGE if origin == PAGE else None,
            )
        assert await held(router) == {}
    assert (await router.stats()).of("m-a").requests == 0


ORIGINS = {
    "https://app.example.com": (
        "https://app.example.com",
        "https://app.example.com.evil.org",
        "http://app.example.com",
    ),
    "https://*.example.com": ("https://a.b.example.com", "https://example.com", "https://a.example.com:8443"),
    "http://*.test:3000": ("http://a.test:3000", "http://a.test", "http://a/.test:3000"),
    "*": ("https://anything.example.org",),
}


async def test_an_origin_is_that_of_the_list_and_no_other(rig: Rig) -> None:
    replica = await rig.replica()
    router = await rig.router(routed({target("m-a", replica): 100}))
    for origin, (allowed, *others) in ORIGINS.items():
        asked_for = RouterSpec.model_validate({"cors": {"allowOrigins": [origin]}})
        await router.apply(routed({target("m-a", replica): 100}, cors=cors(asked_for.cors)))
        for page in (allowed, *others):
            answer = await router.ask(method="OPTIONS", headers={**PREFLIGHT, "Origin": page})
            assert (answer.headers.get("access-control-allow-origin") == page) == (page == allowed), (origin, page)


async def test_pages_whose_visitors_are_known_get_their_cookies_and_no_cache_mixes_them_up(rig: Rig) -> None:
    settings = {"allowOrigins": [PAGE], "allowCredentials": True, "maxAge": "1h", "allowHeaders": ["x-own"]}
    asked_for = RouterSpec.model_validate({"cors": settings})
    _, router = await alone(rig, cors=cors(asked_for.cors))
    preflight = await router.ask(method="OPTIONS", headers=PREFLIGHT)
    answer = await router.ask(headers={"Origin": PAGE}, data=b"{}")
    assert preflight.headers["access-control-allow-headers"] == "x-own"
    assert preflight.headers["access-control-max-age"] == "3600"
    assert {a.headers["access-control-allow-credentials"] for a in (preflight, answer)} == {"true"}
    assert answer.headers["vary"] == "Origin"


async def test_a_page_may_read_what_the_router_says_where_nothing_serves(rig: Rig) -> None:
    router = await rig.router(RouterConfig("m", "ns", unavailable="Suspended: spec.suspend is true", **SET))
    assert (await router.ask(method="OPTIONS", headers=PREFLIGHT)).status == 200
    answer = await router.ask(headers={"Origin": PAGE}, data=b"{}")
    assert (answer.status, answer.headers["access-control-allow-origin"]) == (503, PAGE)
    stranger = await router.ask(headers={"Origin": "https://elsewhere.example.org"}, data=b"{}")
    assert (stranger.status, stranger.headers.get("access-control-allow-origin")) == (503, None)


@pytest.mark.parametrize(
    ("hops", "client", "beginning"), [(1, "192.0.2.7", "198.51.100.9, 192.0.2.7,"), (0, "127.0.0.1", "")]
)
async def test_who_asked_is_said_by_trusted_proxies_alone(rig: Rig, hops: int, client: str, beginning: str) -> None:
    forwarded = {"X-Forwarded-For": "198.51.100.9, 192.0.2.7", "x-envoy-upstream-rq-timeout-ms": "1"}
    replica, router = await alone(rig, trusted_hops=hops)
    assert (await router.ask(headers=forwarded)).status == 200
    seen = replica.seen["x-forwarded-for"]
    assert seen.startswith(beginning)
    assert ("198.51.100.9" in seen) == bool(hops)
    assert "x-envoy-upstream-rq-timeout-ms" not in replica.seen
    await router.stop()
    (line,) = router.log.read_text().splitlines()
    assert json.loads(line)["client"] == client


def test_what_is_left_out_has_its_default() -> None:
    assert cors(None) is None
    assert RouterConfig("m", "ns").trusted_hops == 0
    assert TABLE.SETTINGS["maxRequestBytes"] == SPEC.max_request_bytes

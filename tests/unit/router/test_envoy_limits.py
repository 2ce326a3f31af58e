"""How much one client may ask of a real Envoy, and how many connections there may be."""

import asyncio
import re

from eagleray.domain.actions.access import Limits
from eagleray.domain.facts.router_layout import KEYS
from unit.router.envoy_rig import Rig, Router, routed, target
from unit.router.test_envoy_keys import ACCESS, CLIENTS, KEY, OTHER_KEY, bearer
from unit.router.test_envoy_keys import doors as doors_of

FEW = Limits(requests=3, per=3600)


async def limited(rig: Rig, limits: Limits, *, known: bool = True) -> Router:
    replica = await rig.replica()
    access = {"access": ACCESS} if known else {}
    router = await rig.router(routed({target("m-a", replica): 100}, limits=limits, **access), {KEYS: CLIENTS})
    await router.until_healthy("m-a", 1)
    return router


async def test_one_client_that_asks_too_much_is_told_and_no_other(rig: Rig) -> None:
    router = await limited(rig, FEW)
    answers = [await router.ask(headers=bearer(KEY)) for _ in range(5)]
    assert [answer.status for answer in answers] == [200, 200, 200, 429, 429]
    assert [answer.headers["x-ratelimit-remaining"] for answer in answers[:3]] == ["2", "1", "0"]
    assert answers[3].reason == "TooManyRequests"
    assert int(answers[3].headers["x-ratelimit-reset"]) > 0
    assert (await router.ask(headers=bearer(OTHER_KEY))).status == 200
    assert (await router.ask()).status == 401, "a stranger takes nothing from anybody"
    metrics = (await router.ask_ops("/stats/prometheus")).body
    refused = [line for line in metrics.splitlines() if line.startswith("envoy_refused_requests{")]
    counted = {re.sub(r'.*client="([^"]*)".*', r"\1", line): int(line.split()[-1]) for line in refused}
    assert counted["team-a"] == 2, refused


async def test_where_nobody_has_a_name_addresses_are_counted(rig: Rig) -> None:
    router = await limited(rig, FEW, known=False)
    assert [(await router.ask()).status for _ in range(4)] == [200, 200, 200, 429]


async def test_a_call_that_is_too_much_is_told_as_its_protocol_has_it(rig: Rig) -> None:
    router = await limited(rig, Limits(requests=1, per=3600))
    assert (await router.ask(headers=bearer(KEY))).status == 200
    found = await doors_of(router, KEY)
    assert found["a call"] == "RESOURCE_EXHAUSTED"
    asked = ("a request", "HTTP/2", "by revision", "a WebSocket by revision")
    assert {found[door] for door in asked} == {"TooManyRequests"}
    assert found["a WebSocket"] == "101", "Envoy counts WebSockets by themselves"


async def test_connections_beyond_the_limit_are_closed(rig: Rig) -> None:
    router = await limited(rig, Limits(connections=2), known=False)
    port = router.layout.http_port
    opened = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2)]
    for _, writer in opened:
        writer.write(b"GET / HTTP/1.1\r\nHost: m\r\n\r\n")
    for reader, _ in opened:
        assert (await reader.readline()).split()[1] == b"200"
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    async with asyncio.timeout(30):
        assert await reader.read() == b""
    for _, each in (*opened, (reader, writer)):
        each.close()

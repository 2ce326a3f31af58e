"""Copies of requests, of which nobody but the mirror notices anything: proved on a real Envoy."""

import asyncio
import io
from collections.abc import AsyncIterator

import pytest
from prometheus_client.parser import text_string_to_metric_families

from eagleray.api.traffic import TrafficRule, ValueMatch
from eagleray.domain.actions.router_config import RouterConfig, RouterLane, RouterMirror
from eagleray.router.budget import COPIES, COPY_BODY_BYTES
from unit.router.envoy_rig import Rig, Router, routed, shares, target
from unit.router.replica import Replica
from unit.router.sharing import SAMPLE, assert_shared


def mirrored(user: Replica, mirror: Replica, percent: int = 100) -> RouterConfig:
    weights = {target("m-a", user, version="a"): 100, target("m-b", mirror, version="b"): 0}
    lanes = (RouterLane("b", shares({"m-b": 100})),)
    return routed(weights, lanes=lanes, mirror=RouterMirror("m-b", percent), request_timeout=30)


async def started(rig: Rig, percent: int = 100) -> tuple[Router, Replica, Replica]:
    user, mirror = await rig.replica(), await rig.replica()
    router = await rig.router(mirrored(user, mirror, percent))
    await router.until_answering("m-a", "m-b")
    return router, user, mirror


async def test_a_copy_is_the_request_and_says_that_it_is_a_copy(rig: Rig) -> None:
    router, user, mirror = await started(rig)
    sent = {"x-request-id": "mine", "authorization": "me", "x-eagleray-mirror": "forged"}
    answer = await router.ask("/v2/x?q=1", headers=sent, data=b"12345")
    assert (answer.revision, answer.json["port"], answer.json["bytes"]) == ("m-a", user.port, 5)
    await rig.until(lambda: mirror.arrived == 1)
    assert mirror.seen["x-eagleray-mirror"] == "true"
    assert "x-eagleray-mirror" not in user.seen
    same = ("host", "x-request-id", "authorization", "content-length", "content-type")
    assert {k: mirror.seen[k] for k in same} == {k: user.seen[k] for k in same}


async def test_a_request_without_a_body_is_copied_though_it_says_no_length(rig: Rig) -> None:
    router, _, mirror = await started(rig)
    assert (await router.ask("/?x=1", method="GET")).status == 200
    await rig.until(lambda: mirror.arrived == 1)
    assert "content-length" not in mirror.seen


@pytest.mark.parametrize("mode", ["answer", "hold", "unread", "abort", "fail", "overloaded", "dead", "unhealthy"])
async def test_whatever_becomes_of_the_copies_users_are_answered(rig: Rig, mode: str) -> None:
    router, user, mirror = await started(rig)
    mirror.mode = mode
    if mode == "dead":
        await mirror.stop()
    if mode == "unhealthy":
        mirror.healthy = False
        await router.until_healthy("m-b", 0)
    answers = await router.ask_all([{"data": b"x" * 1000}] * 50)
    assert {(a.status, a.revision, a.json["port"]) for a in answers} == {(200, "m-a", user.port)}
    assert user.arrived == 50
    asked = {"dead": 0, "unhealthy": 0, "abort": 3}  # after three, it is left out for a while
    await rig.until(lambda: mirror.arrived >= asked.get(mode, 50))
    if mode in {"hold", "unread"}:
        assert (await router.stats()).of("m-b").active == 50


async def test_a_mirror_that_does_not_read_stalls_no_upload(rig: Rig) -> None:
    router, _, mirror = await started(rig)
    mirror.mode = "unread"

    async def chunks(size: int) -> AsyncIterator[bytes]:
        for _ in range(size // 65536):
            yield b"x" * 65536

    sizes = (COPY_BODY_BYTES, COPY_BODY_BYTES + 1, 24 * 1024 * 1024)
    for size in sizes:
        assert (await router.ask(data=io.BytesIO(b"x" * size))).json["bytes"] == size
    assert (await router.ask(data=chunks(16 * 1024 * 1024))).json["bytes"] == 16 * 1024 * 1024
    assert (await router.stats()).of("m-b").active == 1
    assert mirror.arrived == 1, "the one that fits and says so"


async def test_copies_that_a_mirror_does_not_answer_are_bounded_and_its_own_requests_are_not(rig: Rig) -> None:
    router, _, mirror = await started(rig)
    mirror.mode = "hold"
    answers = await router.ask_all([{}] * (COPIES + 100))
    assert {a.status for a in answers} == {200}
    await rig.until(lambda: mirror.arrived == COPIES)
    assert (await router.stats()).of("m-b").active == COPIES
    own = asyncio.create_task(router.ask(headers={"x-eagleray-revision": "m-b"}))
    await rig.until(lambda: mirror.arrived == COPIES + 1)
    mirror.release.set()
    assert (await own).status == 200


@pytest.mark.parametrize("percent", [10, 100])
async def test_so_many_requests_are_copied(rig: Rig, percent: int) -> None:
    router, user, mirror = await started(rig, percent)

    async def sample() -> dict[str, int]:
        user.arrived = mirror.arrived = 0
        await router.ask_all([{}] * SAMPLE)
        await rig.until(no_copy_is_under_way)
        assert user.arrived == SAMPLE
        return {"copied": mirror.arrived, "not copied": SAMPLE - mirror.arrived}

    async def no_copy_is_under_way() -> bool:
        return (await router.stats()).of("m-b").active == 0

    await assert_shared(sample, {"copied": percent, "not copied": 100 - percent})


async def test_only_requests_of_the_split_are_copied_and_no_websocket(rig: Rig) -> None:
    user, mirror = await rig.replica(), await rig.replica()
    rule = TrafficRule(header=ValueMatch(name="x-beta", value="true"), version="a")
    config = routed(
        {target("m-a", user): 100, target("m-b", mirror): 0},
        lanes=(RouterLane("a", shares({"m-a": 100})),),
        rules=(rule,),
        mirror=RouterMirror("m-b", 100),
    )
    router = await rig.router(config)
    await router.until_answering("m-a", "m-b")
    for headers in ({"x-beta": "true"}, {"x-eagleray-version": "a"}, {"x-eagleray-revision": "m-a"}):
        assert (await router.ask(headers=headers)).status == 200
    async with rig.session.ws_connect(router.url + "/chat") as socket:
        await socket.send_str("hello")
        assert await socket.receive_str() == "hello"
    assert user.arrived == 4
    await router.ask()
    await rig.until(lambda: mirror.arrived > 0)
    assert mirror.arrived == 1


async def test_envoy_counts_copies_apart_as_internal_requests(rig: Rig) -> None:
    router, _, mirror = await started(rig)
    await router.ask_all([{}] * 5)
    await rig.until(lambda: mirror.arrived == 5)
    await router.ask_all([{"headers": {"x-eagleray-version": "b"}}] * 2)

    async def counts() -> dict[str, float]:
        text = (await router.ask_ops(r"/stats/prometheus?filter=cluster\.m-b\..*upstream_rq_(completed|total)$")).body
        samples = [s for family in text_string_to_metric_families(text) for s in family.samples]
        return {s.name.removeprefix("envoy_cluster_").removesuffix("_total"): s.value for s in samples}

    async def counted() -> bool:
        return await counts() == {
            "upstream_rq": 7,
            "upstream_rq_completed": 7,
            "internal_upstream_rq_completed": 5,
            "external_upstream_rq_completed": 2,
        }

    await rig.until(counted)

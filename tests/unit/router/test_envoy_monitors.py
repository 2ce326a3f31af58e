"""Health checks of load balancers, and monitors, at a model that may sleep: a real Envoy and holder, on loopback."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from eagleray.api.traffic import Sticky, TrafficRule, ValueMatch
from eagleray.domain.actions.router_config import SLOTS, RouterLane, Share
from eagleray.router.monitors import USER_AGENTS
from unit.router.envoy_rig import Answer, Rig, Router, target
from unit.router.test_envoy_hold import HOLD, asleep, held, holder, holding, until_held, wake

DOCS = Path(__file__).parents[3] / "docs/how-to/scale-to-zero.md"
HEALTH = ("/v2/health/live", "/v2/health/ready", "/v2/models/m/ready", "/v2/health/ready?x=1")
AGENT = {"User-Agent": "kube-probe/1.34"}
Request = dict[str, Any]


def watching(path: str = "/", method: str = "GET", **headers: str) -> Request:
    return {"path": path, "method": method, "headers": headers}


BY_PATH = [watching(path, method) for path in HEALTH for method in ("GET", "HEAD")]
BY_AGENT = [{"path": "/any?x=1", "method": "POST", "data": b"x", "headers": {"User-Agent": f"{name}1.0 (x)"}}
            for name in USER_AGENTS]  # fmt: skip
# Nearly the same, and yet somebody who wants an answer from the model.
USERS = [
    watching("/v2/health/live", "POST"),
    watching("/v2/health/other"),
    watching("/v2/models/other/ready"),
    watching("/v2/models/m/infer"),
    watching("/x/v2/health/live"),
    watching("/v2/health/live/"),
    watching(**{"User-Agent": "Mozilla/5.0 kube-probe/1.34"}),
    {"path": "/inference.GRPCInferenceService/ServerLive", "method": "POST",
     "headers": {**AGENT, "Content-Type": "application/grpc", "TE": "trailers"}},
]  # fmt: skip


async def counted(router: Router, revision: str = "m-a") -> int:
    return (await router.stats()).of(revision).requests


def assert_told(answer: Answer) -> None:
    assert answer.status == 200
    if answer.body:
        assert answer.json["state"] == "Asleep"
        assert "a request for a prediction" in answer.json["message"]
        assert answer.headers["content-type"] == "application/json"


async def test_who_watches_a_model_that_sleeps_is_answered_and_wakes_nothing(rig: Rig) -> None:
    router = await rig.router(holding(asleep("m-a"), model=True))
    # Without a holder: whoever is not answered by the router itself is refused here, and would have woken it.
    answers = await router.ask_all([*BY_PATH, *BY_AGENT])
    for answer in answers:
        assert_told(answer)
    assert [bool(answer.body) for answer in answers] == [r["method"] != "HEAD" for r in (*BY_PATH, *BY_AGENT)]
    assert await counted(router) == 0


async def test_whoever_wants_more_wakes_it(rig: Rig) -> None:
    router = await rig.router(holding(asleep("m-a", replace(HOLD, max_held=50)), model=True))
    async with holder(router):
        waiting = [asyncio.create_task(router.ask(**request)) for request in USERS]
        await until_held(rig, router, a=len(USERS))
        for task in waiting:
            task.cancel()


async def test_who_watches_a_model_that_is_awake_is_answered_by_it_and_is_no_user(rig: Rig) -> None:
    replica = await rig.replica()
    router = await rig.router(holding(target("m-a", replica), model=True))
    await router.until_healthy("m-a", 1)
    requests = [*BY_PATH, *BY_AGENT]
    answers = await router.ask_all(requests)
    assert {(a.status, a.revision) for a in answers} == {(200, "m-a")}
    assert replica.arrived == len(requests)
    assert await counted(router) == 0
    assert (await router.ask("/v2/models/m/infer", data=b"x")).status == 200
    assert await counted(router) == 1
    stats = (await router.stats()).of("m-a")
    assert stats.latency_count <= 1


async def test_an_application_has_paths_of_its_own(rig: Rig) -> None:
    router = await rig.router(holding(asleep("m-a")))
    async with holder(router):
        assert_told(await router.ask("/v2/health/live", "GET", headers=AGENT))
        waiting = asyncio.create_task(router.ask("/v2/health/live", "GET"))
        await until_held(rig, router, a=1)
        waiting.cancel()


async def test_what_spec_names_wakes_nothing_either(rig: Rig) -> None:
    ignored = ("/healthz", "/a+b", "UptimeRobot/", "Our (own) monitor")
    router = await rig.router(holding(asleep("m-a"), ignored=ignored))
    async with holder(router):
        for path in ("/healthz", "/healthz?x=1", "/a+b"):
            assert_told(await router.ask(path, "GET"))
        for agent in ("UptimeRobot/2.0", "Our (own) monitor of models"):
            assert_told(await router.ask("/any", data=b"x", headers={"User-Agent": agent}))
        assert await held(router) == {}
        users = [watching("/healthz", "POST"), watching("/healthz/more"), watching("/aab")]
        waiting = [asyncio.create_task(router.ask(**request)) for request in users]
        await until_held(rig, router, a=len(users))
        for task in waiting:
            task.cancel()


async def test_a_model_that_never_sleeps_counts_every_request(rig: Rig) -> None:
    replica = await rig.replica()
    router = await rig.router(replace(holding(target("m-a", replica), model=True), holds=False))
    await router.until_healthy("m-a", 1)
    await router.ask_all([*BY_PATH, *BY_AGENT])
    assert await counted(router) == len(BY_PATH) + len(BY_AGENT)


async def test_of_several_versions_the_one_that_is_awake_tells_its_health(rig: Rig) -> None:
    awake = await rig.replica()
    lanes = (RouterLane("a", (Share("m-a", SLOTS),)), RouterLane("b", (Share("m-b", SLOTS),)))
    both = holding(target("m-a", awake, version="a"), asleep("m-b", version="b"), lanes=lanes, model=True)
    router = await rig.router(both)
    await router.until_answering("m-a")
    async with holder(router):
        answers = await router.ask_all([watching("/v2/health/ready")] * 40)
        assert {a.revision for a in answers} == {"m-a"}
        one = await router.ask("/v2/health/ready", "GET", headers={"x-eagleray-version": "a"})
        assert one.revision == "m-a"
        assert_told(await router.ask("/v2/health/ready", "GET", headers={"x-eagleray-version": "b"}))
        assert await held(router) == {}


@pytest.mark.parametrize("how", ["rule", "sticky"])
async def test_however_it_is_chosen_it_wakes_nothing_and_the_next_request_does(rig: Rig, how: str) -> None:
    options: dict[str, Any] = {"lanes": (RouterLane("v", (Share("m-a", SLOTS),)),), "model": True}
    if how == "rule":
        options["rules"] = (TrafficRule(header=ValueMatch(name="x-beta", value="1"), version="v"),)
    else:
        options["sticky"] = Sticky(cookie="seat")
    chosen = {"x-beta": "1", "Cookie": "seat=1"}
    router = await rig.router(holding(asleep("m-a", version="v"), **options))
    async with holder(router):
        answer = await router.ask("/v2/health/live", "GET", headers=chosen)
        assert_told(answer)
        assert "set-cookie" not in answer.headers
        waiting = asyncio.create_task(router.ask(data=b"x", headers=chosen))
        await until_held(rig, router, a=1)
        assert_told(await router.ask("/v2/health/live", "GET", headers=chosen))
        await wake(rig, router, **options)
        assert (await waiting).status == 200


def test_the_docs_name_whoever_is_known_to_watch() -> None:
    text = DOCS.read_text()
    assert [name for name in USER_AGENTS if f"`{name}`" not in text] == []

"""How requests are shared between revisions, and who stays where: proved on a real Envoy."""

from collections import Counter
from collections.abc import Mapping, Sequence
from http.cookies import Morsel, SimpleCookie
from typing import Any

import pytest

from eagleray.api.traffic import Sticky
from eagleray.domain.actions.router_config import RouterLane, RouterTarget, Share
from eagleray.domain.traffic.slots import resplit
from unit.router.envoy_rig import Answer, Rig, Router, routed, shares, target
from unit.router.sharing import SAMPLE, assert_shared, owner

KEYS = [f"user-{i}" for i in range(500)]
BY_HEADER = Sticky(header="X-User-ID")
BY_COOKIE = Sticky(cookie="place%41")


async def targets(rig: Rig, *revisions: str, replicas: int = 1) -> list[RouterTarget]:
    return [target(name, *[await rig.replica() for _ in range(replicas)], version=name[-1]) for name in revisions]


async def counted(router: Router, request: Mapping[str, Any], number: int = SAMPLE) -> Mapping[str, int]:
    answers = await router.ask_all([request] * number)
    assert {a.status for a in answers} == {200}
    return Counter(a.revision for a in answers)


def with_key(key: str, **headers: str) -> dict[str, Any]:
    return {"headers": {"x-user-id": key, **headers}}


async def places(router: Router, keys: Sequence[str] = KEYS, **headers: str) -> dict[str, str]:
    answers = await router.ask_all([with_key(key, **headers) for key in keys])
    return {key: answer.revision for key, answer in zip(keys, answers, strict=True)}


def owners(split: Sequence[Share]) -> dict[str, str]:
    return {key: owner(split, key) for key in KEYS}


def cookie_of(answer: Answer) -> Morsel[str] | None:
    given = SimpleCookie()
    for header in answer.headers.getall("set-cookie", []):
        given.load(header)
    return given.get(BY_COOKIE.cookie or "")


def with_cookie(value: str) -> dict[str, Any]:
    return {"headers": {"cookie": f"other=1; {BY_COOKIE.cookie}={value}; more=2"}}


@pytest.mark.parametrize("percents", [(80, 20), (60, 30, 10), (99.99, 0.01)])
async def test_requests_are_shared_by_weight(rig: Rig, percents: Sequence[float]) -> None:
    revisions = [f"m-{name}" for name in "abc"[: len(percents)]]
    weights = dict(zip(await targets(rig, *revisions), percents, strict=True))
    router = await rig.router(routed(weights))
    await router.until_answering(*revisions)
    expected = {t.revision: percent for t, percent in weights.items()}
    await assert_shared(lambda: counted(router, {}), expected)


async def test_a_revision_may_have_several_shares(rig: Rig) -> None:
    a, b = await targets(rig, "m-a", "m-b")
    split = [Share(r, n) for r, n in (("m-a", 3000), ("m-b", 2000), ("m-a", 3000), ("m-b", 1000), ("m-a", 1000))]
    router = await rig.router(routed({a: 70, b: 30}, split=tuple(split), sticky=BY_HEADER))
    await router.until_answering("m-a", "m-b")
    assert await places(router) == owners(split)
    await assert_shared(lambda: counted(router, {}), {"m-a": 70, "m-b": 30})


async def test_a_caller_stays_until_his_place_changes_its_owner(rig: Rig) -> None:
    a, b, c = await targets(rig, "m-a", "m-b", "m-c")
    split = shares({"m-a": 80, "m-b": 20})
    router = await rig.router(routed({a: 80, b: 20, c: 0}, sticky=BY_HEADER))
    await router.until_answering("m-a", "m-b", "m-c")
    assert await places(router) == owners(split)
    assert await places(router) == owners(split)
    for wanted in (
        {"m-a": 5000, "m-b": 5000},
        {"m-a": 3000, "m-b": 3000, "m-c": 4000},
        {"m-b": 6000, "m-c": 4000},
        {"m-a": 1000, "m-b": 1000, "m-c": 8000},
    ):
        before, split = split, resplit(split, wanted)
        await router.apply(routed({a: 0, b: 0, c: 0}, split=split, sticky=BY_HEADER))
        found = await places(router)
        assert found == owners(split)
        moved = {key for key in KEYS if found[key] != owner(before, key)}
        losers = {s.revision for s in before} - {r for r in wanted if wanted[r] >= slots_of(before, r)}
        assert moved
        assert {owner(before, key) for key in moved} <= losers


def slots_of(split: Sequence[Share], revision: str) -> int:
    return sum(s.slots for s in split if s.revision == revision)


@pytest.mark.parametrize("headers", [{}, {"x-user-id": ""}])
async def test_requests_without_a_key_are_shared_by_weight(rig: Rig, headers: Mapping[str, str]) -> None:
    a, b = await targets(rig, "m-a", "m-b")
    router = await rig.router(routed({a: 80, b: 20}, sticky=BY_HEADER))
    await router.until_answering("m-a", "m-b")
    await assert_shared(lambda: counted(router, {"headers": headers}), {"m-a": 80, "m-b": 20})


async def test_a_key_has_the_same_place_in_a_version_that_is_asked_for(rig: Rig) -> None:
    a, b = await targets(rig, "m-a", "m-b")
    lane = RouterLane("b", shares({"m-a": 30, "m-b": 70}))
    router = await rig.router(routed({a: 100, b: 0}, sticky=BY_HEADER, lanes=(lane,)))
    await router.until_answering("m-a", "m-b")
    asked = {"x-eagleray-version": "b"}
    assert await places(router, **asked) == owners(lane.shares)
    await assert_shared(lambda: counted(router, {"headers": asked}), {"m-a": 30, "m-b": 70})


async def test_a_key_picks_the_revision_but_not_the_replica(rig: Rig) -> None:
    first, second = await rig.replica(), await rig.replica()
    router = await rig.router(routed({target("m-a", first, second): 100}, sticky=BY_HEADER))
    await router.until_healthy("m-a", 2)
    await router.ask_all([with_key("me")] * 200)
    assert first.arrived > 50
    assert second.arrived > 50


async def test_the_first_answer_is_by_whom_the_cookie_leads_to_at_every_router(rig: Rig) -> None:
    a, b = await targets(rig, "m-a", "m-b")
    config = routed({a: 50, b: 50}, sticky=BY_COOKIE)
    routers = [await rig.router(config), await rig.router(config)]
    for router in routers:
        await router.until_answering("m-a", "m-b")
    first = await routers[0].ask_all([{}] * 200)
    assert {a.revision for a in first} == {"m-a", "m-b"}
    cookies = [cookie_of(answer) for answer in first]
    values = [cookie.value for cookie in cookies if cookie]
    assert len(set(values)) == len(first)
    for router in routers:
        again = await router.ask_all([with_cookie(value) for value in values] * 3)
        assert [a.revision for a in again] == [a.revision for a in first] * 3
        assert {cookie_of(answer) for answer in again} == {None}


async def test_the_cookie_is_for_all_paths_and_leaves_the_replicas_own_alone(rig: Rig) -> None:
    replica = await rig.replica()
    router = await rig.router(routed({target("m-a", replica): 100}, sticky=BY_COOKIE))
    await router.until_healthy("m-a", 1)
    answer = await router.ask()
    own, ours = answer.headers.getall("set-cookie")
    assert own == "own=1"
    value = answer.headers["x-request-id"]
    assert ours == f"place%41={value}; Path=/; Max-Age=31536000; HttpOnly; SameSite=Lax"
    assert "cookie" not in replica.seen
    await router.ask(**with_cookie(value))
    assert replica.seen["cookie"] == f"other=1; place%41={value}; more=2"


@pytest.mark.parametrize("cookie", ["", "place%41=", "place%41=; other=1", "xplace%41=1"])
async def test_who_has_no_cookie_gets_one_that_can_be_one(rig: Rig, cookie: str) -> None:
    router = await rig.router(routed(dict.fromkeys(await targets(rig, "m-a"), 100), sticky=BY_COOKIE))
    await router.until_healthy("m-a", 1)
    headers = {"cookie": cookie} if cookie else {}
    given = cookie_of(await router.ask(headers={**headers, "x-request-id": "mine-1"}))
    assert given is not None
    assert given.value == "mine-1"
    for no_value in ('a"b', "a;b", "a b", "a,b"):
        answer = await router.ask(headers={**headers, "x-request-id": no_value})
        assert (answer.status, cookie_of(answer)) == (200, None)


async def test_a_websocket_is_sticky_too(rig: Rig) -> None:
    a, b = await targets(rig, "m-a", "m-b")
    router = await rig.router(routed({a: 50, b: 50}, sticky=BY_COOKIE))
    await router.until_answering("m-a", "m-b")
    found = set()
    for _ in range(20):
        socket = await rig.session.ws_connect(router.url + "/chat")
        await socket.send_str("hello")
        assert await socket.receive_str() == "hello"
        response = socket._response
        answer = Answer(response.status, response.headers, "")
        await socket.close()
        given = cookie_of(answer)
        assert given is not None
        assert (await router.ask(**with_cookie(given.value))).revision == answer.revision
        found.add(answer.revision)
    assert found == {"m-a", "m-b"}

"""Requests that ask for a version, by name or by rule: proved on a real Envoy."""

from collections.abc import Mapping

import pytest

from eagleray.api.traffic import TrafficRule, ValueMatch
from eagleray.domain.actions.router_config import RouterLane, Share
from eagleray.router.bodies import MAX_BODY_HEADER
from unit.router.envoy_rig import Answer, Rig, Router, routed, shares, target
from unit.router.mounts import TOKEN

UUID = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
RULES = (
    TrafficRule(header=ValueMatch(name="X-Beta", value="true"), version="b"),
    TrafficRule(header=ValueMatch(name="x-beta", prefix="t"), version="c"),
    TrafficRule(header=ValueMatch(name="x-user", prefix="eu-"), version="b"),
    TrafficRule(header=ValueMatch(name="x-user", regex="us-[0-9]+"), version="b"),
    TrafficRule(header=ValueMatch(name="x-user", regex=UUID), version="b"),
    TrafficRule(header=ValueMatch(name="host", value="beta.example"), version="b"),
    TrafficRule(query=ValueMatch(name="variant", value="new one"), version="c"),
    TrafficRule(query=ValueMatch(name="variant", value="b%20b"), version="b"),
    TrafficRule(query=ValueMatch(name="variant", prefix="beta-"), version="b"),
    TrafficRule(query=ValueMatch(name="variant", regex="x|y"), version="b"),
    TrafficRule(query=ValueMatch(name="variant", value=""), version="b"),
)


async def three_versions(
    rig: Rig, rules: tuple[TrafficRule, ...] = (), *, header: bool = True, answers: bool = True, empty: str = ""
) -> Router:
    """A router with the versions a (all of the split), b and c."""
    versions = {name: target(f"m-{name}", await rig.replica(), version=name) for name in "abc"}
    lanes = [RouterLane(name, shares({f"m-{name}": 100}) if name != empty else ()) for name in versions]
    weights = {t: 100 if name == "a" else 0 for name, t in versions.items()}
    options = {"version_header": header, "answer_headers": answers}
    router = await rig.router(routed(weights, lanes=tuple(lanes), rules=rules, **options))
    await router.until_answering("m-a", "m-b", "m-c")
    return router


def of_ours(answer: Answer) -> set[str]:
    """Headers of ours that a replica was sent."""
    return {name.lower() for name in answer.json["headers"] if name.lower().startswith("x-eagleray")}


async def test_the_first_rule_that_fits_picks_the_version(rig: Rig) -> None:
    router = await three_versions(rig, RULES)
    table: list[tuple[Mapping[str, str], str, str]] = [
        ({}, "", "a"),
        ({"X-BETA": "true"}, "", "b"),
        ({"x-beta": "true "}, "", "b"),
        ({"x-beta": "tru"}, "", "c"),
        ({"x-beta": "TRUE"}, "", "a"),
        ({"x-user": "eu-1"}, "", "b"),
        ({"x-user": "an eu-1"}, "", "a"),
        ({"x-user": "us-12"}, "", "b"),
        ({"x-user": "us-12x"}, "", "a"),
        ({"x-user": "6f1c2a7e-0b5d-4c3a-9e8f-001122334455"}, "", "b"),
        ({"host": "beta.example"}, "", "b"),
        ({}, "?variant=new one", "a"),
        ({}, "?variant=new%20one", "a"),
        ({}, "?variant=b%20b", "b"),
        ({}, "?variant=beta-7&other=1", "b"),
        ({}, "?variant=y", "b"),
        ({}, "?variant=xy", "a"),
        ({}, "?Variant=y", "a"),
        ({}, "?variant=z&variant=y", "a"),
        ({}, "?variant=y&variant=z", "b"),
        ({}, "?variant=", "b"),
        ({}, "?variant", "b"),
    ]
    for headers, query, version in table:
        answer = await router.ask("/predict" + query.replace("new one", "new+one"), headers=headers)
        assert (headers, query, answer.headers["x-eagleray-version"]) == (headers, query, version)


async def test_a_version_can_be_asked_by_name_before_all_rules(rig: Rig) -> None:
    router = await three_versions(rig, RULES)
    asked = {"X-Eagleray-Version": "c", "x-beta": "true"}
    answer = await router.ask(headers=asked)
    assert (answer.headers["x-eagleray-version"], answer.revision) == ("c", "m-c")
    assert of_ours(answer) == {MAX_BODY_HEADER}
    assert (await router.ask(headers={**asked, "x-eagleray-revision": "m-a"})).revision == "m-a"
    for stranger in ("d", "C", "b,c", ""):
        unknown = await router.ask(headers={"x-eagleray-version": stranger})
        assert (unknown.status, unknown.reason) == (404, "NotFound")


async def test_the_version_header_can_be_switched_off(rig: Rig) -> None:
    router = await three_versions(rig, RULES, header=False)
    answer = await router.ask(headers={"x-eagleray-version": "c"})
    assert (answer.status, answer.revision) == (200, "m-a")
    assert of_ours(answer) == {MAX_BODY_HEADER}
    assert (await router.ask(headers={"x-eagleray-version": "d"})).revision == "m-a"
    assert (await router.ask(headers={"x-eagleray-version": "c", "x-beta": "true"})).revision == "m-b"


async def test_with_the_header_goes_that_of_revisions_for_all_but_the_operator(rig: Rig) -> None:
    router = await three_versions(rig, header=False)
    for token in ({}, {"x-warmup-token": TOKEN}, {"x_warmup_token": TOKEN}):
        assert (await router.ask(headers={"x-eagleray-revision": "m-c", **token})).revision == "m-a"
        assert (await router.ask(headers={"x-eagleray-revision": "m-z", **token})).revision == "m-a"
    operators = f"http://127.0.0.1:{router.layout.warmup_port}/"
    asked = {"x-eagleray-revision": "m-c", "x-warmup-token": TOKEN}
    assert (await router.ask_at(operators, headers=asked)).revision == "m-c"
    assert (await router.ask_at(operators, headers={**asked, "x-eagleray-revision": "m-z"})).status == 404
    assert (await router.ask_at(operators, headers={**asked, "x-warmup-token": "x" * 64})).status == 401


async def test_what_is_asked_by_revision_is_no_evidence(rig: Rig) -> None:
    """Whoever names a revision could abort or feign its rollout, and scale it."""
    router = await three_versions(rig)
    for _ in range(3):
        assert (await router.ask(headers={"x-eagleray-revision": "m-b"})).status == 200
    assert (await router.ask(headers={"x-eagleray-version": "c"})).status == 200

    async def counted() -> bool:
        return (await router.stats()).of("m-c").latency_count == 1

    await rig.until(counted)
    asked = (await router.stats()).of("m-b")
    assert (asked.requests, asked.errors, asked.latency_count) == (0, 0, 0)


@pytest.mark.parametrize("headers", [{}, {"x-eagleray-version": "b"}, {"x-eagleray-version": "d"}])
async def test_answers_tell_nobody_who_gave_them_where_they_are_not_to(rig: Rig, headers: Mapping[str, str]) -> None:
    router = await three_versions(rig, answers=False)
    answer = await router.ask(headers=headers)
    assert answer.status == (404 if "d" in headers.values() else 200)
    assert not [name for name in answer.headers if name.lower().startswith("x-eagleray")]


@pytest.mark.parametrize("headers", [{"x-eagleray-version": "b"}, {"x-beta": "true"}])
async def test_a_version_that_nothing_answers_for_is_a_503_with_its_name(rig: Rig, headers: Mapping[str, str]) -> None:
    router = await three_versions(rig, RULES, empty="b")
    refused = await router.ask(headers=headers)
    assert (refused.status, refused.reason) == (503, "NotReady")
    assert refused.json["error"]["message"] == "version b: no revision of it is ready yet"
    assert refused.headers["retry-after"] == "1"
    assert (await router.ask()).status == 200


async def test_a_rule_shares_the_requests_of_its_version(rig: Rig) -> None:
    replicas = [await rig.replica() for _ in range(3)]
    stable, old, new = (target(f"m-{name}", r) for name, r in zip("abc", replicas, strict=True))
    lane = RouterLane("b", (Share("m-b", 5000), Share("m-c", 5000)))
    rule = TrafficRule(header=ValueMatch(name="x-beta", value="true"), version="b")
    router = await rig.router(routed({stable: 100, old: 0, new: 0}, lanes=(lane,), rules=(rule,)))
    await router.until_answering("m-a", "m-b", "m-c")
    answers = await router.ask_all([{"headers": {"x-beta": "true"}}] * 60)
    assert {a.revision for a in answers} == {"m-b", "m-c"}

"""What callers notice where one of the two revisions of a rollout has no replica: proved on a real Envoy."""

from collections import Counter
from dataclasses import replace

from eagleray.domain.actions.router_config import RouterConfig
from unit.router.envoy_rig import Rig, Router, routed, target
from unit.router.replica import Replica

CANDIDATE = {"x-eagleray-revision": "m-b"}
# A Pod's replica listens on one of several ports.
UNUSED = (1, 2, 3, 4, 5, 6, 7)


def sharing(stable: Replica, candidate: Replica, percent: float, *, model: bool = True) -> RouterConfig:
    """A rollout of a version, whose revisions stand in for each other."""
    a = replace(target("m-a", stable, ports=UNUSED, model=model), fallback="m-b")
    b = replace(target("m-b", candidate, ports=UNUSED, model=model), fallback="m-a")
    return routed({a: 100 - percent, b: percent})


async def both_healthy(router: Router) -> None:
    for revision in ("m-a", "m-b"):
        await router.until_healthy(revision, 1)


async def test_a_lone_candidate_that_dies_and_comes_back_loses_no_request(rig: Rig) -> None:
    stable, candidate = await rig.replica(), await rig.replica()
    router = await rig.router(sharing(stable, candidate, 50))
    await both_healthy(router)
    async with rig.load(router) as answers:
        await rig.until(lambda: candidate.arrived > 20)
        await candidate.stop()
        await router.until_healthy("m-b", 0)
        before = stable.arrived
        await rig.until(lambda: stable.arrived > before + 20)
        await candidate.start()
        await router.until_healthy("m-b", 1)
        before = candidate.arrived
        await rig.until(lambda: candidate.arrived > before + 20)
    assert {a.status for a in answers} == {200}
    assert Counter(a.revision for a in answers) == Counter(
        "m-a" if a.json["port"] == stable.port else "m-b" for a in answers
    )
    assert {a.headers["x-eagleray-version"] for a in answers} == {"default"}


async def test_an_app_loses_no_more_than_what_was_in_flight(rig: Rig) -> None:
    """Which may have had effects, so that nobody else is asked."""
    stable, candidate = await rig.replica(), await rig.replica()
    router = await rig.router(sharing(stable, candidate, 50, model=False))
    await both_healthy(router)
    async with rig.load(router, clients=4) as answers:
        await rig.until(lambda: candidate.arrived > 20)
        await candidate.stop()
        await router.until_healthy("m-b", 0)
    assert sum(a.status != 200 for a in answers) <= 4


async def test_nobody_stands_in_for_whom_one_replica_answers(rig: Rig) -> None:
    stable, candidate = await rig.replica(), await rig.replica()
    router = await rig.router(sharing(stable, candidate, 50))
    await both_healthy(router)
    await router.ask_all([{}] * 200)
    stats = await router.stats()
    assert (stable.arrived, candidate.arrived) == (stats.of("m-a").requests, stats.of("m-b").requests)


async def test_what_another_answers_counts_for_whose_share_it_was(rig: Rig) -> None:
    stable, candidate = await rig.replica(), await rig.replica()
    candidate.healthy = False
    router = await rig.router(sharing(stable, candidate, 50))
    await router.until_healthy("m-a", 1)
    answers = await router.ask_all([{}] * 200)
    assert {(a.status, a.revision) for a in answers} == {(200, "m-a")}

    async def counted() -> bool:
        stats = await router.stats()
        return stats.of("m-a").requests + stats.of("m-b").requests == len(answers)

    await rig.until(counted)
    stats = await router.stats()
    assert set(stats.revisions) == {"m-a", "m-b"}
    assert 50 < stats.of("m-b").requests < 150
    assert (stats.of("m-a").healthy_endpoints, stats.of("m-b").healthy_endpoints) == (1, 0)


async def test_whoever_asks_for_a_revision_gets_it_or_none(rig: Rig) -> None:
    stable, candidate = await rig.replica(), await rig.replica()
    candidate.healthy = False
    router = await rig.router(sharing(stable, candidate, 50))
    await router.until_healthy("m-a", 1)
    refused = await router.ask(headers=CANDIDATE)
    assert (refused.status, refused.reason, refused.revision) == (503, "NoHealthyReplica", "m-b")
    stable.healthy = False
    await router.until_healthy("m-a", 0)
    none = await router.ask_all([{}] * 50)
    assert {(a.status, a.reason, a.revision) for a in none} == {(503, "NoHealthyReplica", r) for r in ("m-a", "m-b")}


async def test_a_step_and_a_promotion_under_load_lose_no_request(rig: Rig) -> None:
    """Only routes say who stands in: clusters are another file, which Envoy may read later."""
    stable, candidate = await rig.replica(), await rig.replica()
    router = await rig.router(routed({target("m-a", stable): 100, target("m-b", candidate): 0}))
    await both_healthy(router)
    async with rig.load(router) as answers:
        for percent in (20, 60):
            await router.apply(sharing(stable, candidate, percent))
        await router.apply(routed({target("m-a", stable): 0, target("m-b", candidate): 100}))
        await router.apply(routed({target("m-b", candidate): 100}))
    assert {a.status for a in answers} == {200}
    assert {a.revision for a in answers} == {"m-a", "m-b"}

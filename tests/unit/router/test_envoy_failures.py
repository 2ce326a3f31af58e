"""What a router makes of replicas that die, drain or refuse: proved on a real Envoy."""

import asyncio
import io

import pytest

from unit.router.envoy_rig import Rig, routed, target


async def test_a_replica_that_dies_under_load_loses_no_request(rig: Rig) -> None:
    dying, other = await rig.replica(), await rig.replica()
    router = await rig.router(routed({target("m-a", dying, other): 100}))
    await router.until_healthy("m-a", 2)
    async with rig.load(router) as answers:
        await rig.until(lambda: dying.arrived > 20)
        await dying.stop()
        await router.until_healthy("m-a", 1)
        before = other.arrived
        await rig.until(lambda: other.arrived > before + 20)
        await dying.start()
        await router.until_healthy("m-a", 2)
    assert {a.status for a in answers} == {200}


async def test_a_reset_in_flight_is_tried_elsewhere_where_that_is_safe(rig: Rig) -> None:
    bad, good = await rig.replica(), await rig.replica()
    bad.mode = "abort"
    body = b"x" * (3 * 1024 * 1024)
    router = await rig.router(routed({target("m-a", bad, good): 100}, retry_body_bytes=len(body)))
    await router.until_healthy("m-a", 2)
    answers = []
    while not bad.arrived:
        answers.append(await router.ask(data=io.BytesIO(body)))
    assert {(a.status, a.json["bytes"], a.json["port"]) for a in answers} == {(200, len(body), good.port)}
    stats = await router.stats()
    assert stats.revisions["m-a"].errors == 0
    assert stats.revisions["m-a"].retries >= 1


@pytest.mark.parametrize("mode", ["abort", "overloaded"])
async def test_an_app_gets_a_request_twice_only_if_its_method_is_idempotent(rig: Rig, mode: str) -> None:
    only = await rig.replica()
    only.mode = mode
    router = await rig.router(routed({target("m-a", only, model=False): 100}))
    await router.until_healthy("m-a", 1)
    assert (await router.ask(method="POST")).status == 503
    assert only.arrived == 1
    await router.until_healthy("m-a", 1)
    assert (await router.ask(method="GET")).status == 503
    assert only.arrived > 2


async def test_a_replica_without_room_sends_a_prediction_to_another(rig: Rig) -> None:
    full, free = await rig.replica(), await rig.replica()
    full.mode = "overloaded"
    router = await rig.router(routed({target("m-a", full, free): 100}))
    await router.until_healthy("m-a", 2)
    async with rig.load(router, clients=2) as answers:
        await rig.until(lambda: full.arrived > 5)
    assert {a.status for a in answers} == {200}


async def test_a_draining_replica_finishes_its_work_and_gets_no_more(rig: Rig) -> None:
    draining, other = await rig.replica(), await rig.replica()
    draining.mode = "hold"
    router = await rig.router(routed({target("m-a", draining): 100}))
    held = asyncio.create_task(router.ask())
    await rig.until(lambda: draining.arrived == 1)
    await router.apply(routed({target("m-a", draining, other): 100}))
    await router.until_healthy("m-a", 2)

    draining.healthy = False
    async with rig.load(router) as answers:
        await router.until_healthy("m-a", 1)
        at_most = draining.arrived
        before = other.arrived
        await rig.until(lambda: other.arrived > before + 20)
        assert draining.arrived == at_most
        draining.release.set()
    assert {a.status for a in answers} | {(await held).status} == {200}
    assert (await held).json["port"] == draining.port


async def test_a_lone_replica_that_drains_as_its_successor_starts_loses_no_request(rig: Rig) -> None:
    draining, successor = await rig.replica(), await rig.replica()
    await successor.stop()
    router = await rig.router(routed({target("m-a", draining, successor): 100}))
    await router.until_healthy("m-a", 1)
    async with rig.load(router) as answers:
        for old, new in 2 * [
            (draining, successor),
            (successor, draining),
        ]:  # how their checks lie to each other is chance
            before = len(answers)
            await rig.until(lambda many=before + 20: len(answers) > many)
            await new.start()
            old.healthy = False
            await router.until_healthy("m-a", 2)
            await router.until_healthy("m-a", 1)
            await old.stop()
            old.healthy = True
    assert {a.status for a in answers} == {200}


async def test_no_replica_is_a_quick_503_and_heals_by_itself(rig: Rig) -> None:
    replica = await rig.replica()
    replica.healthy = False
    router = await rig.router(routed({target("m-a", replica, ports=(1, 2)): 100}))
    refused = await router.ask()
    assert (refused.status, refused.reason) == (503, "NoHealthyReplica")
    assert refused.headers["x-eagleray-revision"] == "m-a"
    assert replica.arrived == 0
    replica.healthy = True
    await router.until_healthy("m-a", 1)
    assert (await router.ask()).status == 200

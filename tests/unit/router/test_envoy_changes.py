"""Changes of a running router's configuration, its statistics and its end: proved on a real Envoy."""

import asyncio
import json
import sys
from collections import Counter
from pathlib import Path

import pytest

from eagleray.domain.actions.router_config import RouterLane
from eagleray.peers.errors import PeerError
from eagleray.peers.peers import Peers
from eagleray.peers.places import Ports
from fakes.ports import free_port
from unit.router.envoy_rig import Rig, routed, shares, target

DRAIN = Path(__file__).parents[3] / "model_images/router/drain.py"


async def test_all_traffic_moves_between_revisions_under_load_without_an_error(rig: Rig) -> None:
    a, b = await rig.replica(), await rig.replica()
    old, new = target("m-a", a), target("m-b", b)
    router = await rig.router(routed({old: 100}))
    async with rig.load(router, clients=16) as answers:
        await router.apply(routed({old: 100, new: 0}))
        await router.until_healthy("m-b", 1)
        await router.apply(routed({old: 0, new: 100}))
        await rig.until(lambda: b.arrived > 100)
        await router.apply(routed({new: 100}))
        at_most, before = a.arrived, b.arrived
        await rig.until(lambda: b.arrived > before + 100)
        assert a.arrived == at_most
    assert {x.status for x in answers} == {200}


async def test_a_new_revision_is_taken_over_before_kubelet_has_linked_its_file(rig: Rig) -> None:
    a, b = await rig.replica(), await rig.replica()
    router = await rig.router(routed({target("m-a", a): 100}))
    await router.apply(routed({target("m-a", a): 100, target("m-b", b): 0}), links=False)
    await router.until_healthy("m-b", 1)


async def test_endpoints_come_and_go_without_an_error(rig: Rig) -> None:
    first, second = await rig.replica(), await rig.replica()
    first.mode = "hold"
    router = await rig.router(routed({target("m-a", first): 100}))
    held = asyncio.create_task(router.ask())
    await rig.until(lambda: first.arrived == 1)
    await router.apply(routed({target("m-a", first, second): 100}))
    await router.until_healthy("m-a", 2)
    await router.apply(routed({target("m-a", second): 100}))
    async with rig.load(router) as answers:
        await rig.until(lambda: second.arrived > 50)
    assert first.arrived == 1
    first.release.set()
    assert {x.status for x in answers} | {(await held).status} == {200}


async def test_a_revision_that_is_removed_answers_what_it_has_taken(rig: Rig) -> None:
    a, b = await rig.replica(), await rig.replica()
    a.mode = "hold"
    router = await rig.router(routed({target("m-a", a): 100, target("m-b", b): 0}))
    held = asyncio.create_task(router.ask())
    await rig.until(lambda: a.arrived == 1)
    await router.apply(routed({target("m-a", a): 0, target("m-b", b): 100}))
    await router.apply(routed({target("m-b", b): 100}))
    assert (await router.ask()).json["port"] == b.port
    a.release.set()
    assert (await held).status == 200


async def test_the_version_is_taken_over_by_a_swap_of_the_folder_and_a_refused_part_is_seen(rig: Rig) -> None:
    replica = await rig.replica()
    router = await rig.router(routed({target("m-a", replica): 100}))
    changed = routed({target("m-a", replica): 100}, max_request_bytes=77, request_timeout=0)
    await router.apply(changed)
    assert (await router.ask(data=b"x" * 78)).status == 413

    version = router.write(routed({target("m-a", replica): 100}), broken="rds.json")

    async def rest_is_taken_over() -> bool:
        return (await router.ask_ops("/config-version")).body == version

    await rig.until(rest_is_taken_over)
    await rig.until(lambda: "rds" in router.problems())
    assert (await router.stats()).config_version == ""
    assert (await router.ask(data=b"x")).status == 200


async def test_statistics_tell_each_revision_apart(rig: Rig) -> None:
    a, b = await rig.replica(), await rig.replica()
    b.mode = "hold"
    weights = {target("m-a", a, ports=(1,)): 100, target("m-b", b, version="b"): 0}
    router = await rig.router(routed(weights, lanes=(RouterLane("b", shares({"m-b": 100})),)))
    for _ in range(5):
        await router.ask()
    held = asyncio.create_task(router.ask(headers={"x-eagleray-version": "b"}))
    await rig.until(lambda: b.arrived == 1)

    async def counted() -> bool:
        stats = (await router.stats()).revisions
        return stats["m-a"].latency_count == 5 and stats["m-b"].active == 1

    await rig.until(counted)
    stats = await router.stats()
    assert stats.active == 1
    assert (stats.revisions["m-a"].requests, stats.revisions["m-a"].healthy_endpoints) == (5, 1)
    assert (stats.revisions["m-b"].requests, stats.revisions["m-b"].latency_count) == (0, 0)
    assert set(stats.revisions) == {"m-a", "m-b"}

    b.healthy = False
    b.release.set()
    await held
    await router.until_healthy("m-b", 0)
    await router.ask(headers={"x-eagleray-version": "b"})

    async def merged() -> bool:
        return (await router.stats()).revisions["m-b"].latency_count == 1

    await rig.until(merged)
    stats = await router.stats()
    assert (stats.revisions["m-b"].errors, stats.revisions["m-b"].requests) == (1, 2)
    assert stats.revisions["m-b"].latency_sum_ms > 0


async def test_a_router_that_does_not_answer_is_missing_not_zero(rig: Rig) -> None:
    replica = await rig.replica()
    for port in (free_port(), replica.port):
        peers = Peers(Ports(ops=port))
        with pytest.raises(PeerError):
            await peers.router_stats("m", "127.0.0.1")
        await peers.close()


async def test_the_access_log_is_one_json_line_a_request(rig: Rig) -> None:
    replica = await rig.replica()
    router = await rig.router(routed({target("m-a", replica): 100}))
    await router.ask("/v1/x?secret=1", headers={"x-request-id": "abc"})
    await router.stop()
    (line,) = router.log.read_text().splitlines()
    entry = json.loads(line)
    assert {k: entry[k] for k in ("path", "status", "revision", "request_id", "attempts", "flags")} == {
        "path": "/v1/x",
        "status": 200,
        "revision": "m-a",
        "request_id": "abc",
        "attempts": 1,
        "flags": "-",
    }


@pytest.mark.parametrize(("percent", "least", "most"), [(0.0, 0, 0), (25.0, 20, 80)])
async def test_of_what_went_well_a_share_is_logged_and_all_of_what_did_not(
    rig: Rig, percent: float, least: int, most: int
) -> None:
    good, bad = await rig.replica(), await rig.replica()
    bad.mode = "fail"
    config = routed({target("m-good", good): 100, target("m-bad", bad): 0}, logged_percent=percent)
    router = await rig.router(config)
    await router.until_answering("m-good", "m-bad")
    await router.ask_all([{}] * 200)
    await router.ask_all([{"headers": {"x-eagleray-revision": "m-bad"}}] * 20)
    await router.ask(headers={"x-eagleray-revision": "nobody"})
    await router.stop()
    entries = [json.loads(line) for line in router.log.read_text().splitlines()]
    statuses = Counter(entry["status"] for entry in entries)
    assert least <= statuses.pop(200, 0) <= most
    assert statuses == {500: 20, 404: 1}


async def test_a_router_that_drains_loses_nothing(rig: Rig) -> None:
    replica = await rig.replica()
    router = await rig.router(routed({target("m-a", replica): 100}))
    replica.mode = "hold"
    held = asyncio.create_task(router.ask())
    await rig.until(lambda: replica.arrived == 1)
    times = ("--settle", "0.3", "--quiet", "0.3", "--deadline", "15")
    port = str(router.layout.admin_port)
    hook = await asyncio.create_subprocess_exec(sys.executable, str(DRAIN), "--admin-port", port, *times)

    async def not_ready() -> bool:
        return (await router.ask_ops("/ready")).status == 503

    await rig.until(not_ready)
    replica.mode = "answer"
    late = await router.ask()
    assert (late.status, late.headers["connection"]) == (200, "close")

    async def closed() -> bool:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", router.layout.http_port)
        except OSError:
            return True
        writer.close()
        await writer.wait_closed()
        return False

    await rig.until(closed)
    assert hook.returncode is None
    replica.release.set()
    assert (await held).status == 200
    assert await hook.wait() == 0

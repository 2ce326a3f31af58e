"""Requests that wait for a revision to start: a real Envoy and holder, on loopback."""

import asyncio
import contextlib
import io
import os
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import pytest

from eagleray.api.traffic import Sticky, TrafficRule, ValueMatch
from eagleray.domain.actions.router_config import SLOTS, Hold, RouterConfig, RouterLane, RouterTarget, Share
from eagleray.domain.facts.router_layout import KUBELET_DATA
from eagleray.peers.errors import PeerError
from unit.router.envoy_rig import Answer, Rig, Router, routed, target

CODE = Path(__file__).parents[3] / "model_images/router"
HOLD = Hold(timeout=30, max_held=5, retry_after=17)


@contextlib.asynccontextmanager
async def holder(router: Router) -> AsyncIterator[asyncio.subprocess.Process]:
    layout = router.layout
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "eagleray_hold", "--worker"),
        f"--file={router.folder / KUBELET_DATA / 'holds.json'}",
        *(f"--checks-port={layout.checks_port}", f"--held-port={layout.held_port}"),
        env={**os.environ, "PYTHONPATH": str(CODE)},
    )
    try:
        await router.until_ops("/held")
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


def asleep(revision: str, hold: Hold = HOLD, version: str = "default") -> RouterTarget:
    return RouterTarget(revision, version, (), (1,), hold=hold)


def holding(*targets: RouterTarget, **options: Any) -> RouterConfig:
    weights = {t: 100 / len(targets) for t in targets}
    longest = max([t.hold.timeout for t in targets if t.hold], default=0.0)
    return routed(weights, holds=True, hold_timeout=longest, **options)


async def held(router: Router) -> Mapping[str, int]:
    return await router.peers.held("m", "127.0.0.1")


async def until_held(rig: Rig, router: Router, **counts: int) -> None:
    wanted = {f"m-{name}": count for name, count in counts.items()}

    async def so_many() -> bool:
        return await held(router) == wanted

    await rig.until(so_many)


async def wake(rig: Rig, router: Router, revision: str = "m-a", **options: Any) -> Any:
    """Start a replica, let the router see it, and then let the requests go."""
    replica = await rig.replica()
    await router.apply(holding(replace(target(revision, replica), hold=HOLD), **options))
    await router.until_healthy(revision, 1)
    await router.apply(holding(target(revision, replica), **options))
    return replica


async def test_a_request_waits_for_the_start_and_passes_as_it_was(rig: Rig) -> None:
    """Longer than a request may take, which does not count, and with a body larger than what is kept of it."""
    router = await rig.router(holding(asleep("m-a"), request_timeout=1))
    body = os.urandom(3 * 2**20)
    async with holder(router):
        waiting = asyncio.create_task(router.ask("/v1/x?q=1", data=io.BytesIO(body), headers={"x-name": "Zoë"}))
        await until_held(rig, router, a=1)
        await asyncio.sleep(1.5)
        replica = await wake(rig, router, request_timeout=1)
        answer = await waiting
        assert (answer.status, answer.json["bytes"], answer.json["path"]) == (200, len(body), "/v1/x?q=1")
        assert replica.seen["x-name"] == "Zoë"
        assert await held(router) == {}
        assert (await router.ask(data=b"x")).status == 200
        assert (await router.stats()).of("m-a").requests == 2


async def test_one_more_than_may_wait_is_told_when_to_come_again(rig: Rig) -> None:
    router = await rig.router(holding(asleep("m-a")))
    async with holder(router):
        waiting = [asyncio.create_task(router.ask(data=b"x")) for _ in range(5)]
        await until_held(rig, router, a=5)
        answer = await router.ask(data=b"x")
        assert (answer.status, answer.headers["retry-after"]) == (503, "17")
        assert answer.json["error"]["message"] == "5 requests wait for m-a to start"
        await wake(rig, router)
        assert [a.status for a in await asyncio.gather(*waiting)] == [200] * 5
        assert (await router.stats()).of("m-a").requests == 5, "what was refused is no request of the revision"


async def test_a_call_of_grpc_waits_too(rig: Rig) -> None:
    router = await rig.router(holding(asleep("m-a", replace(HOLD, max_held=1))))

    async def call() -> tuple[str, str]:
        async with grpc.aio.insecure_channel(router.url.removeprefix("http://")) as channel:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await channel.unary_unary("/x.Service/Method")(b"x")
            return caught.value.code().name, caught.value.details() or ""

    async with holder(router):
        waiting = asyncio.create_task(call())
        await until_held(rig, router, a=1)
        status, message = await call()
        assert (status, "1 requests wait for m-a to start" in message) == ("UNAVAILABLE", True)
        replica = await wake(rig, router)
        status, message = await waiting
        assert (status, "application/json" in message) == ("UNKNOWN", True), "the replica of this rig speaks no gRPC"
        assert replica.arrived == 1


async def test_one_that_waits_in_vain_is_told_so(rig: Rig) -> None:
    router = await rig.router(holding(asleep("m-a", Hold(0.5, 5, 17))))
    async with holder(router):
        answer = await router.ask(data=b"x")
        assert (answer.status, answer.headers["retry-after"]) == (503, "17")
        assert answer.json["error"]["message"] == "m-a has not started within 0.5 s"
        assert await held(router) == {}


async def test_who_went_away_waits_no_more(rig: Rig) -> None:
    router = await rig.router(holding(asleep("m-a")))
    async with holder(router):
        waiting = asyncio.create_task(router.ask(data=b"x"))
        await until_held(rig, router, a=1)
        waiting.cancel()
        await until_held(rig, router)


async def test_only_the_share_of_what_sleeps_waits(rig: Rig) -> None:
    awake = await rig.replica()
    both = holding(target("m-a", awake), asleep("m-b", replace(HOLD, max_held=1000)))
    router = await rig.router(both)
    await router.until_answering("m-a")
    async with holder(router):
        tasks = [asyncio.create_task(router.ask(data=b"x")) for _ in range(40)]

        async def all_placed() -> bool:
            return sum((await held(router)).values()) + awake.arrived == 40

        await rig.until(all_placed)
        assert 5 < awake.arrived < 35
        other = await rig.replica()
        await router.apply(holding(target("m-a", awake), target("m-b", other)))
        # The replica's first health check may come a moment after its address.
        statuses = Counter(a.status for a in await asyncio.gather(*tasks))
        assert statuses[200] >= awake.arrived


@pytest.mark.parametrize("how", ["version", "rule", "sticky"])
async def test_however_it_is_chosen_a_request_waits(rig: Rig, how: str) -> None:
    lanes = (RouterLane("v", (Share("m-a", SLOTS),)),)
    options: dict[str, Any] = {"lanes": lanes}
    headers = {"x-eagleray-version": "v"} if how == "version" else {}
    if how == "rule":
        options["rules"] = (TrafficRule(header=ValueMatch(name="x-beta", value="1"), version="v"),)
        headers = {"x-beta": "1"}
    if how == "sticky":
        options["sticky"] = Sticky(header="x-user")
        headers = {"x-user": "me"}
    router = await rig.router(holding(asleep("m-a", version="v"), **options))
    async with holder(router):
        waiting = asyncio.create_task(router.ask(data=b"x", headers=headers))
        await until_held(rig, router, a=1)
        await wake(rig, router, **options)
        assert (await waiting).status == 200


async def test_who_asks_by_revision_does_not_wait_so_that_it_can_be_warmed_up(rig: Rig) -> None:
    asked = {"x-eagleray-revision": "m-a"}
    router = await rig.router(holding(asleep("m-a")))
    async with holder(router):
        assert (await router.ask(data=b"x", headers=asked)).status == 503
        replica = await rig.replica()
        await router.apply(holding(replace(target("m-a", replica), hold=HOLD)))
        await router.until_healthy("m-a", 1)
        assert (await router.ask(data=b"x", headers=asked)).status == 200


async def test_a_web_socket_waits_too(rig: Rig) -> None:
    router = await rig.router(holding(asleep("m-a")))
    async with holder(router):

        async def echo() -> str:
            async with rig.session.ws_connect(router.url) as socket:
                await socket.send_str("hello")
                return str((await socket.receive()).data)

        waiting = asyncio.create_task(echo())
        await until_held(rig, router, a=1)
        await wake(rig, router)
        assert await waiting == "hello"


async def test_without_its_holder_a_request_is_refused_and_does_not_hang(rig: Rig) -> None:
    router = await rig.router(holding(asleep("m-a")))
    assert (await router.ask(data=b"x")).status == 503
    with pytest.raises(PeerError):
        await held(router)
    async with holder(router) as process:
        waiting = asyncio.create_task(router.ask(data=b"x"))
        await until_held(rig, router, a=1)
        process.send_signal(signal.SIGKILL)
        assert (await waiting).status == 503


async def test_who_listens_hears_of_the_first_at_once(rig: Rig) -> None:
    router = await rig.router(holding(asleep("m-a")))
    async with holder(router):
        assert await router.peers.await_held("m", "127.0.0.1", 0.2) == {}
        listening = asyncio.create_task(router.peers.await_held("m", "127.0.0.1", 30))
        waiting: asyncio.Task[Answer] = asyncio.create_task(router.ask(data=b"x"))
        assert await listening == {"m-a": 1}
        waiting.cancel()

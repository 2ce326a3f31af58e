"""Clients that mean no good, at a real Envoy: it stays below the memory of its container, and others are answered.

These are the small forms, of seconds; `make bench ARGS=--hostile-clients` runs the same at full size.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest

from eagleray.domain.actions.router_config import RouterConfig, RouterLane
from eagleray.domain.actions.router_size import RouterSize
from eagleray.peers.errors import PeerError
from eagleray.router import budget, downstream
from fakes import hostile_clients as hostile
from fakes.hostile_clients import Client
from fakes.memory_limit import memory_limit
from unit.router.envoy_rig import Rig, Router, routed, shares, target
from unit.router.replica import Replica

MIB = 1024 * 1024
LIMIT = RouterSize().memory


@dataclass
class Site:
    """A router within the limit of its container, before a version whose replicas are slow, and one that answers.

    Attributes:
        config: what the router is to do.
        router: the router.
        quick: the replica of the other version.
    """

    config: RouterConfig
    router: Router
    quick: Replica

    async def others_are_answered(self) -> None:
        """Ask the other version, and what kubelet and the operator ask."""
        assert (await self.router.ask(headers={"x-eagleray-version": "b"})).status == 200
        await self.operator_is_answered()

    async def operator_is_answered(self) -> None:
        """Ask what kubelet and the operator ask."""
        assert (await self.router.ask_ops("/ready")).status == 200
        assert "envoy_cluster_upstream_rq" in (await self.router.ask_ops("/stats/prometheus")).body

    def peak(self) -> int:
        """The most bytes that Envoy had."""
        peak = self.router.peak_memory()
        assert peak, self.router.problems()
        return peak


@contextlib.asynccontextmanager
async def site(rig: Rig, mode: str = "unread", files: int = 0, **options: Any) -> AsyncIterator[Site]:
    """A router, and what it stands before; `files` is how many it may open, 0 for as many as this machine lets it."""
    with memory_limit(options.get("size", RouterSize()).memory) as limit:
        slow, quick = await rig.replica(), await rig.replica()
        a, b = target("m-a", slow, version="a"), target("m-b", quick, version="b")
        lanes = tuple(RouterLane(t.version, shares({t.revision: 100})) for t in (a, b))
        config = routed({a: 100, b: 0}, lanes=lanes, **options)
        few = ("sh", "-c", f'ulimit -n {files} && exec "$@"', "sh") if files else ()
        router = await rig.router(config, launcher=(*limit.launcher, *few))
        await router.until_answering("m-a", "m-b")
        slow.mode = mode
        try:
            yield Site(config, router, quick)
        finally:
            slow.release.set()
            await router.stop()


async def until_all_stand(rig: Rig, sent: list[int], count: int) -> None:
    """Wait until so many have sent something, and nobody gets rid of more."""
    before = -1

    async def stands() -> bool:
        nonlocal before
        before, last = len(sent), before
        await asyncio.sleep(0.5)
        return last == len(sent) >= count

    await rig.until(stands)


UPLOADS = {
    "130 bodies of 4 MiB": (hostile.uploads(4 * MIB, chunked=False), 130),
    "40 bodies of 31 MiB in chunks": (hostile.uploads(31 * MIB, chunked=True), 40),
    "400 requests of HTTP/2 on 8 connections": (hostile.streams(50, MIB), 8),
}


@pytest.mark.parametrize(("client", "count"), UPLOADS.values(), ids=UPLOADS)
async def test_bodies_that_nobody_reads_stay_with_those_who_send_them(rig: Rig, client: Client, count: int) -> None:
    async with site(rig) as at, hostile.at_work(client, at.router.layout.http_port, count) as sent:
        await until_all_stand(rig, sent, count)
        await at.others_are_answered()
        assert at.peak() < LIMIT / 2


SMALL = RouterSize(limits=(("memory", "256Mi"),))


async def test_the_most_requests_with_the_most_that_is_kept_of_each_fit_into_the_memory(rig: Rig) -> None:
    """What all bounds are reckoned for; beyond them requests are refused, whoever they ask."""
    async with site(rig, size=SMALL, request_timeout=600) as at, contextlib.AsyncExitStack() as clients:
        at.quick.mode = "unread"
        most, port = budget.requests_at_once(at.config, at.config.targets[0]), at.router.layout.http_port
        for version in "ab":
            # As large as what is kept for a second attempt: of a larger one nothing is.
            upload = hostile.uploads(at.config.retry_body_bytes, chunked=False, version=version)
            await clients.enter_async_context(hostile.at_work(upload, port, most + 20))

        async def full() -> bool:
            with contextlib.suppress(PeerError):
                stats = await at.router.stats()
                return {stats.of(revision).active for revision in ("m-a", "m-b")} == {most}
            return False

        await rig.until(full)
        for version in "ab":
            answer = await at.router.ask(headers={"x-eagleray-version": version})
            assert (answer.status, answer.reason) == (503, "RouterOverflow")
        await at.operator_is_answered()
        assert at.peak() < SMALL.memory


async def test_answers_that_nobody_reads_stay_with_the_replica(rig: Rig) -> None:
    async with (
        site(rig, "endless") as at,
        hostile.at_work(hostile.slow_reader, at.router.layout.http_port, 100) as sent,
    ):
        await until_all_stand(rig, sent, 100)
        await at.others_are_answered()
        assert at.peak() < LIMIT / 2


async def test_who_takes_requests_back_at_once_is_cut_off(rig: Rig) -> None:
    async with site(rig, "answer") as at, hostile.at_work(hostile.rapid_reset, at.router.layout.http_port, 4) as sent:
        cut_off = "http.ingress.downstream_rq_too_many_premature_resets"

        async def seen() -> bool:
            found = (await at.router.ask_ops(f"/stats?filter={cut_off}")).body
            return int(found.rpartition(": ")[2] or 0) >= 4

        await rig.until(seen)
        assert sent
        await at.others_are_answered()
        assert at.peak() < LIMIT / 2


async def test_a_body_that_does_not_come_is_not_waited_for(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downstream, "MIN_BODY_SECONDS", 1.0)
    monkeypatch.setattr(downstream, "SECONDS_PER_MIB", 0.0)
    async with site(rig, "answer", request_timeout=1) as at:
        port = at.router.layout.http_port
        async with hostile.connected(port) as (reader, writer):
            writer.write(hostile.REQUEST + b"Content-Length: 1000\r\n\r\nx")
            reply = await reader.readuntil(b"}}")
        assert b" 408 " in reply
        assert b"body did not come in time" in reply


async def test_a_websocket_is_no_body(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """The deadline of a body is none of a WebSocket."""
    monkeypatch.setattr(downstream, "MIN_BODY_SECONDS", 1.0)
    monkeypatch.setattr(downstream, "SECONDS_PER_MIB", 0.0)
    async with site(rig, "answer", request_timeout=1) as at, rig.session.ws_connect(at.router.url) as socket:
        for _ in range(4):
            await asyncio.sleep(0.5)
            await socket.send_str("still here")
            assert await socket.receive_str(timeout=10) == "still here"


async def test_a_connection_that_says_nothing_is_closed(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downstream, "IDLE_SECONDS", 1)
    async with site(rig, "answer") as at, hostile.connected(at.router.layout.http_port) as (reader, _):
        async with asyncio.timeout(60):
            assert await reader.read() == b""


async def test_connections_beyond_what_the_node_has_files_for_are_closed_and_the_router_goes_on(rig: Rig) -> None:
    async with site(rig, "answer", files=1100) as at:
        async with hostile.at_work(hostile.silent, at.router.layout.http_port, 300) as sent:
            await until_all_stand(rig, sent, 300)
            await at.operator_is_answered()
        await at.others_are_answered()

"""All of `make bench ARGS=--hostile-clients`."""

import asyncio
import os
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import aiohttp

from bench.hostile_clients import table
from bench.hostile_clients.attacks import ATTACKS, Attack
from bench.hostile_clients.before import before
from bench.hostile_clients.found import SIDES, Found, Held
from bench.servers.run import ask
from eagleray.domain.actions.router_config import RouterLane
from eagleray.domain.actions.router_size import RouterSize
from fakes.memory_limit import MemoryLimit, memory_limit
from kind.progress import say
from unit.router.envoy_rig import Rig, Router, as_rendered, routed, shares, target

TURNS = 5
ATTACK_SECONDS = 20.0
EDITS: dict[str, Callable[[str, str], str]] = {"before": before, "now": as_rendered}
OTHERS = {"x-eagleray-version": "b"}
PATIENCE = aiohttp.ClientTimeout(total=5)


def run(turns: int = TURNS) -> None:
    """Measure, and write the table.

    Args:
        turns: how often latency and throughput are measured, in turns of both sides.
    """
    load = os.getloadavg()[2]
    table.write(asyncio.run(_measured(turns)), load)


async def _measured(turns: int) -> Found:
    found = Found()
    for attack in ATTACKS:
        for side in SIDES:
            held = found.held[attack.what][side] = await _attacked(attack, side)
            say(f"{attack.what}, {side}: {held.peak // 2**20} MiB, others {held.answered} of {held.asked}")
    await _ordinary(found, turns)
    return found


@asynccontextmanager
async def _rig() -> AsyncIterator[Rig]:
    connector = aiohttp.TCPConnector(limit=0, force_close=True)
    with tempfile.TemporaryDirectory() as folder:
        async with aiohttp.ClientSession(connector=connector) as session, AsyncExitStack() as stack:
            yield Rig(Path(folder), stack, session)


async def _router(rig: Rig, side: str, mode: str, launcher: tuple[str, ...] = ()) -> Router:
    attacked, other = await rig.replica(), await rig.replica()
    a, b = target("m-a", attacked, version="a"), target("m-b", other, version="b")
    lanes = tuple(RouterLane(t.version, shares({t.revision: 100})) for t in (a, b))
    router = await rig.router(routed({a: 100, b: 0}, lanes=lanes), launcher=launcher, edit=EDITS[side])
    await router.until_answering("m-a", "m-b")
    attacked.mode = mode
    return router


async def _attacked(attack: Attack, side: str) -> Held:
    with memory_limit(RouterSize().memory) as limit:
        async with _rig() as rig:
            router = await _router(rig, side, attack.mode, limit.launcher)
            port = router.layout.http_port
            async with attack.at(port):
                return await _watched(router, limit)


async def _watched(router: Router, limit: MemoryLimit) -> Held:
    """Ask as others do, for as long as the attack goes on."""
    answered, told, until = [], [], time.monotonic() + ATTACK_SECONDS
    peak = 0
    while time.monotonic() < until and (now := router.peak_memory()) is not None:
        peak = now
        answered.append(await _status(router, router.url, OTHERS) == 200)
        told += [await _status(router, f"{router.ops}{path}") == 200 for path in ("/ready", "/stats/prometheus")]
        await asyncio.sleep(0.2)
    ended = router.peak_memory() is None
    return Held(peak, limit.peak, ended, sum(answered), len(answered), all(told))


async def _status(router: Router, url: str, headers: dict[str, str] | None = None) -> int:
    try:
        return (await router.ask_at(url, headers=headers, timeout=PATIENCE)).status
    except (aiohttp.ClientError, TimeoutError):
        return 0


async def _ordinary(found: Found, turns: int) -> None:
    async with _rig() as rig:
        routers = {side: await _router(rig, side, "answer") for side in SIDES}
        ways = {
            side: {"path": "/", "body": "x" * 1024, "addresses": [f"127.0.0.1:{router.layout.http_port}"]}
            for side, router in routers.items()
        }
        for turn in range(turns):
            say(f"latency and throughput: turn {turn + 1} of {turns}")
            asked = await asyncio.to_thread(ask, ways, latency=10, throughput=2)
            for side in SIDES:
                found.latency[side].append(asked["latency_ms"][side])
                found.rates[side].append(asked["throughput"][side]["rps"])
        for side, router in routers.items():
            found.memory[side] = router.peak_memory() or 0

"""All measurements with one number of ModelDeployments."""

import asyncio
import os
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass

from bench.scale.api import MERGE, Manifest
from bench.scale.audit import Audit
from bench.scale.control_plane import OPERATOR
from bench.scale.models import (
    BURST_NAMESPACE,
    COLLECTION,
    IDLE_PREFIX,
    NAMESPACE,
    PLAIN_PREFIX,
    mixture,
    plain,
)
from bench.scale.operator import NAMESPACE as OPERATOR_NAMESPACE
from bench.scale.operator import Cost, Operator, cost, operator
from bench.scale.seen import Seen, SeenPod, until
from bench.scale.site import Site, site
from eagleray.domain.facts.pods import Role
from kind.progress import say

# Generous for an operator that does well, and an end for one that does not.
SETTLE_SECONDS = 900.0
# All that was settled and is still so later counts as settled.
CALM_SECONDS = 15.0
# Between two words about how far it is.
TELL_SECONDS = 30.0
EVENTS = 200
EVENT_SECONDS = 15.0
EVENTS_SECONDS = 180.0
RESTART_SECONDS = 180.0
BURST = 100
BURST_SECONDS = 300.0
# Of a model with one replica: a head, a worker, and two routers.
PODS_EACH = 4


@dataclass(frozen=True, slots=True)
class Restart:
    """What a restart of the operator takes.

    Attributes:
        seconds: until it had looked at every object; None where it had not within `RESTART_SECONDS`.
        writes: what it wrote meanwhile, and for `CALM_SECONDS` after.
    """

    seconds: float | None
    writes: int


@dataclass(frozen=True, slots=True)
class Burst:
    """How long it takes when `BURST` models are applied at once; None for more than `BURST_SECONDS`.

    Attributes:
        pods: seconds until each has all its Pods.
        ready: seconds until all are ready.
    """

    pods: float | None
    ready: float | None


@dataclass(frozen=True, slots=True)
class Stage:
    """What was measured with one number of objects.

    Attributes:
        objects: how many there were.
        pods: Pods of theirs.
        settled: seconds from the first to the last that was settled; None where some never were.
        quiet: what the operator needs while nothing happens.
        questions: to heads and routers in that minute.
        reactions: seconds from a change to what the operator made of it, in order; the limit where that took longer.
        restart: what a restart takes.
        burst: how long many new ones take.
    """

    objects: int
    pods: int
    settled: float | None
    quiet: Cost
    questions: int
    reactions: list[float]
    restart: Restart
    burst: Burst


async def measure(objects: int) -> Stage:
    """Measure with so many objects, on a control plane of their own."""
    async with site(f"{objects}", (OPERATOR_NAMESPACE, NAMESPACE, BURST_NAMESPACE)) as place:
        audit = Audit(place.plane.audit_log, OPERATOR)
        with ExitStack() as first:
            running = first.enter_context(operator(place.plane))
            settled = await _settle(place, mixture(objects))
            questions = (await _questions(place)).total()
            quiet = await cost(running.program, audit)
            questions = (await _questions(place)).total() - questions
            pods = len(place.seen.pods)
            load = f"the machine's load is {os.getloadavg()[0]:.1f}"
            say(f"quiet: {quiet.cpu:.1f} % of a core, {quiet.memory:.0f} MiB, {quiet.requests}; {load}")
            reactions = await _react(place)
            await _settle(place, [])
        with operator(place.plane) as running:
            restart = await _restart(place, audit, running, objects)
            burst = await _burst(place)
    return Stage(objects, pods, settled, quiet, questions, reactions, restart, burst)


async def _questions(place: Site) -> Counter[str]:
    return Counter((await place.asked())["questions"])


async def _settle(place: Site, models: list[Manifest]) -> float | None:
    """Create models and wait until all are settled, and stay so."""
    began = spoken = time.monotonic()
    await place.make(models)
    while (now := time.monotonic()) - began < SETTLE_SECONDS:
        place.check()
        if len(place.seen.conditions) >= len(models) and _all_settled(place.seen):
            await asyncio.sleep(CALM_SECONDS)
            if _all_settled(place.seen):
                say(f"settled after {now - began:.0f} s")
                return now - began
        if now - spoken > TELL_SECONDS:
            left, spoken = place.seen.unsettled(), now
            say(f"{len(left)} of {len(place.seen.conditions)} are not settled, such as {left[:3]}")
        await asyncio.sleep(1)
    say(f"not all are settled after {SETTLE_SECONDS:.0f} s")
    return None


def _all_settled(seen: Seen) -> bool:
    awake = any(p.model[1].startswith(IDLE_PREFIX) and p.role != Role.ROUTER for p in seen.pods.values())
    return not awake and not seen.unsettled()


async def _react(place: Site) -> list[float]:
    """Kill a worker Pod or ask for one more, in turns, and see when the operator makes a Pod."""
    names = [name for namespace, name in place.seen.conditions if name.startswith(PLAIN_PREFIX)]
    took: list[float] = []
    began = time.monotonic()
    for number in range(EVENTS):
        name = names[number % len(names)]
        if number % 2:
            took.append(await _reaction(place, name, replicas=2 + number // len(names)))
        else:
            took.append(await _reaction(place, name))
        if time.monotonic() - began > EVENTS_SECONDS:
            break
    took.sort()
    say(f"{len(took)} changes were acted upon after {took[len(took) // 2]:.2f} s (median) to {took[-1]:.2f} s")
    return took


async def _reaction(place: Site, name: str, replicas: int = 0) -> float:
    path = f"/namespaces/{NAMESPACE}"
    before = {p.uid: p for p in _workers(place.seen, name)}
    began = time.monotonic()
    if replicas:
        await place.api.send(
            "PATCH", f"{COLLECTION}{path}/modeldeployments/{name}", {"spec": {"replicas": replicas}}, MERGE
        )
    else:
        pod = next(iter(before.values()))
        await place.api.send("DELETE", f"/api/v1{path}/pods/{pod.name}", {"gracePeriodSeconds": 0})
    if not await until(lambda: any(p.uid not in before for p in _workers(place.seen, name)), EVENT_SECONDS):
        return EVENT_SECONDS
    return min(p.since for p in _workers(place.seen, name) if p.uid not in before) - began


def _workers(seen: Seen, name: str) -> list[SeenPod]:
    return [p for p in seen.pods.values() if p.model == (NAMESPACE, name) and p.role == Role.WORKER]


async def _restart(place: Site, audit: Audit, running: Operator, objects: int) -> Restart:
    """See when an operator that has just been started has looked at every object and asked its Pods."""
    audit.since_last()
    began, clock = time.time(), time.monotonic()
    seconds = None
    while seconds is None and time.monotonic() - clock < RESTART_SECONDS:
        running.program.check()
        await asyncio.sleep(0.5)
        asked = sum(when > began for when in (await place.asked())["asked"].values())
        if asked >= objects and await running.looks() >= objects:
            seconds = time.monotonic() - clock
    await asyncio.sleep(CALM_SECONDS)
    counted = audit.since_last()
    say(f"restart: all were looked at {_after(seconds)}, {counted}")
    return Restart(seconds, counted.writes.total())


async def _burst(place: Site) -> Burst:
    """Apply many models at once."""
    began = time.monotonic()
    await place.make(plain(BURST, BURST_NAMESPACE))

    def there() -> bool:
        return len(place.seen.of(BURST_NAMESPACE)) >= PODS_EACH * BURST

    def ready() -> bool:
        return not any(namespace == BURST_NAMESPACE for namespace, _ in place.seen.unsettled())

    pods = await until(there, BURST_SECONDS)
    last = max((p.since for p in place.seen.of(BURST_NAMESPACE)), default=began)
    well = await until(ready, BURST_SECONDS)
    burst = Burst(last - began if pods else None, time.monotonic() - began if well else None)
    say(f"{BURST} at once: all have their Pods {_after(burst.pods)}, all are ready {_after(burst.ready)}")
    return burst


def _after(seconds: float | None) -> str:
    return f"after {seconds:.1f} s" if seconds is not None else "too late"

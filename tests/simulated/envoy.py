"""Router Pods: they take over their ConfigMap's files, check who answers, carry requests and count them."""

import asyncio
import math
from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Protocol

from eagleray.domain.facts.router_stats import RevisionStats, RouterStats
from eagleray.domain.facts.serve import ReplicaState
from simulated.background import time
from simulated.behaviours import Behaviour
from simulated.envoy_files import Endpoint, Loaded, decode
from simulated.serve import Actor

START_SECONDS, HEALTH_SECONDS, DRAIN_NOTICED_SECONDS = 1.0, 1.0, 1.5
DRAIN_SECONDS = 10.0
_BOUNDS = (10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0, math.inf)
ANSWERED, FAILED, LOST, UNAVAILABLE, EXPIRED = "answered", "answered 5xx", "lost", "unavailable", "waited too long"


class Place(Protocol):
    """What the rest of the cluster is to a router."""

    def actor_at(self, endpoint: Endpoint) -> Actor | None:
        """The replica that listens there and can be reached, if any."""

    def behaviour(self, namespace: str, revision: str) -> Behaviour:
        """What a revision does with requests."""


class Router:
    """Envoy and the holder beside it. A program of a Pod.

    Args:
        name: of its Pod.
        place: the rest of the cluster.
        namespace: of its Pod.

    Attributes:
        loaded: what it runs.
        answers: whether its ops port does.
    """

    def __init__(self, name: str, place: Place, namespace: str) -> None:
        self.name = name
        self._namespace = namespace
        self.loaded = Loaded()
        self.answers = True
        self.arrived = asyncio.Event()
        self._place = place
        self._since: dict[tuple[str, Endpoint], float] = {}
        self._counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self._buckets: defaultdict[str, Counter[float]] = defaultdict(Counter)
        self._active: dict[str, float] = {}
        self._held: defaultdict[str, list[tuple[float, int]]] = defaultdict(list)
        self._rest: defaultdict[tuple[str, str], float] = defaultdict(float)

    def start(self, files: Mapping[str, str]) -> float:
        self.refresh(files)
        return START_SECONDS

    def refresh(self, files: Mapping[str, str]) -> None:
        loaded = decode(files)
        if loaded == self.loaded:
            return
        strangers = [revision for revision, _ in loaded.split if revision not in loaded.clusters]
        assert not strangers, f"the routes name clusters that are not defined: {strangers}"
        self.loaded = loaded
        ends = {(revision, e) for revision, endpoints in loaded.endpoints.items() for e in endpoints}
        self._since = {key: self._since.get(key, time()) for key in ends}

    async def stop(self) -> None:
        await asyncio.sleep(DRAIN_SECONDS)

    def kill(self) -> None:
        self.loaded = Loaded()

    def usable(self, revision: str) -> int:
        """How many replicas of a revision its health checks have found."""
        return sum(self._is_usable(revision, endpoint) for endpoint in self.loaded.endpoints.get(revision, ()))

    def _is_usable(self, revision: str, endpoint: Endpoint) -> bool:
        actor = self._place.actor_at(endpoint)
        if actor is None or not actor.up:
            return False
        if actor.state is ReplicaState.STOPPING:
            return time() - actor.since < DRAIN_NOTICED_SECONDS
        return time() - max(self._since[revision, endpoint], actor.since) >= HEALTH_SECONDS or (
            actor.state is ReplicaState.PENDING_MIGRATION
        )

    def carry(self, revision: str, number: int) -> Counter[str]:
        """Send requests to a revision: what became of them."""
        hold = self.loaded.holds.get(revision)
        if hold is None:
            return self._send(revision, number)
        waiting = self._held[revision]
        room = int(hold["maxHeld"]) - sum(count for _, count in waiting)
        taken = max(0, min(number, room))
        if taken:
            waiting.append((time(), taken))
            self.arrived.set()
        return Counter({UNAVAILABLE: number - taken} if number > taken else {})

    def release(self) -> tuple[tuple[str, Counter[str]], ...]:
        """Let requests go on whose revision is on hold no more, and those go that have waited too long."""
        found = []
        for revision, waiting in list(self._held.items()):
            hold = self.loaded.holds.get(revision)
            if hold is None:
                self._held.pop(revision)
                found.append((revision, self._send(revision, sum(count for _, count in waiting))))
                continue
            late = sum(count for since, count in waiting if time() - since > hold["timeout"])
            if late:
                self._held[revision] = [(s, count) for s, count in waiting if time() - s <= hold["timeout"]]
                found.append((revision, Counter({EXPIRED: late})))
        if not self.waiting():
            self.arrived.clear()
        return tuple(found)

    def waiting(self) -> dict[str, int]:
        """How many requests wait, by the revision that they wait for."""
        counts = {revision: sum(count for _, count in waiting) for revision, waiting in self._held.items()}
        return {revision: count for revision, count in counts.items() if count}

    def _send(self, revision: str, number: int) -> Counter[str]:
        if not number:
            return Counter()
        counts = self._counts[revision]
        counts["requests"] += number
        answering = next((r for r in self.loaded.asked.get(revision, (revision,)) if self.usable(r)), None)
        if answering is None:
            counts["errors"] += number
            return Counter({LOST: number})
        behaviour = self._place.behaviour(self._namespace, answering)
        failed = self._whole("failed", revision, number * behaviour.errors)
        counts["errors"] += failed
        counts["latency"] += number
        self._buckets[revision][behaviour.latency_ms] += number
        self._active[revision] = number * behaviour.latency_ms / 1000
        return Counter({ANSWERED: number - failed, FAILED: failed})

    def _whole(self, what: str, revision: str, number: float) -> int:
        whole, self._rest[what, revision] = divmod(number + self._rest[what, revision], 1)
        return int(whole)

    def part(self, revision: str, number: float) -> int:
        """Whole requests of a share of them; what is left over is carried on."""
        return self._whole("sent", revision, number)

    def rests(self) -> None:
        """Nobody has sent anything in the last second."""
        self._active.clear()

    def stats(self) -> RouterStats:
        """What its statistics say."""
        revisions = {revision: self._of(revision) for revision in self.loaded.clusters}
        return RouterStats(self.loaded.version, revisions, sum(s.active for s in revisions.values()))

    def _of(self, revision: str) -> RevisionStats:
        counts, took = self._counts[revision], self._buckets[revision]
        answered = counts["latency"]
        return RevisionStats(
            config_version=self.loaded.versions.get(revision, ""),
            healthy_endpoints=self.usable(revision),
            active=self._whole("active", revision, self._active.get(revision, 0.0)),
            requests=counts["requests"],
            errors=counts["errors"],
            latency_sum_ms=sum(ms * n for ms, n in took.items()),
            latency_count=answered,
            latency_buckets=tuple((b, sum(n for ms, n in took.items() if ms < b)) for b in _BOUNDS) if answered else (),
        )

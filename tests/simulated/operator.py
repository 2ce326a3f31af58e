"""One operator process in the simulated cluster: what `runtime` puts together. The engine is plugged in here."""

import asyncio
import sys
from collections import deque
from collections.abc import Mapping
from contextvars import copy_context
from typing import TYPE_CHECKING

import structlog

from eagleray.domain.goals.fleet import Fleet
from eagleray.domain.goals.installation import Installation
from eagleray.engine.look import Engine
from eagleray.engine.nodes import NodeBook
from eagleray.engine.queue import WorkQueue
from eagleray.engine.settings import EngineSettings
from eagleray.engine.tools import Tools
from eagleray.engine.worker import WorkerPool
from eagleray.kube.kinds import CHILD_LABELS, CHILDREN, MODEL_DEPLOYMENT, NODE, Key, Kind, Manifest
from eagleray.kube.store import Store
from eagleray.kube.written import Written
from eagleray.runtime.resync import Resync, served
from simulated.background import time
from simulated.client import SimulatedKube, Wire
from simulated.clock import Clock
from simulated.peers import SimulatedPeers
from simulated.tasks import OPERATOR
from simulated.watches import Watches

if TYPE_CHECKING:
    from simulated.cluster import Cluster

RESYNC_SECONDS = 600.0
CONCURRENCY = 4
# More looks than this in so many seconds are no work any more.
MOST_LOOKS, LOOKS_SECONDS = 600, 30.0
_WATCHED: Mapping[Kind, Mapping[str, str]] = {MODEL_DEPLOYMENT: {}, NODE: {}, **dict.fromkeys(CHILDREN, CHILD_LABELS)}
IMAGES = {"sklearn": "eagleray/sklearn:1", "torch": "eagleray/torch:1", "base": "eagleray/base:1"}


class Operator:
    """One operator from its start to its end.

    Args:
        cluster: where it runs.
        name: its Pod.

    Attributes:
        wire: everything between it and the rest; counts its requests.
        peers: what it asks peers with.
        watches: what it hears.
        clock: its wall clock.
        since: when it started, in loop time.
        looks: how often it has looked at an object.
        woken_by_itself: events of nothing but a status that were worth a look.
    """

    def __init__(self, cluster: "Cluster", name: str) -> None:
        self.name = name
        self.wire = Wire(name, cluster.faults, cluster.rng, cluster.story, self.kill)
        self.peers = SimulatedPeers(cluster.network, self.wire)
        self.clock = Clock()
        self.since = 0.0
        self.looks = 0
        self.woken_by_itself = 0
        self._models: dict[str, Manifest] = {}
        self._cluster = cluster
        self._kube = SimulatedKube(cluster.server, self.wire)
        self._store = Store()
        self._queue = WorkQueue()
        self._nodes = NodeBook(cluster.installation.fleet)
        self.watches = Watches(cluster.server, _WATCHED, cluster.rng, cluster.story, self._heard)

    def start(self) -> None:
        """Begin, as the leader."""
        self.since = time()
        self._cluster.story.tell(self.name, "starts")
        structlog.configure(processors=[self._logged], logger_factory=structlog.ReturnLoggerFactory())
        context = copy_context()
        context.run(OPERATOR.set, self.name)
        asyncio.get_running_loop().create_task(self._run(), context=context)

    def kill(self) -> None:
        """End at once, wherever it is."""
        if not self.wire.dead:
            self._cluster.story.tell(self.name, "is dead")
            self.wire.dead = True
            self.watches.stop()
            for task in self._cluster.tasks.of(self.name):
                task.cancel()

    @property
    def alive(self) -> bool:
        return not self.wire.dead

    async def _run(self) -> None:
        await served(self._kube, ())
        engine = Engine(self._tools())
        self.watches.start()
        resync = Resync(
            client=self._kube,
            store=self._store,
            namespaces=(),
            add=self._queue.add,
            add_later=self._queue.add_later,
            period=RESYNC_SECONDS,
        )
        workers = WorkerPool(self._queue, engine, _Metrics(self), concurrency=CONCURRENCY)
        await resync.run(workers.start)

    def _tools(self) -> Tools:
        return Tools(
            kube=Written(self._kube, self._store, self._queue.add),
            store=self._store,
            peers=self.peers,
            nodes=self._nodes,
            settings=EngineSettings("eagleray/router:1", self._cluster.installation, "", (), self.name, b"k" * 32),
            now=self.clock.now,
            pace=float,
            add=self._queue.add,
            decided=lambda *_: None,
        )

    def _heard(self, kind: Kind, what: str | None, manifest: Manifest) -> None:
        """What `runtime.source` does with an event."""
        if kind == NODE:
            self._node(manifest, gone=what == "DELETED")
            return
        keys = (self._store.remove if what == "DELETED" else self._store.put)(manifest)
        if kind == MODEL_DEPLOYMENT:
            bare = {k: v for k, v in manifest["metadata"].items() if k not in {"resourceVersion", "managedFields"}}
            self.woken_by_itself += bool(keys) and what == "MODIFIED" and bare == self._models.get(bare["uid"])
            self._models[bare["uid"]] = bare
        for key in keys:
            self._queue.add(key)

    def _node(self, manifest: Manifest, *, gone: bool) -> None:
        name = manifest["metadata"]["name"]
        changed: frozenset[Key] = frozenset()
        if gone:
            self._nodes.forget(name)
        elif self._nodes.see(manifest):
            changed = self._store.pods_on(name)
        for key in changed:
            self._queue.add(key)

    def crashed(self) -> None:
        """A look has met an error that the code does not expect: that is never right."""
        error = sys.exception()
        wrong = self._cluster.story.violation(f"a look of {self.name} has crashed: {error!r}")
        wrong.__cause__ = error
        self._cluster.fail(wrong)

    def spins(self) -> None:
        """It looks and looks, and nothing comes of it."""
        what = f"{MOST_LOOKS} looks in {LOOKS_SECONDS:g} s: {self.name} spins"
        self._cluster.fail(self._cluster.story.violation(what))

    def _logged(self, _: object, level: str, event: Mapping[str, object]) -> str:
        if level not in {"debug", "info"}:
            self._cluster.story.tell(self.name, level, dict(event))
        raise structlog.DropEvent


class _Metrics:
    """What the workers tell of themselves."""

    def __init__(self, operator: Operator) -> None:
        self._operator = operator
        self._recent: deque[float] = deque(maxlen=MOST_LOOKS)

    def started(self) -> None:
        self._operator.looks += 1
        if len(self._recent) == MOST_LOOKS and time() - self._recent[0] < LOOKS_SECONDS:
            self._operator.spins()
        self._recent.append(time())

    def finished(self, result: str, seconds: float) -> None:
        """Nobody asks."""

    def crashed(self) -> None:
        self._operator.crashed()


def installation() -> Installation:
    """What users may ask for."""
    return Installation(IMAGES, Fleet.model_validate({"spotLabels": {"spot": ["true"]}}))

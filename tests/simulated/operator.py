"""One operator process in the simulated cluster: what `runtime` puts together. The engine is plugged in here."""

import asyncio
import sys
from collections.abc import Mapping
from contextvars import copy_context
from typing import TYPE_CHECKING

import structlog

from eagleray.domain import labels
from eagleray.domain.fleet import Fleet
from eagleray.domain.installation import Installation
from eagleray.engine.nodes import NodeBook
from eagleray.engine.queue import Key, WorkQueue
from eagleray.engine.reconcile import Reconciler
from eagleray.engine.settings import EngineSettings
from eagleray.engine.worker import Workers
from eagleray.kube.kinds import DEPLOYMENT, MODEL_DEPLOYMENT, NODE, POD, SERVICE, Kind, Manifest
from eagleray.runtime.resync import resync
from simulated import present
from simulated.background import time
from simulated.client import SimulatedKube, Wire
from simulated.clock import Clock
from simulated.objects import labels_of
from simulated.peers import SimulatedPeers
from simulated.tasks import OPERATOR
from simulated.watches import Watches

if TYPE_CHECKING:
    from simulated.cluster import Cluster

RESYNC_SECONDS = 600.0
_OURS: Mapping[str, str | None] = {labels.MANAGED_BY: labels.MANAGER, labels.NAME: None}
_WATCHED: Mapping[Kind, Mapping[str, str | None]] = {
    MODEL_DEPLOYMENT: {},
    NODE: {},
    POD: _OURS,
    SERVICE: _OURS,
    DEPLOYMENT: _OURS,
}
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
        settings: what it was installed with; a change counts from the next start on.
    """

    def __init__(self, cluster: "Cluster", name: str) -> None:
        self.name = name
        self.wire = Wire(name, cluster.faults, cluster.rng, cluster.story, self.kill)
        self.peers = SimulatedPeers(cluster.network, self.wire)
        self.clock = Clock()
        self.since = 0.0
        self.looks = 0
        self.settings = EngineSettings("eagleray/router:1", cluster.installation, "", (), name, b"k" * 32)
        self._cluster = cluster
        self._kube = SimulatedKube(cluster.server, self.wire)
        self._queue = WorkQueue()
        self._nodes = NodeBook(cluster.installation.fleet)
        self.watches = Watches(cluster.server, _WATCHED, cluster.rng, cluster.story, self._heard)
        self._engine: Reconciler | None = None

    def start(self) -> None:
        """Begin, as the leader."""
        self.since = time()
        self._cluster.story.tell(self.name, "starts")
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
        structlog.configure(processors=[self._logged], logger_factory=structlog.ReturnLoggerFactory())
        present.install(self.peers)
        engine = Reconciler(
            self._kube, self.settings, self._nodes, self._queue.add, lambda _key, _status: None, self.clock.now
        )
        Workers(self._queue, engine, _Metrics(self), concurrency=4).start()
        self.watches.start()
        await resync(self._kube, (), add=self._queue.add, synced=lambda: None, period=RESYNC_SECONDS)

    def _heard(self, kind: Kind, what: str | None, manifest: Manifest) -> None:
        meta = manifest["metadata"]
        if kind == NODE:
            if what == "DELETED":
                self._nodes.forget(meta["name"])
            elif self._nodes.see(manifest):
                for pod in self._cluster.server.list(POD, labels=_OURS):
                    if pod["spec"].get("nodeName") == meta["name"]:
                        self._queue.add(Key(pod["metadata"]["namespace"], labels_of(pod)[labels.NAME]))
            return
        name = meta["name"] if kind == MODEL_DEPLOYMENT else labels_of(manifest)[labels.NAME]
        self._queue.add(Key(meta["namespace"], name))

    def crashed(self) -> None:
        """A look has met an error that the code does not expect: that is never right."""
        error = sys.exception()
        wrong = self._cluster.story.violation(f"a look of {self.name} has crashed: {error!r}")
        wrong.__cause__ = error
        self._cluster.fail(wrong)

    def _logged(self, _: object, level: str, event: Mapping[str, object]) -> str:
        if level not in {"debug", "info"}:
            self._cluster.story.tell(self.name, level, dict(event))
        raise structlog.DropEvent


class _Metrics:
    """What the workers tell of themselves."""

    def __init__(self, operator: Operator) -> None:
        self._operator = operator

    def started(self) -> None:
        self._operator.looks += 1

    def finished(self, result: str, seconds: float) -> None:
        """Nobody asks."""

    def crashed(self) -> None:
        self._operator.crashed()


def installation() -> Installation:
    """What users may ask for."""
    return Installation(IMAGES, Fleet.model_validate({"spotLabels": {"spot": ["true"]}}))

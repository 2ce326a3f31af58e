"""The operator process: stand by, lead, watch, work, and leave in good order."""

import asyncio
import signal
import uuid
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack
from typing import Protocol

import structlog

from eagleray.api.status import ModelDeploymentStatus
from eagleray.domain import labels
from eagleray.domain.installation import Installation
from eagleray.domain.live import LiveLoad
from eagleray.engine.nodes import NodeBook
from eagleray.engine.queue import Key, WorkQueue
from eagleray.engine.settings import EngineSettings
from eagleray.engine.worker import RECONCILE_TIMEOUT, Workers
from eagleray.kube.api_server import ApiServer
from eagleray.kube.client import KubeClient
from eagleray.kube.kinds import LEASE, POD, Manifest, Ref
from eagleray.kube.lease import Lease
from eagleray.kube.token_key import ensure_token_key
from eagleray.runtime.health import PROMETHEUS, Answer, Health, HttpServer, Stage
from eagleray.runtime.leader import Leader, before
from eagleray.runtime.metrics import Metrics
from eagleray.runtime.resync import resync, served
from eagleray.runtime.settings import Settings
from eagleray.runtime.source import Source

log = structlog.get_logger(__name__)

_HEARTBEAT = 1.0


class Reconciler(Protocol):
    """What `eagleray.engine.reconcile.Reconciler` is to this module."""

    def __call__(self, key: Key) -> Awaitable[float | None]:
        """Make the world of `key` right; seconds until it wants to look again."""

    async def close(self) -> None:
        """Close its connections."""


Decided = Callable[[Key, ModelDeploymentStatus | None, Sequence[LiveLoad]], None]
MakeReconciler = Callable[[KubeClient, EngineSettings, NodeBook, Callable[[Key], None], Decided], Reconciler]


async def run(settings: Settings, make_reconciler: MakeReconciler, *, version: str) -> None:
    """Run the operator until SIGTERM or SIGINT.

    Args:
        settings: its settings.
        make_reconciler: called once this process leads.
        version: the operator's version.

    Raises:
        Exception: a watch failed for good; the process should end with an error and be restarted.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    metrics = Metrics(concurrency=settings.concurrency, lease=settings.lease_name)
    health = Health(max_work=2 * RECONCILE_TIMEOUT)
    queue = WorkQueue(metrics=metrics)
    with ExitStack() as servers:
        _serve(servers, settings, health, metrics)
        heart = asyncio.create_task(_beat(queue, health, metrics), name="heartbeat")
        agent = f"eagleray-operator/{version}"
        try:
            async with await ApiServer.connect(user_agent=agent, observe=metrics.request) as client:
                await Operator(settings, client, queue, health, metrics, make_reconciler).run(stop)
        finally:
            heart.cancel()
            await asyncio.gather(heart, return_exceptions=True)


class Operator:
    """One operator from standing by to leaving. Its arguments are its parts, made by `run`."""

    def __init__(
        self,
        settings: Settings,
        client: ApiServer,
        queue: WorkQueue,
        health: Health,
        metrics: Metrics,
        make_reconciler: MakeReconciler,
    ) -> None:
        self._settings = settings
        self._client = client
        self._queue = queue
        self._health = health
        self._metrics = metrics
        self._make_reconciler = make_reconciler
        self._resync: asyncio.Task[None] | None = None
        self._workers: Workers | None = None

    async def run(self, stop: asyncio.Event) -> None:
        """Stand by for the Lease, lead until `stop`, and give the Lease up."""
        s = self._settings
        identity = f"{s.pod_name}_{uuid.uuid4().hex[:8]}"
        leader = Leader(Lease(self._client, Ref(LEASE, s.namespace, s.lease_name), identity))
        self._health.stage = Stage.STANDBY
        log.info("Standing by", lease=s.lease_name, identity=identity)
        if not await leader.lead(stop):
            return
        self._metrics.leading()
        self._health.stage = Stage.SYNCING
        try:
            await self._lead(stop)
        finally:
            self._health.stage = Stage.STOPPING
            await leader.resign()
            log.info("Left the lead")

    async def _lead(self, stop: asyncio.Event) -> None:
        if not await before(stop, served(self._client, self._settings.watch_namespaces)):
            return
        settings = await self._engine_settings()
        nodes = NodeBook(self._settings.fleet)
        reconciler = self._make_reconciler(self._client, settings, nodes, self._queue.add, self._metrics.decided)
        source = Source(
            add=self._queue.add,
            node=lambda manifest, gone: self._node(nodes, manifest, gone=gone),
            on_start=lambda: self._start(reconciler),
            on_stop=self._stop,
            credentials=self._client.credentials,
            namespaces=self._settings.watch_namespaces,
            kubernetes=await self._client.version(),
        )
        try:
            await source.run(stop)
        finally:
            await reconciler.close()

    async def _start(self, reconciler: Reconciler) -> None:
        # Started and stopped inside kopf's own life: it cancels whatever else was begun during it.
        s = self._settings
        self._workers = Workers(self._queue, reconciler, self._metrics, concurrency=s.concurrency)
        self._workers.start()
        self._resync = asyncio.create_task(
            resync(
                self._client,
                s.watch_namespaces,
                add=self._queue.add,
                synced=self._synced,
                period=s.resync_seconds,
            ),
            name="resync",
        )

    async def _node(self, nodes: NodeBook, manifest: Manifest, *, gone: bool) -> None:
        """Note a node; whoever has Pods there is looked at when it is about to go."""
        name = manifest["metadata"]["name"]
        if gone:
            nodes.forget(name)
        elif nodes.see(manifest):
            log.info("Node is about to go, or is not any more", node=name, notice=nodes.notice(name))
            ours = {labels.MANAGED_BY: labels.MANAGER}
            for pod in await self._client.list(POD, None, ours, {"spec.nodeName": name}):
                self._queue.add(Key(pod["metadata"]["namespace"], pod["metadata"]["labels"][labels.NAME]))

    def _synced(self) -> None:
        self._health.stage = Stage.LEADING

    async def _stop(self) -> None:
        self._health.stage = Stage.STOPPING
        if self._resync is not None:
            self._resync.cancel()
            await asyncio.gather(self._resync, return_exceptions=True)
        if self._workers is not None:
            drained = await self._workers.stop(self._settings.drain_seconds)
            log.info("Stopped the workers", drained=drained)

    async def _engine_settings(self) -> EngineSettings:
        s = self._settings
        return EngineSettings(
            router_image=s.router_image,
            installation=Installation(s.images, s.fleet, s.require_sha256, s.max_model_bytes, s.logged_percent),
            image_pull_policy=s.image_pull_policy,
            image_pull_secrets=s.image_pull_secrets,
            instance=s.pod_name,
            token_key=await ensure_token_key(self._client, s.namespace),
        )


def _serve(servers: ExitStack, settings: Settings, health: Health, metrics: Metrics) -> None:
    probes = {"/healthz": health.healthz, "/readyz": health.readyz}
    scrape = {"/metrics": lambda: Answer(200, metrics.render(), PROMETHEUS)}
    for port, routes in ((settings.health_port, probes), (settings.metrics_port, scrape)):
        server = HttpServer(port, routes)
        server.start()
        servers.callback(server.stop)


async def _beat(queue: WorkQueue, health: Health, metrics: Metrics) -> None:
    while True:
        seconds = queue.working_seconds()
        health.beat(max(seconds, default=0.0))
        metrics.working(seconds)
        await asyncio.sleep(_HEARTBEAT)

"""The operator process: stand by, lead, watch, work, and leave in good order."""

import asyncio
import resource
import signal
import uuid
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

import structlog

from eagleray.domain.goals.installation import Installation
from eagleray.engine.nodes import NodeBook
from eagleray.engine.queue import WorkQueue
from eagleray.engine.settings import EngineSettings
from eagleray.engine.throttle import Throttle
from eagleray.engine.tools import Tools
from eagleray.engine.worker import RECONCILE_TIMEOUT, WorkerPool
from eagleray.kube.api_server import ApiServer
from eagleray.kube.kinds import HELD, LEASE, Key, Kind, Manifest, Ref
from eagleray.kube.lease import Lease
from eagleray.kube.store import Store
from eagleray.kube.token_key import ensure_token_key
from eagleray.kube.written import Written
from eagleray.peers.fence import Fence
from eagleray.peers.peers import Peers
from eagleray.runtime.garbage import by_the_clock, tidy
from eagleray.runtime.health import PROMETHEUS, Health, HttpAnswer, HttpServer, Stage
from eagleray.runtime.leader import Leader, before
from eagleray.runtime.metrics import Metrics
from eagleray.runtime.resync import Resync, kinds_served, served
from eagleray.runtime.settings import Settings
from eagleray.runtime.source import Source

log = structlog.get_logger(__name__)

_HEARTBEAT = 1.0
EXIT_SECONDS = 5.0
"""What kopf needs to end, on top of the time that the work in hand is given."""


class Reconciler(Protocol):
    """What the engine is to this module."""

    def __call__(self, key: Key) -> Awaitable[float | None]:
        """Make the world of `key` right; seconds until it wants to look again."""

    async def close(self) -> None:
        """Close its connections."""


MakeReconciler = Callable[[Tools], Reconciler]


async def run(settings: Settings, make_reconciler: MakeReconciler, *, version: str) -> None:
    """Run the operator until SIGTERM or SIGINT.

    Args:
        settings: its settings.
        make_reconciler: called once this process leads.
        version: the operator's version.

    Raises:
        Exception: a watch failed for good; the process should end with an error and be restarted.
    """
    _allow_connections()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    metrics = Metrics(concurrency=settings.concurrency, lease=settings.lease_name)
    health = Health(max_work=2 * RECONCILE_TIMEOUT)
    queue = WorkQueue(metrics=metrics)
    with ExitStack() as servers:
        _serve(servers, settings, health, metrics)
        servers.enter_context(by_the_clock())
        beside = [
            asyncio.create_task(_beat(queue, health, metrics), name="heartbeat"),
            asyncio.create_task(tidy(), name="garbage"),
        ]
        agent = f"eagleray-operator/{version}"
        try:
            async with await ApiServer.connect(user_agent=agent, observe=metrics.request) as client:
                process = Process(settings, client, queue, health, metrics)
                await Operator(process, make_reconciler).run(stop)
        finally:
            for task in beside:
                task.cancel()
            await asyncio.gather(*beside, return_exceptions=True)


@dataclass(frozen=True, slots=True)
class Process:
    """The parts of the process, made by `run`.

    Attributes:
        settings: the operator's.
        client: the API server.
        queue: the keys to look at.
        health: what the probes are told.
        metrics: what is measured.
    """

    settings: Settings
    client: ApiServer
    queue: WorkQueue
    health: Health
    metrics: Metrics


class Operator:
    """One operator from standing by to leaving.

    Args:
        process: its parts.
        make_reconciler: called once this process leads.
    """

    def __init__(self, process: Process, make_reconciler: MakeReconciler) -> None:
        self._settings = process.settings
        self._client = process.client
        self._queue = process.queue
        self._health = process.health
        self._metrics = process.metrics
        self._make_reconciler = make_reconciler
        self._store = Store()
        self._nodes = NodeBook(process.settings.nodes)
        self._kinds: tuple[Kind, ...] = HELD
        self._resync: asyncio.Task[None] | None = None
        self._workers: WorkerPool | None = None

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
        s = self._settings
        if not await before(stop, self._find_kinds()):
            return
        tools = await self._tools()
        reconciler = self._make_reconciler(tools)
        source = Source(
            store=self._store,
            add=self._queue.add,
            node=self._node,
            on_start=lambda: self._start(reconciler, stop),
            on_stop=self._stop,
            credentials=self._client.credentials,
            namespaces=s.watch_namespaces,
            kubernetes=await self._client.version(),
            exit_seconds=s.drain_seconds + EXIT_SECONDS,
            kinds=self._kinds,
        )
        try:
            await source.run(stop)
        finally:
            await reconciler.close()
            await tools.peers.close()
        if self._resync is not None and not self._resync.cancelled():
            self._resync.result()

    async def _find_kinds(self) -> None:
        """Wait until ModelDeployments can be read, and find which kinds of others there are."""
        await served(self._client, self._settings.watch_namespaces)
        self._kinds = await kinds_served(self._client, self._settings.watch_namespaces)

    async def _start(self, reconciler: Reconciler, stop: asyncio.Event) -> None:
        # Started and stopped inside kopf's own life: it cancels whatever else was begun during it.
        s = self._settings
        resync = Resync(
            client=self._client,
            store=self._store,
            namespaces=s.watch_namespaces,
            add=self._queue.add,
            add_later=self._queue.add_later,
            period=s.resync_seconds,
            kinds=self._kinds,
            appeared=stop.set,
        )
        self._resync = asyncio.create_task(resync.run(lambda: self._work(reconciler)), name="resync")
        self._resync.add_done_callback(lambda _: stop.set())

    def _work(self, reconciler: Reconciler) -> None:
        """Begin to work, now that everything was seen: to half a world, children that were not listed are missing."""
        self._workers = WorkerPool(self._queue, reconciler, self._metrics, concurrency=self._settings.concurrency)
        self._workers.start()
        self._health.stage = Stage.LEADING

    def _node(self, manifest: Manifest, gone: bool) -> None:  # noqa: FBT001 - as Source calls it
        """Note a node; whoever has Pods there is looked at when it is about to go."""
        name = str(manifest["metadata"]["name"])
        if gone:
            self._nodes.forget(name)
        elif self._nodes.see(manifest):
            log.info("Node is about to go, or is not any more", node=name, notice=self._nodes.notice(name))
            for key in self._store.pods_on(name):
                self._queue.add(key)

    async def _stop(self) -> None:
        self._health.stage = Stage.STOPPING
        if self._resync is not None:
            self._resync.cancel()
            await asyncio.gather(self._resync, return_exceptions=True)
        if self._workers is not None:
            drained = await self._workers.stop(self._settings.drain_seconds)
            log.info("Stopped the workers", drained=drained)

    async def _tools(self) -> Tools:
        return Tools(
            kube=Written(self._client, self._store, self._queue.add),
            store=self._store,
            settings=await self._engine_settings(),
            nodes=self._nodes,
            peers=Peers(fence=Fence(self._settings.allowed_servers, self._client.address)),
            now=lambda: datetime.now(UTC),
            pace=Throttle().pace,
            add=self._queue.add,
            decided=self._metrics.decided,
        )

    async def _engine_settings(self) -> EngineSettings:
        s = self._settings
        return EngineSettings(
            router_image=s.router_image,
            installation=Installation(
                s.images,
                s.nodes,
                s.require_sha256,
                s.max_model_size,
                s.request_log_percent,
                s.allowed_servers,
                s.pods,
            ),
            image_pull_policy=s.image_pull_policy,
            image_pull_secrets=s.image_pull_secrets,
            instance=s.pod_name,
            token_key=await ensure_token_key(self._client, s.namespace),
        )


def _allow_connections() -> None:
    """Take as many file descriptors as the process may have: each router Pod and head has a connection of its own."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _serve(servers: ExitStack, settings: Settings, health: Health, metrics: Metrics) -> None:
    probes = {"/healthz": health.healthz, "/readyz": health.readyz}
    scrape = {"/metrics": lambda: HttpAnswer(200, metrics.render(), PROMETHEUS)}
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

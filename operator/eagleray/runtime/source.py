"""Where events come from: kopf's watches, and nothing else of kopf.

`on.event` handlers write nothing on any object and need no finalizer; all that they do here is to put bodies into the
store and keys into the queue. Why no other handler, daemon, timer, index or peering is used: docs/adr.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import kopf

from eagleray.kube.api_server import ApiServerCredentials
from eagleray.kube.client import selector
from eagleray.kube.kinds import CHILD_LABELS, CHILDREN, HELD, NODE, Key, Kind, Manifest
from eagleray.kube.store import Store

WATCH_LIST_SINCE = (1, 34)

Handler = Callable[..., Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Source:
    """A source of events.

    Attributes:
        store: takes every object.
        add: takes the keys of what an event changed.
        node: is told each node as it is now, and whether it is gone; only where every namespace is watched.
        on_start: called once before the first key.
        on_stop: called once after the last key; what it awaits is not disturbed.
        credentials: asked at the start and whenever the API server refuses the present ones.
        namespaces: namespaces to watch; empty for all.
        kubernetes: the API server's version.
        exit_seconds: how long kopf may take to end.
        kinds: what is watched beside nodes.
    """

    store: Store
    add: Callable[[Key], None]
    node: Callable[[Manifest, bool], None]
    on_start: Callable[[], Awaitable[None]]
    on_stop: Callable[[], Awaitable[None]]
    credentials: Callable[[], Awaitable[ApiServerCredentials]]
    namespaces: tuple[str, ...] = ()
    kubernetes: tuple[int, int] = field(default=(1, 30))
    exit_seconds: float = 25.0
    kinds: tuple[Kind, ...] = HELD

    async def run(self, stop: asyncio.Event) -> None:
        """Watch until `stop`, SIGTERM or SIGINT.

        Raises:
            Exception: a watch failed for good, for instance because it is forbidden.
        """
        await kopf.operator(
            registry=self.registry(stop),
            settings=settings(self.kubernetes, self.exit_seconds),
            clusterwide=not self.namespaces,
            namespaces=self.namespaces,
            stop_flag=stop,
        )

    def registry(self, stop: asyncio.Event) -> kopf.OperatorRegistry:
        """The handlers; `stop` is set when the last key was added."""
        registry = kopf.OperatorRegistry()

        @kopf.on.startup(registry=registry)
        async def startup(**_: Any) -> None:  # noqa: ANN401 - kopf passes whatever it knows
            await self.on_start()

        @kopf.on.cleanup(registry=registry)
        async def cleanup(**_: Any) -> None:  # noqa: ANN401
            # After a signal kopf still has a task that waits for the flag, and would give it 5 s to end.
            stop.set()
            await self.on_stop()

        @kopf.on.login(registry=registry)
        async def login(**_: Any) -> kopf.ConnectionInfo:  # noqa: ANN401
            return _connection(await self.credentials())

        async def node(event: kopf.RawEvent, **_: Any) -> None:  # noqa: ANN401
            self.node(_body(event, NODE), event["type"] == "DELETED")

        for kind in self.kinds:
            self._watch(kind, self._take(kind), registry)
        if not self.namespaces:  # a Role says nothing of nodes
            self._watch(NODE, node, registry)
        return registry

    def _watch(self, kind: Kind, handler: Handler, registry: kopf.OperatorRegistry) -> None:
        kopf.on.event(kind.group, kind.version, kind.plural, id=kind.plural, registry=registry)(handler)

    def _take(self, kind: Kind) -> Handler:
        async def take(event: kopf.RawEvent, **_: Any) -> None:  # noqa: ANN401
            change = self.store.remove if event["type"] == "DELETED" else self.store.put
            for key in change(_body(event, kind)):
                self.add(key)

        return take


def _body(event: kopf.RawEvent, kind: Kind) -> Manifest:
    # Items of a first list may lack both.
    return {**event["object"], "apiVersion": kind.api_version, "kind": kind.kind}


def settings(kubernetes: tuple[int, int], exit_seconds: float) -> kopf.OperatorSettings:
    """Settings of kopf: nothing persisted, no peering, scanning or Events; the server filters children.

    Args:
        kubernetes: the API server's version.
        exit_seconds: how long it may take to end; longer, and the process is killed.
    """
    s = kopf.OperatorSettings()
    # Never used without change handlers; named so that nobody wonders whose it is, should that ever change.
    s.persistence.finalizer = "modeldeployments.eagleray.dev/kopf"
    s.persistence.diffbase_storage = kopf.AnnotationsDiffBaseStorage(prefix="eagleray.dev")
    s.peering.standalone = True
    s.scanning.disabled = True
    s.posting.enabled = False
    for kind in CHILDREN:
        # Tuples: the documented "group/plural" strings match nothing and say nothing.
        key = (kind.group, kind.version, kind.plural) if kind.group else (kind.version, kind.plural)
        s.watching.label_selectors[key] = selector(CHILD_LABELS)
    if kubernetes >= WATCH_LIST_SINCE:
        s.watching.initial_streaming = True
    else:
        s.watching.chunk_size = 500
    s.watching.connect_timeout = 10
    s.watching.server_timeout = 600
    s.networking.request_timeout = 30
    s.networking.connect_timeout = 10
    s.process.ultimate_exiting_timeout = exit_seconds
    return s


def _connection(c: ApiServerCredentials) -> kopf.ConnectionInfo:
    return kopf.ConnectionInfo(
        server=c.server,
        ca_path=c.ca_path,
        insecure=c.insecure,
        scheme="Bearer" if c.token else None,
        token=c.token,
        certificate_path=c.certificate_path,
        private_key_path=c.key_path,
    )

"""kopf as nothing but a source of keys: its settings really select, and it really writes nothing."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import kopf
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from eagleray.kube.api_server import ApiServerCredentials
from eagleray.kube.kinds import CHILDREN, HELD, MODEL_DEPLOYMENT, NODE, SECRET, Key, Kind, Manifest, Ref
from eagleray.kube.store import Store
from eagleray.runtime.source import Source, settings

SELECTOR = "app.kubernetes.io/managed-by=eagleray,eagleray.dev/name"
WATCHED = (*HELD, NODE)


def resource(kind: Kind) -> kopf.Resource:
    return kopf.Resource(group=kind.group, version=kind.version, plural=kind.plural, kind=kind.kind)


@pytest.mark.parametrize("kind", CHILDREN, ids=lambda k: k.plural)
def test_the_selector_syntax_matches_children(kind: Kind) -> None:
    # The documented string keys match nothing, silently; so the syntax in use is pinned here.
    assert list(settings((1, 34), 25).watching.label_selectors.collect(resource(kind))) == [SELECTOR]


@pytest.mark.parametrize("kind", [MODEL_DEPLOYMENT, NODE], ids=lambda k: k.plural)
def test_no_selector_hides_what_is_not_ours(kind: Kind) -> None:
    assert list(settings((1, 34), 25).watching.label_selectors.collect(resource(kind))) == []


def test_kopf_is_told_to_write_and_share_nothing() -> None:
    s = settings((1, 34), 7)
    assert s.process.ultimate_exiting_timeout == 7
    assert s.peering.standalone
    assert s.scanning.disabled
    assert not s.posting.enabled


@pytest.mark.parametrize(("version", "streaming", "chunk"), [((1, 33), False, 500), ((1, 34), True, None)])
def test_how_the_first_list_is_read(version: tuple[int, int], streaming: bool, chunk: int | None) -> None:  # noqa: FBT001
    watching = settings(version, 25).watching
    assert (watching.initial_streaming, watching.chunk_size) == (streaming, chunk)


@dataclass
class Cluster:
    """Just enough of an API server for kopf: discovery, one object per kind, and a watch that stays open."""

    requests: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    deleted: set[str] = field(default_factory=set)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.requests.append((request.method, request.path, dict(request.query)))
        for kind in WATCHED:
            root = f"/{'apis' if kind.group else 'api'}/{kind.api_version}"
            if request.path == root:
                return web.json_response(self.discovery(kind.api_version))
            if request.path in {f"{root}/{kind.plural}", f"{root}/namespaces/team/{kind.plural}"}:
                return await self.watch(request, kind) if "watch" in request.query else self.list(kind)
        return web.json_response({"groups": self.groups(), "versions": ["v1"]})

    def groups(self) -> list[dict[str, Any]]:
        found = []
        for kind in WATCHED:
            version = {"groupVersion": kind.api_version, "version": kind.version}
            found.append({"name": kind.group, "versions": [version], "preferredVersion": version})
        return [group for group in found if group["name"]]

    def discovery(self, api_version: str) -> dict[str, Any]:
        # kopf waits until it has seen Namespaces among the resources, and then leaves them alone.
        served = [(k.plural, k.kind) for k in WATCHED if k.api_version == api_version]
        served += [("namespaces", "Namespace")] if api_version == "v1" else []
        common = {"singularName": "", "verbs": ["list", "watch"]}
        resources = [
            {"name": plural, "kind": kind, "namespaced": plural != NODE.plural, **common} for plural, kind in served
        ]
        return {"kind": "APIResourceList", "groupVersion": api_version, "resources": resources}

    def object(self, kind: Kind, version: str) -> Manifest:
        labels = {"app.kubernetes.io/managed-by": "eagleray", "eagleray.dev/name": f"of-{kind.plural}"}
        meta = {"name": "object", "uid": kind.plural, "labels": labels, "resourceVersion": version}
        if kind != NODE:
            meta["namespace"] = "team"
        return {"metadata": meta, "spec": {"replicas": 1}}

    def list(self, kind: Kind) -> web.Response:
        named = {"apiVersion": f"{kind.api_version}", "kind": f"{kind.kind}List"}
        return web.json_response({**named, "metadata": {"resourceVersion": "1"}, "items": [self.object(kind, "1")]})

    async def watch(self, request: web.Request, kind: Kind) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(json.dumps({"type": "BOOKMARK", "object": {}}).encode() + b"\n")
        if kind.plural in self.deleted:
            gone = {"apiVersion": kind.api_version, "kind": kind.kind, **self.object(kind, "2")}
            await response.write(json.dumps({"type": "DELETED", "object": gone}).encode() + b"\n")
        await asyncio.Event().wait()
        return response


@pytest.fixture
def cluster() -> Cluster:
    return Cluster()


@pytest.fixture
async def url(cluster: Cluster) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", cluster.handle)
    async with TestServer(app, shutdown_timeout=0) as running:
        yield str(running.make_url("")).rstrip("/")


@dataclass
class Watch:
    """A source that is stopped as soon as `until` holds."""

    url: str
    namespaces: tuple[str, ...]
    until: Callable[["Watch"], bool]
    store: Store = field(default_factory=Store)
    keys: list[Key] = field(default_factory=list)
    nodes: list[tuple[str, bool]] = field(default_factory=list)
    steps: list[str] = field(default_factory=list)
    stop: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        source = Source(
            store=self.store,
            add=self.add,
            node=self.node,
            on_start=self.on_start,
            on_stop=self.on_stop,
            credentials=self.credentials,
            namespaces=self.namespaces,
            kubernetes=(1, 33),
        )
        await asyncio.wait_for(source.run(self.stop), timeout=30)

    def look(self) -> None:
        if self.until(self):
            self.stop.set()

    def add(self, key: Key) -> None:
        self.keys.append(key)
        self.look()

    def node(self, manifest: Manifest, gone: bool) -> None:  # noqa: FBT001 - as Source calls it
        self.nodes.append((manifest["metadata"]["name"], gone))
        self.look()

    async def on_start(self) -> None:
        self.steps.append("start")

    async def on_stop(self) -> None:
        # What is awaited here must be let finish: the queue drains in it.
        await asyncio.sleep(0)
        self.steps.append("stop")

    async def credentials(self) -> ApiServerCredentials:
        return ApiServerCredentials(server=self.url, token="t")  # noqa: S106


@pytest.mark.parametrize(
    ("namespaces", "collection"), [((), "/api/v1/pods"), (("team",), "/api/v1/namespaces/team/pods")]
)
async def test_every_object_is_held_and_wakes_whom_it_concerns_and_nothing_is_written(
    cluster: Cluster, url: str, namespaces: tuple[str, ...], collection: str
) -> None:
    expected = {Key("team", "object"), *(Key("team", f"of-{kind.plural}") for kind in CHILDREN)}
    watch = Watch(url, namespaces, lambda w: set(w.keys) == expected and bool(w.nodes or namespaces))
    await watch.run()
    assert set(watch.keys) == expected
    assert all(watch.store.get(Ref(kind, "team", "object")) for kind in HELD)
    assert watch.nodes == ([] if namespaces else [("object", False)]), "a Role lets nobody look at nodes"
    assert watch.steps == ["start", "stop"]
    assert {method for method, _, _ in cluster.requests} == {"GET"}
    assert not [path for _, path, _ in cluster.requests if SECRET.plural in path]
    listed = [query for _, path, query in cluster.requests if path == collection]
    assert listed[0]["labelSelector"] == SELECTOR


@pytest.mark.parametrize("kind", HELD, ids=lambda k: k.plural)
async def test_what_is_deleted_is_held_no_more(cluster: Cluster, url: str, kind: Kind) -> None:
    cluster.deleted = {kind.plural}
    key = Key("team", "object" if kind == MODEL_DEPLOYMENT else f"of-{kind.plural}")
    watch = Watch(url, (), lambda w: w.keys.count(key) == 2)
    await watch.run()
    assert watch.store.get(Ref(kind, "team", "object")) is None
    assert watch.store.gone(kind.plural)


async def test_a_node_that_is_deleted_is_told(cluster: Cluster, url: str) -> None:
    cluster.deleted = {NODE.plural}
    watch = Watch(url, (), lambda w: len(w.nodes) == 2)
    await watch.run()
    assert watch.nodes == [("object", False), ("object", True)]

"""kopf as nothing but a source of keys: its settings really select, and it really writes nothing."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import kopf
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from eagleray.kube.api_server import Credentials
from eagleray.kube.kinds import DEPLOYMENT, MODEL_DEPLOYMENT, NODE, POD, SERVICE, Key, Kind, Manifest
from eagleray.runtime.source import Source, settings

SELECTOR = "app.kubernetes.io/managed-by=eagleray,eagleray.dev/name"
WATCHED = (MODEL_DEPLOYMENT, POD, SERVICE, DEPLOYMENT, NODE)


def resource(kind: Kind) -> kopf.Resource:
    return kopf.Resource(group=kind.group, version=kind.version, plural=kind.plural, kind=kind.kind)


@pytest.mark.parametrize("kind", [POD, SERVICE, DEPLOYMENT], ids=lambda k: k.plural)
def test_the_selector_syntax_matches_children(kind: Kind) -> None:
    # The documented string keys match nothing, silently; so the syntax in use is pinned here.
    assert list(settings((1, 34)).watching.label_selectors.collect(resource(kind))) == [SELECTOR]


def test_no_selector_hides_modeldeployments() -> None:
    found = settings((1, 34)).watching.label_selectors.collect(resource(MODEL_DEPLOYMENT))
    assert list(found) == []


def test_kopf_is_told_to_write_and_share_nothing() -> None:
    s = settings((1, 34))
    assert s.peering.standalone
    assert s.scanning.disabled
    assert not s.posting.enabled


@pytest.mark.parametrize(("version", "streaming", "chunk"), [((1, 33), False, 500), ((1, 34), True, None)])
def test_how_the_first_list_is_read(version: tuple[int, int], streaming: bool, chunk: int | None) -> None:  # noqa: FBT001
    watching = settings(version).watching
    assert (watching.initial_streaming, watching.chunk_size) == (streaming, chunk)


@dataclass
class Cluster:
    """Just enough of an API server for kopf: discovery, one object per kind, and a watch that stays open."""

    requests: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.requests.append((request.method, request.path, dict(request.query)))
        for kind in WATCHED:
            root = f"/{'apis' if kind.group else 'api'}/{kind.api_version}"
            if request.path == root:
                return web.json_response(self.discovery(kind.api_version))
            if request.path in {f"{root}/{kind.plural}", f"{root}/namespaces/team/{kind.plural}"}:
                return await self.watch(request) if "watch" in request.query else self.list(kind)
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

    def list(self, kind: Kind) -> web.Response:
        labels = {"app.kubernetes.io/managed-by": "eagleray", "eagleray.dev/name": f"of-{kind.plural}"}
        meta = {"name": "object", "uid": kind.plural, "labels": labels}
        if kind != NODE:
            meta["namespace"] = "team"
        item = {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": meta}
        return web.json_response({"metadata": {"resourceVersion": "1"}, "items": [item]})

    async def watch(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(json.dumps({"type": "BOOKMARK", "object": {}}).encode() + b"\n")
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


@pytest.mark.parametrize(
    ("namespaces", "collection"), [((), "/api/v1/pods"), (("team",), "/api/v1/namespaces/team/pods")]
)
async def test_every_watched_kind_gives_its_owners_key_and_nothing_is_written(
    cluster: Cluster, url: str, namespaces: tuple[str, ...], collection: str
) -> None:
    expected = {
        Key("team", "object"),
        Key("team", "of-pods"),
        Key("team", "of-services"),
        Key("team", "of-deployments"),
    }
    stop = asyncio.Event()
    keys: set[Key] = set()
    nodes: list[str] = []
    steps: list[str] = []

    def look() -> None:
        if keys == expected and (nodes or namespaces):
            stop.set()

    def add(key: Key) -> None:
        keys.add(key)
        look()

    async def node(manifest: Manifest, gone: bool) -> None:  # noqa: FBT001 - as Source calls it
        assert not gone
        nodes.append(manifest["metadata"]["name"])
        look()

    async def on_start() -> None:
        steps.append("start")

    async def on_stop() -> None:
        # What is awaited here must be let finish: the queue drains in it.
        await asyncio.sleep(0)
        steps.append("stop")

    async def credentials() -> Credentials:
        return Credentials(server=url, token="t")  # noqa: S106

    source = Source(add, node, on_start, on_stop, credentials, namespaces, (1, 33))
    await asyncio.wait_for(source.run(stop), timeout=30)
    assert keys == expected
    assert nodes == ([] if namespaces else ["object"]), "a Role lets nobody look at nodes"
    assert steps == ["start", "stop"]
    assert {method for method, _, _ in cluster.requests} == {"GET"}
    listed = [query for _, path, query in cluster.requests if path == collection]
    assert listed[0]["labelSelector"] == SELECTOR

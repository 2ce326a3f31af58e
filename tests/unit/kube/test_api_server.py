"""The client against a small HTTP server: what goes over the wire, and what comes of every answer."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from kubernetes.aio.client import Configuration

from eagleray.kube.api_server import ApiServer
from eagleray.kube.client import Listed, listed
from eagleray.kube.errors import (
    AlreadyExistsError,
    InvalidError,
    KubeError,
    NotFoundError,
    NotServedError,
    TransientError,
)
from eagleray.kube.kinds import MODEL_DEPLOYMENT, POD, Ref

REF = Ref(POD, "ns", "x")
STATUS = {"kind": "Status", "reason": "NotFound", "details": {"name": "x", "kind": "pods"}}
MANIFEST = {"apiVersion": "v1", "kind": "Pod", "metadata": {"namespace": "ns", "name": "x"}}


@dataclass
class Server:
    """Answers in order, and keeps what was asked."""

    answers: list[tuple[int, Any]] = field(default_factory=list)
    asked: list[tuple[str, str, dict[str, str], Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    observed: list[tuple[str, str]] = field(default_factory=list)
    hang: bool = False

    async def handle(self, request: web.Request) -> web.Response:
        text = await request.text()
        body = json.loads(text) if text else None
        self.asked.append((request.method, request.path, dict(request.query), body))
        self.headers.append({k.lower(): v for k, v in request.headers.items()})
        if self.hang:
            await asyncio.Event().wait()
        status, answer = self.answers.pop(0) if self.answers else (200, {"ok": True})
        if isinstance(answer, str):
            return web.Response(status=status, text=answer)
        return web.json_response(answer, status=status)

    def observe(self, method: str, code: str, _seconds: float) -> None:
        self.observed.append((method, code))


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
async def url(server: Server) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", server.handle)
    async with TestServer(app, shutdown_timeout=0) as running:
        yield str(running.make_url("")).rstrip("/")


@pytest.fixture
async def client(server: Server, url: str) -> AsyncIterator[ApiServer]:
    configuration = Configuration(host=url, api_key={"BearerToken": "bearer secret"})
    async with ApiServer(configuration, user_agent="me/1", observe=server.observe, timeout=5) as client:
        yield client


async def test_every_request_says_who_asks(server: Server, client: ApiServer) -> None:
    await client.get(REF)
    assert server.headers[0]["authorization"] == "bearer secret"
    assert server.headers[0]["user-agent"] == "me/1"
    assert server.observed == [("GET", "200")]


async def test_get(server: Server, client: ApiServer) -> None:
    server.answers = [(200, MANIFEST)]
    assert await client.get(REF) == MANIFEST
    assert server.asked == [("GET", "/api/v1/namespaces/ns/pods/x", {}, None)]


async def test_a_list_comes_page_by_page_and_names_the_kind(server: Server, client: ApiServer) -> None:
    server.answers = [
        (200, {"metadata": {"resourceVersion": "7", "continue": "c1"}, "items": [{"metadata": {"name": "a"}}]}),
        (200, {"metadata": {"resourceVersion": "7"}, "items": [{"metadata": {"name": "b"}}]}),
    ]
    pages = [page async for page in listed(client, POD, "ns", {"b": "2", "a": "1", "c": ""})]
    found = [(m["kind"], m["apiVersion"], m["metadata"]["name"]) for page in pages for m in page.items]
    assert found == [("Pod", "v1", "a"), ("Pod", "v1", "b")]
    assert [(page.version, page.more) for page in pages] == [("7", "c1"), ("7", "")]
    query = {"limit": "500", "labelSelector": "a=1,b=2,c"}
    path = "/api/v1/namespaces/ns/pods"
    assert server.asked == [("GET", path, query, None), ("GET", path, {**query, "continue": "c1"}, None)]


async def test_a_list_that_took_too_long_is_asked_again(server: Server, client: ApiServer) -> None:
    server.answers = [(410, {"kind": "Status", "reason": "Expired", "message": "the token is too old"})]
    with pytest.raises(TransientError, match="too old"):
        await client.list(POD, more="c1")


async def test_list_everywhere(server: Server, client: ApiServer) -> None:
    server.answers = [(200, {"metadata": {"resourceVersion": "7"}, "items": []})]
    assert await client.list(MODEL_DEPLOYMENT) == Listed([], "7")
    assert server.asked == [
        ("GET", "/apis/eagleray.dev/v1alpha1/modeldeployments", {"limit": "500"}, None),
    ]


@pytest.mark.parametrize("status", [200, 404])
@pytest.mark.parametrize("answer", [{"items": []}, {"metadata": {}}, {"kind": "Status"}, "404 page not found"])
async def test_a_list_that_is_none_is_an_error(server: Server, client: ApiServer, status: int, answer: object) -> None:
    server.answers = [(status, answer)]
    with pytest.raises(KubeError):
        await client.list(POD)


async def test_create(server: Server, client: ApiServer) -> None:
    await client.create(MANIFEST)
    assert server.asked == [("POST", "/api/v1/namespaces/ns/pods", {"fieldManager": "eagleray"}, MANIFEST)]


@pytest.mark.parametrize(("force", "sent"), [(True, "true"), (False, "false")])
async def test_apply_is_server_side(server: Server, client: ApiServer, force: bool, sent: str) -> None:  # noqa: FBT001
    await client.apply(MANIFEST, field_manager="m", force=force)
    query = {"fieldManager": "m", "force": sent}
    assert server.asked == [("PATCH", "/api/v1/namespaces/ns/pods/x", query, MANIFEST)]
    assert server.headers[0]["content-type"] == "application/apply-patch+yaml"


async def test_apply_status_goes_to_the_subresource(server: Server, client: ApiServer) -> None:
    await client.apply_status(MANIFEST, field_manager="m")
    assert server.asked[0][1] == "/api/v1/namespaces/ns/pods/x/status"


async def test_patch_is_a_merge_patch(server: Server, client: ApiServer) -> None:
    await client.patch(REF, {"metadata": {"annotations": {"a": "1"}}})
    assert server.asked[0][3] == {"metadata": {"annotations": {"a": "1"}}}
    assert server.headers[0]["content-type"] == "application/merge-patch+json"


async def test_delete_carries_its_preconditions(server: Server, client: ApiServer) -> None:
    await client.delete(REF, uid="u", resource_version="7", grace_seconds=0)
    method, path, _, options = server.asked[0]
    assert (method, path) == ("DELETE", "/api/v1/namespaces/ns/pods/x")
    assert options["preconditions"] == {"uid": "u", "resourceVersion": "7"}
    assert options["gracePeriodSeconds"] == 0
    assert options["propagationPolicy"] == "Background"


@pytest.mark.parametrize(
    ("answer", "ending"),
    [
        ({**MANIFEST, "metadata": {"name": "x", "deletionTimestamp": "2026-01-01T00:00:00Z"}}, True),
        (MANIFEST, False),
        ({"kind": "Status", "status": "Success", "metadata": {}}, False),
    ],
    ids=["ending", "gone, as it was", "gone, as a Status"],
)
async def test_a_deletion_answers_what_is_still_there(
    server: Server,
    client: ApiServer,
    answer: Any,
    ending: bool,  # noqa: FBT001
) -> None:
    server.answers = [(200, answer)]
    assert await client.delete(REF) == (answer if ending else None)


async def test_an_empty_404_does_not_say_that_an_object_is_missing(server: Server, client: ApiServer) -> None:
    server.answers = [(404, "404 page not found")]
    with pytest.raises(NotServedError):
        await client.get(REF)


async def test_a_status_becomes_a_typed_error_with_its_message(server: Server, client: ApiServer) -> None:
    server.answers = [
        (404, {**STATUS, "message": 'pods "x" not found'}),
        (409, {"kind": "Status", "reason": "AlreadyExists", "message": "exists"}),
        (503, "upstream is away"),
    ]
    with pytest.raises(NotFoundError, match='pods "x" not found'):
        await client.get(REF)
    with pytest.raises(AlreadyExistsError):
        await client.create(MANIFEST)
    with pytest.raises(TransientError, match="upstream is away"):
        await client.get(REF)
    assert server.observed == [("GET", "404"), ("POST", "409"), ("GET", "503")]


async def test_an_answer_that_is_no_object_is_said(server: Server, client: ApiServer) -> None:
    server.answers = [(200, "<html>a proxy</html>")]
    with pytest.raises(InvalidError, match="a proxy"):
        await client.get(REF)


async def test_no_answer_in_time_is_transient(server: Server, url: str) -> None:
    server.hang = True
    async with ApiServer(Configuration(host=url), observe=server.observe, timeout=0.05) as client:
        with pytest.raises(TransientError, match=r"no answer in 0\.05 s"):
            await client.get(REF)
    assert server.observed == [("GET", "<error>")]


async def test_no_connection_is_transient() -> None:
    async with ApiServer(Configuration(host="http://127.0.0.1:1")) as client:
        with pytest.raises(TransientError):
            await client.get(REF)


async def test_version(server: Server, client: ApiServer) -> None:
    server.answers = [(200, {"major": "1", "minor": "34+"})]
    assert await client.version() == (1, 34)


async def test_outside_a_cluster_the_kubeconfig_is_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, server: Server, url: str
) -> None:
    file = tmp_path / "config"
    file.write_text(
        json.dumps(
            {
                "current-context": "c",
                "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
                "clusters": [{"name": "c", "cluster": {"server": url}}],
                "users": [{"name": "u", "user": {"token": "t0"}}],
            }
        )
    )
    monkeypatch.setenv("KUBECONFIG", str(file))
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    async with await ApiServer.connect(user_agent="x") as client:
        await client.get(REF)
        credentials = await client.credentials()
    assert server.headers[0]["authorization"] == "Bearer t0"
    assert (credentials.server, credentials.token) == (url, "t0")


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("https://10.96.0.1:443", "10.96.0.1"),
        ("https://[fd00::1]:443", "fd00::1"),
        ("https://api.example.com:6443", ""),
    ],
)
async def test_its_address_is_known_where_it_is_asked_by_one(host: str, address: str) -> None:
    async with ApiServer(Configuration(host=host)) as client:
        assert client.address == address


async def test_the_last_warning_about_one_object_is_asked_for_by_its_uid(server: Server, client: ApiServer) -> None:
    server.answers = [(200, {"items": [{"reason": "FailedMount", "note": "no ca"}]})]
    assert await client.warning(REF, "u1") == "FailedMount: no ca"
    method, path, query, _ = server.asked[0]
    assert (method, path) == ("GET", f"/apis/events.k8s.io/v1/namespaces/{REF.namespace}/events")
    assert query["fieldSelector"] == "regarding.uid=u1,type=Warning"

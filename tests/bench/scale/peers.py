"""Stub heads, routers and replicas: one server for all Pods, told apart by the address that is asked."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import orjson
from aiohttp import web

from bench.scale import envoy
from bench.scale.models import BUSY_PREFIX
from bench.scale.world import Manifest, StubPod, World
from eagleray.domain.facts.ports import HEAD_DASHBOARD, REPLICA_FIRST
from eagleray.domain.facts.router_layout import HTTP_PORT, OPS_PORT

# Somebody may ask a holder to be told of a request so long; none ever comes.
LONGEST_WAIT_SECONDS = 60.0
RAY = "2.60.0"
_JSON = "application/json"
Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
Answer = Callable[[StubPod, web.BaseRequest], Awaitable[web.Response]]


class Peers:
    """What the Pods of a world answer.

    Args:
        world: what runs.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._by_port: dict[int, Answer] = {
            HEAD_DASHBOARD: self._head,
            OPS_PORT: self._router,
            HTTP_PORT: self._model,
            REPLICA_FIRST: self._replica,
        }

    @asynccontextmanager
    async def serve(self) -> AsyncIterator[None]:
        """Answer at every address of loopback, until the context ends.

        Raises:
            OSError: somebody else listens on one of the ports.
        """
        async with AsyncExitStack() as stack:
            for port, answer in self._by_port.items():
                everywhere = "0.0.0.0"  # noqa: S104 - each Pod has an address of its own
                await stack.enter_async_context(listening(everywhere, port, self._as_pod(answer)))
            yield

    def _as_pod(self, answer: Answer) -> Handler:
        async def handle(request: web.BaseRequest) -> web.StreamResponse:
            transport = request.transport
            pod = self._world.by_ip.get(transport.get_extra_info("sockname")[0]) if transport else None
            if pod is None:
                return web.Response(status=502, text="there is no such Pod")
            return await answer(pod, request)

        return handle

    async def _head(self, head: StubPod, request: web.BaseRequest) -> web.Response:
        self._world.note(head, f"Serve {request.method}")
        parts = request.path.strip("/").split("/")
        if parts[:3] == ["api", "serve", "applications"]:
            if request.method == "PUT":
                _deploy(head, await request.json(loads=orjson.loads))
                return web.Response()
            return _json(self._details(head))
        if parts[-1] == "scale":
            head.targets[parts[-2]] = (await request.json(loads=orjson.loads))["target_num_replicas"]
            return _json({})
        others = {"version": {"ray_version": RAY}, "authentication_mode": {"authentication_mode": "token"}}
        return _json(others[parts[-1]]) if parts[-1] in others else web.Response(status=404)

    def _details(self, head: StubPod) -> Manifest:
        """Serve's `ServeInstanceDetails`, with all that Ray puts there of an application."""
        applications = {}
        if head.deployed:
            name = head.deployed["name"]
            replicas = [_replica(name, pod) for pod in self._world.replicas(head)]
            applications[name] = _application(head, replicas)
        return {
            "controller_info": {"node_id": "0" * 56, "node_ip": head.ip, "actor_id": "0" * 32, "log_file_path": None},
            "proxy_location": "HeadOnly",
            "http_options": {"host": "0.0.0.0", "port": 8000},  # noqa: S104 - as Serve says it
            "grpc_options": {"port": 9000, "grpc_servicer_functions": []},
            "proxies": {"0" * 56: {"node_ip": head.ip, "status": "HEALTHY"}},
            "deploy_mode": "MULTI_APP",
            "applications": applications,
            "target_capacity": None,
        }

    async def _router(self, router: StubPod, request: web.BaseRequest) -> web.Response:
        self._world.note(router, f"router {request.path}")
        files = self._world.files.get(router.model)
        version = files.version if files else ""
        if request.path == "/held":
            wait = float(request.query.get("wait", "0"))
            await asyncio.sleep(min(wait, LONGEST_WAIT_SECONDS))
            return _json({"held": {}})
        if request.path == "/config-version":
            return web.Response(text=version)
        if not request.path.startswith("/stats"):
            return web.Response(text="ready") if request.path == "/ready" else web.Response(status=404)
        make = envoy.loaded if router.model[1].startswith(BUSY_PREFIX) else envoy.Figures
        addresses = files.addresses if files else {}
        figures = [make(revision, self._world.healthy(ips)) for revision, ips in addresses.items()]
        if request.query.get("format") == "json":
            detailed = request.query.get("histogram_buckets") == "detailed"
            return web.Response(body=envoy.as_json(version, figures, detailed=detailed), content_type=_JSON)
        return web.Response(body=envoy.as_prometheus(version, figures), content_type="text/plain")

    async def _model(self, router: StubPod, _: web.BaseRequest) -> web.Response:
        self._world.note(router, "request through a router")
        return _json({"ready": True})

    async def _replica(self, worker: StubPod, _: web.BaseRequest) -> web.Response:
        self._world.note(worker, "request to a replica")
        return _json({"ready": True}) if self._world.answers(worker.ip) else web.Response(status=503)


@asynccontextmanager
async def listening(host: str, port: int, handler: Handler) -> AsyncIterator[None]:
    """An HTTP server, until the context ends.

    Raises:
        OSError: somebody else listens there.
    """
    server = web.Server(handler, access_log=None, handler_cancellation=True)
    runner = web.ServerRunner(server, shutdown_timeout=0)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port, backlog=4096).start()
        yield
    finally:
        await runner.cleanup()


def _json(body: Manifest) -> web.Response:
    return web.Response(body=orjson.dumps(body), content_type=_JSON)


def _deploy(head: StubPod, body: Manifest) -> None:
    (head.deployed,) = body["applications"]
    head.targets = {d["name"]: d["num_replicas"] for d in head.deployed["deployments"]}


def _application(head: StubPod, replicas: list[Manifest]) -> Manifest:
    name, app = next(iter(head.targets)), head.deployed
    deployment = {
        "name": name,
        "status": "HEALTHY",
        "status_trigger": "CONFIG_UPDATE_COMPLETED",
        "message": "",
        "deployment_config": {**app["deployments"][0], "autoscaling_config": None},
        "target_num_replicas": head.targets[name],
        "required_resources": {"CPU": 1},
        "replicas": replicas,
    }
    return {
        "name": app["name"],
        "route_prefix": "/",
        "docs_path": None,
        "status": "RUNNING",
        "message": "",
        "last_deployed_time_s": head.born,
        "deployed_app_config": app,
        "source": "declarative",
        "deployments": {name: deployment},
        "external_scaler_enabled": True,
        "deployment_topology": {"app_name": app["name"], "ingress_deployment": name, "nodes": {}},
    }


def _replica(application: str, pod: StubPod) -> Manifest:
    return {
        "node_id": "0" * 56,
        "node_ip": pod.ip,
        "node_instance_id": pod.name,
        "actor_id": "0" * 32,
        "actor_name": f"SERVE_REPLICA::{application}#{pod.name}",
        "worker_id": "0" * 56,
        "log_file_path": f"/serve/replica_{application}_{pod.name}.log",
        "replica_id": pod.name,
        "state": "RUNNING",
        "pid": 1000,
        "start_time_s": pod.born,
    }

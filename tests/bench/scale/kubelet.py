"""A stub kubelet: binds every Pod, says that it runs at an address of loopback, and ends it when it is deleted."""

import asyncio
import itertools
from datetime import UTC, datetime
from typing import Any

import structlog

from bench.scale.api import MERGE, Api, ApiError, Manifest
from bench.scale.world import RouterFiles, StubPod, World
from eagleray.domain.facts import labels

log = structlog.get_logger(__name__)

NODES = ("scale-1", "scale-2", "scale-3")
# Pods in these are never started.
PENDING_PREFIX = "pending"
# The first address; those below are left to others.
_FIRST = 64 << 16
_AT_ONCE = 32
# Of a Pod that is asked to end.
_GOODBYE_SECONDS = 0.5


class Kubelet:
    """The kubelet of every node.

    Args:
        api: the API server.
        world: is told what runs.
    """

    def __init__(self, api: Api, world: World) -> None:
        self._api = api
        self._world = world
        self._numbers = itertools.count(_FIRST + 1)
        self._pods: dict[str, StubPod] = {}
        self._begun: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._gate = asyncio.Semaphore(_AT_ONCE)

    async def run(self) -> None:
        """Watch Pods and ConfigMaps, for ever."""
        await asyncio.gather(self._watch_pods(), self._watch_config_maps())

    async def _watch_pods(self) -> None:
        async for change, pod in self._api.watch("/api/v1/pods", labels.MANAGED_SELECTOR):
            meta = pod["metadata"]
            uid = meta["uid"]
            if change == "DELETED":
                self._forget(uid)
            elif meta["namespace"].startswith(PENDING_PREFIX):
                continue
            elif "deletionTimestamp" in meta:
                self._once(f"end {uid}", self._end(pod))
            else:
                self._once(f"start {uid}", self._start(pod))

    async def _watch_config_maps(self) -> None:
        async for change, config_map in self._api.watch("/api/v1/configmaps", labels.MANAGED_SELECTOR):
            meta = config_map["metadata"]
            model = (meta["namespace"], meta["labels"][labels.NAME])
            if change == "DELETED":
                self._world.files.pop(model, None)
            else:
                self._world.files[model] = RouterFiles.read(config_map.get("data", {}).values())

    def _once(self, what: str, work: Any) -> None:
        if what in self._begun:
            work.close()
            return
        self._begun.add(what)
        task = asyncio.create_task(self._try(what, work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _try(self, what: str, work: Any) -> None:
        try:
            await work
        except ApiError as e:
            if e.status not in {404, 409}:
                raise
            log.info("The Pod is another one by now", what=what, error=str(e))

    async def _start(self, pod: Manifest) -> None:
        meta = pod["metadata"]
        number = next(self._numbers)
        ip = f"127.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
        path = f"/api/v1/namespaces/{meta['namespace']}/pods/{meta['name']}"
        async with self._gate:
            await self._api.send("POST", f"{path}/binding", _binding(meta, NODES[number % len(NODES)]))
            self._pods[meta["uid"]] = started = StubPod.of(pod, ip)
            self._world.add(started)
            await self._api.send("PATCH", f"{path}/status", {"status": _status(pod["spec"], ip)}, MERGE)

    async def _end(self, pod: Manifest) -> None:
        meta = pod["metadata"]
        await asyncio.sleep(min(_GOODBYE_SECONDS, meta.get("deletionGracePeriodSeconds", 0)))
        path = f"/api/v1/namespaces/{meta['namespace']}/pods/{meta['name']}"
        async with self._gate:
            await self._api.send("DELETE", path, {"gracePeriodSeconds": 0, "preconditions": {"uid": meta["uid"]}})

    def _forget(self, uid: str) -> None:
        pod = self._pods.pop(uid, None)
        if pod is not None:
            self._world.remove(pod)
        self._begun -= {f"start {uid}", f"end {uid}"}


def _binding(meta: Manifest, node: str) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "Binding",
        "metadata": {"name": meta["name"], "uid": meta["uid"]},
        "target": {"apiVersion": "v1", "kind": "Node", "name": node},
    }


def _status(spec: Manifest, ip: str) -> Manifest:
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    names = ("PodReadyToStartContainers", "PodScheduled", "Initialized", "ContainersReady", "Ready")
    done = {"terminated": {"exitCode": 0, "reason": "Completed", "startedAt": now, "finishedAt": now}}
    return {
        "phase": "Running",
        "podIP": ip,
        "podIPs": [{"ip": ip}],
        "hostIP": "10.0.0.1",
        "startTime": now,
        "conditions": [{"type": name, "status": "True", "lastTransitionTime": now} for name in names],
        "initContainerStatuses": [_container(c, done) for c in spec.get("initContainers", ())],
        "containerStatuses": [_container(c, {"running": {"startedAt": now}}) for c in spec["containers"]],
    }


def _container(container: Manifest, state: Manifest) -> Manifest:
    return {
        "name": container["name"],
        "image": container["image"],
        "imageID": "",
        "restartCount": 0,
        "ready": True,
        "started": "running" in state,
        "state": state,
    }


async def make_nodes(api: Api) -> None:
    """Announce the nodes; no kubelet has to renew them, as no controller watches over them."""
    for name in NODES:
        node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": {"kubernetes.io/os": "linux"}}}
        await api.send("POST", "/api/v1/nodes", node)
        conditions = [{"type": "Ready", "status": "True", "reason": "KubeletReady"}]
        capacity = {"cpu": "1000", "memory": "4Ti", "pods": "10000"}
        status = {"conditions": conditions, "capacity": capacity, "allocatable": capacity}
        await api.send("PATCH", f"/api/v1/nodes/{name}/status", {"status": status}, MERGE)

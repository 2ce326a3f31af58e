"""The place of a measurement: a control plane, a stub node, and who looks at both."""

import asyncio
import sys
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import yaml

from bench.scale.api import Api, Manifest
from bench.scale.control_plane import ADMIN, ControlPlane, control_plane
from bench.scale.models import COLLECTION
from bench.scale.processes import Running, free_ports, running
from bench.scale.seen import Seen
from kind.cache import REPO

BUILD = REPO / "build" / "scale"
CRD = REPO / "crds" / "eagleray.dev_modeldeployments.yaml"
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
NODE_SECONDS = 30.0
_AT_ONCE = 32


@dataclass(frozen=True, slots=True)
class Site:
    """A place to measure at.

    Attributes:
        plane: the control plane.
        api: the API server, as an administrator.
        seen: what is there.
        node: the stub node's process.
        node_port: where that tells what its Pods were asked.
        watching: keeps `seen`.
    """

    plane: ControlPlane
    api: Api
    seen: Seen
    node: Running
    node_port: int
    watching: asyncio.Task[None]

    def check(self) -> None:
        """Do nothing while all of it is well.

        Raises:
            Exception: what ended a part of it.
        """
        for program in (*self.plane.programs.values(), self.node):
            program.check()
        if self.watching.done():
            self.watching.result()

    async def asked(self) -> Manifest:
        """What the stub node tells of itself: `asked`, `questions` and `pods`."""
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"http://127.0.0.1:{self.node_port}/") as response,
        ):
            answer: Manifest = await response.json()
            return answer

    async def make(
        self, manifests: Iterable[Manifest], collection: str = COLLECTION, plural: str = "modeldeployments"
    ) -> None:
        """Create objects, many at a time.

        Args:
            manifests: the objects.
            collection: path of their API group's version.
            plural: their name in URLs.
        """
        gate = asyncio.Semaphore(_AT_ONCE)

        async def create(manifest: Manifest) -> None:
            async with gate:
                namespace = manifest["metadata"]["namespace"]
                await self.api.send("POST", f"{collection}/namespaces/{namespace}/{plural}", manifest)

        await asyncio.gather(*map(create, manifests))


@asynccontextmanager
async def site(name: str, namespaces: Iterable[str]) -> AsyncIterator[Site]:
    """A fresh place, which is gone when the context ends; its logs stay in build/scale.

    Args:
        name: of its folder.
        namespaces: that it has.

    Raises:
        RuntimeError: one of its programs ended.
        TimeoutError: it did not become ready.
    """
    async with control_plane(BUILD / name) as plane, Api(plane.access(ADMIN)) as api:
        for namespace in namespaces:
            await api.send("POST", "/api/v1/namespaces", {"metadata": {"name": namespace}})
        await install(api, CRD)
        access = plane.access(ADMIN).save(plane.folder / "node.json")
        (port,) = free_ports(1)
        words: list[str | Path] = [sys.executable, "-m", "bench.scale.node", access, str(port)]
        with running(words, plane.folder / "node.log") as node:
            seen = Seen()
            place = Site(plane, api, seen, node, port, asyncio.create_task(seen.run(api)))
            try:
                await _node_is_up(place)
                yield place
            finally:
                place.watching.cancel()


async def install(api: Api, *crds: Path) -> None:
    """Create CRDs, and wait until the API server serves them.

    Raises:
        TimeoutError: it does not.
    """
    for path in crds:
        crd: dict[str, Any] = yaml.load(path.read_text(), yaml.CSafeLoader)
        name = crd["metadata"]["name"]
        await api.send("POST", CRDS, crd)
        for _ in range(100):
            conditions = (await api.send("GET", f"{CRDS}/{name}")).get("status", {}).get("conditions") or []
            if any(c["type"] == "Established" and c["status"] == "True" for c in conditions):
                break
            await asyncio.sleep(0.2)
        else:
            raise TimeoutError(f"the API server does not serve {name}")


async def _node_is_up(place: Site) -> None:
    deadline = asyncio.get_running_loop().time() + NODE_SECONDS
    while asyncio.get_running_loop().time() < deadline:
        place.check()
        with suppress(aiohttp.ClientError):
            await place.asked()
            return
        await asyncio.sleep(0.1)
    raise TimeoutError(f"the stub node is not up after {NODE_SECONDS:.0f} s; see {place.node.log}")

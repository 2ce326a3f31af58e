"""A real Envoy on loopback with a rendered configuration."""

import asyncio
import contextlib
import itertools
import json
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
from multidict import CIMultiDictProxy
from yarl import URL

from eagleray.domain.actions.router_config import SLOTS, RouterConfig, RouterTarget, Share
from eagleray.domain.facts.router_layout import CONFIG_DIR, RouterLayout
from eagleray.domain.facts.router_stats import RouterStats
from eagleray.peers.errors import PeerError
from eagleray.peers.peers import Peers
from eagleray.peers.places import Ports
from eagleray.resources.router import ENVOY_ARGS, START_ARGS
from eagleray.router.config import rendered
from fakes.ports import free_port
from unit.router.mounts import Entries, Mounts
from unit.router.replica import Replica

ENVOY = Path(sys.executable).parent / "envoy"
START = Path(__file__).parents[3] / "model_images/router/start.py"
PATIENCE = 60.0


async def until(condition: Callable[[], Awaitable[bool]] | Callable[[], bool]) -> None:
    """Wait for what another process brings about."""
    async with asyncio.timeout(PATIENCE):
        while True:
            met = condition()
            if met if isinstance(met, bool) else await met:
                return
            await asyncio.sleep(0.02)


def as_rendered(_: str, text: str) -> str:
    """A file of a router as it is."""
    return text


class Answer:
    def __init__(self, status: int, headers: CIMultiDictProxy[str], body: str) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def revision(self) -> str:
        return self.headers["x-eagleray-revision"]

    @property
    def reason(self) -> str:
        return str(self.json["error"]["reason"])


class Router:
    """One Envoy whose files lie as kubelet lays a ConfigMap: links through `..data`, which is swapped."""

    def __init__(
        self,
        folder: Path,
        session: aiohttp.ClientSession,
        bind: str = "127.0.0.1",
        launcher: Sequence[str] = (),
        edit: Callable[[str, str], str] = as_rendered,
    ) -> None:
        self.folder = folder / "config"
        ports = [free_port() for _ in range(8)]
        self.layout = RouterLayout(
            str(self.folder),
            bind,
            *ports,
            warmup_port=free_port(),
            credentials_port=free_port(),
            mounted_dir=str(folder / "mounted"),
            credentials_dir=str(folder / "made"),
        )
        self.mounts = Mounts(self.layout)
        self.url = f"http://127.0.0.1:{self.layout.http_port}"
        self.ops = f"http://127.0.0.1:{self.layout.ops_port}"
        self.log = folder / "access.log"
        self._errors = folder / "envoy.log"
        layout = self.layout
        self.peers = Peers(Ports(ops=layout.ops_port, http=layout.http_port, warmup=layout.warmup_port))
        self._session = session
        self._launcher = launcher
        self._edit = edit
        self._generation = itertools.count()
        self.process: asyncio.subprocess.Process | None = None

    def problems(self) -> str:
        return self._errors.read_text()

    def write(self, config: RouterConfig, *, broken: str = "", links: bool = True) -> str:
        data = self.folder / f"..{next(self._generation)}"
        data.mkdir(parents=True)
        whole = rendered(config, self.layout)
        for name, text in whole.files.items():
            (data / name).write_text(self._edit(name, text) if name != broken else "{")
        new = self.folder / "..data_tmp"
        new.symlink_to(data.name)
        new.rename(self.folder / "..data")
        if links:
            self._link(whole.files)
        return whole.version

    def _link(self, files: Mapping[str, str]) -> None:
        links = {p.name for p in self.folder.iterdir() if not p.name.startswith("..")}
        for name in files.keys() - links:
            (self.folder / name).symlink_to(f"..data/{name}")
        for name in links - files.keys():
            (self.folder / name).unlink()

    async def apply(self, config: RouterConfig, *, links: bool = True) -> None:
        version = self.write(config, links=links)
        revisions = [t.revision for t in config.targets]

        async def taken_over() -> bool:
            return (await self.stats()).runs(version, revisions)

        await until(taken_over)

    async def start(self, config: RouterConfig) -> None:
        self.write(config)
        if config.guarded:
            await self.mounts.start()
        flags = [a.replace(CONFIG_DIR, str(self.folder)) for a in (*START_ARGS, *ENVOY_ARGS)]
        command = [*self._launcher, sys.executable, str(START), *flags]
        path = {**os.environ, "PATH": f"{ENVOY.parent}{os.pathsep}{os.environ['PATH']}"}
        with self.log.open("wb") as out, self._errors.open("wb") as err:
            self.process = await asyncio.create_subprocess_exec(*command, stdout=out, stderr=err, env=path)

        async def ready() -> bool:
            if self.process is None or self.process.returncode is not None:
                raise AssertionError(self._errors.read_text())
            with contextlib.suppress(PeerError):
                return bool((await self.stats()).config_version) and await self._open()
            return False

        await until(ready)

    async def until_ops(self, path: str) -> None:
        """Wait until what is behind the ops port answers."""

        async def answers() -> bool:
            return (await self.ask_ops(path)).status == 200

        await until(answers)

    async def _open(self) -> bool:
        return (await self.ask_ops("/ready")).status == 200

    async def stop(self) -> None:
        await self.peers.close()
        if self.process and self.process.returncode is None:
            self.process.terminate()
            await self.process.wait()
        await self.mounts.stop()

    def peak_memory(self) -> int | None:
        """The most bytes that its process had, or None where that has ended."""
        if self.process is None or self.process.returncode is not None:
            return None
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        found = [line for line in status.splitlines() if line.startswith("VmHWM:")]
        return int(found[0].split()[1]) * 1024 if found else None

    async def stats(self) -> RouterStats:
        return await self.peers.router_stats("m", "127.0.0.1")

    async def until_healthy(self, revision: str, replicas: int) -> None:
        async def healthy() -> bool:
            return (await self.stats()).revisions[revision].healthy_endpoints == replicas

        await until(healthy)

    async def until_answering(self, *revisions: str) -> None:
        for revision in revisions:
            await self.until_healthy(revision, 1)

    async def ask(self, path: str = "/", method: str = "POST", **options: Any) -> Answer:
        return await self._ask(self.url + path, method, **options)

    async def ask_at(self, url: str, **options: Any) -> Answer:
        return await self._ask(url, "GET", **options)

    async def ask_all(self, requests: Iterable[Mapping[str, Any]], at_once: int = 32) -> list[Answer]:
        """One answer a request, in their order; a request is what `ask` takes."""
        free = asyncio.Semaphore(at_once)

        async def one(request: Mapping[str, Any]) -> Answer:
            async with free:
                return await self.ask(**request)

        return await asyncio.gather(*(one(request) for request in requests))

    async def ask_ops(self, path: str, method: str = "GET") -> Answer:
        return await self._ask(self.ops + path, method)

    async def _ask(self, url: str, method: str, **options: Any) -> Answer:
        async with self._session.request(method, URL(url, encoded=True), **options) as r:
            return Answer(r.status, r.headers, await r.text())


class Rig:
    """Makes replicas and routers for one test, and loads them."""

    def __init__(self, folder: Path, stack: contextlib.AsyncExitStack, session: aiohttp.ClientSession) -> None:
        self._folder = folder
        self._stack = stack
        self._routers = itertools.count()
        self.session = session

    async def until(self, condition: Callable[[], Awaitable[bool]] | Callable[[], bool]) -> None:
        await until(condition)

    async def replica(self, host: str = "127.0.0.1") -> Replica:
        replica = Replica(host)
        await replica.start()
        self._stack.push_async_callback(replica.stop)
        return replica

    async def router(
        self,
        config: RouterConfig,
        mounted: Mapping[str, Entries] | None = None,
        **options: Any,
    ) -> Router:
        folder = self._folder / f"router-{next(self._routers)}"
        folder.mkdir()
        router = Router(folder, self.session, **options)
        for name, entries in (mounted or {}).items():
            router.mounts.put(name, entries)
        self._stack.push_async_callback(router.stop)
        await router.start(config)
        return router

    @contextlib.asynccontextmanager
    async def load(self, router: Router, clients: int = 8) -> AsyncIterator[list[Answer]]:
        """Clients that ask without pause while the block runs; it begins when each had an answer."""
        answers: list[Answer] = []
        done = asyncio.Event()

        async def client() -> None:
            while not done.is_set():
                answers.append(await router.ask(data=b"x"))

        async with asyncio.TaskGroup() as group:
            for _ in range(clients):
                group.create_task(client())
            await until(lambda: len(answers) >= clients)
            yield answers
            done.set()


def target(
    revision: str, *replicas: Replica, version: str = "default", ports: tuple[int, ...] = (), model: bool = True
) -> RouterTarget:
    """A revision on loopback, with further ports where nobody listens."""
    return RouterTarget(
        revision=revision,
        version=version,
        addresses=("127.0.0.1",),
        ports=(*(r.port for r in replicas), *ports),
        model=model,
    )


def shares(percents: Mapping[str, float]) -> tuple[Share, ...]:
    """Revision → percent as shares of a split, in that order."""
    return tuple(Share(revision, round(percent * SLOTS / 100)) for revision, percent in percents.items() if percent)


def routed(weights: Mapping[RouterTarget, float], **options: Any) -> RouterConfig:
    """A configuration that splits requests between targets; weights in percent."""
    split = options.pop("split", None) or shares({t.revision: percent for t, percent in weights.items()})
    mirror = options.get("mirror")
    targets = tuple(replace(t, copied=bool(mirror and t.revision == mirror.revision)) for t in weights)
    return RouterConfig("m", "ns", targets, split, **options)

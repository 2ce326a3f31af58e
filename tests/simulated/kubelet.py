"""Kubelets: from a Pod that has a node to containers that run, are ready, end, and are gone."""

import asyncio
import base64
import random
from collections.abc import Callable, Mapping
from functools import partial
from typing import Protocol

from eagleray.kube.kinds import CONFIG_MAP, POD, SECRET, Manifest, Ref
from simulated.api_server import ApiServer, Deletion
from simulated.background import later, spawn
from simulated.behaviours import Behaviours
from simulated.nodes import Nodes
from simulated.objects import RefusedError, is_ending, ref_of
from simulated.pod_status import PodState
from simulated.storage import Change
from simulated.story import Story

WHO = "kubelet"
TOKEN_VARIABLE = "RAY_AUTH_TOKEN"  # noqa: S105 - the name of a variable
RETRY_SECONDS = 2.0
POKED_SECONDS = 0.3
_FILES_SECONDS = (10.0, 60.0)


class Program(Protocol):
    """What runs in a Pod's main container."""

    def start(self, files: Mapping[str, str]) -> float:
        """Begin; seconds until it is ready."""

    def refresh(self, files: Mapping[str, str]) -> None:
        """Its ConfigMap's files are others."""

    async def stop(self) -> None:
        """It is asked to end: done when it has."""

    def kill(self) -> None:
        """It is gone, at once."""


class Life:
    """One Pod on its node."""

    def __init__(self, kubelets: "Kubelets", pod: Manifest) -> None:
        self.ref, self.uid, self.node = ref_of(pod), pod["metadata"]["uid"], pod["spec"]["nodeName"]
        self.pod = pod
        self.state = PodState(pod, kubelets.address())
        self.program: Program | None = None
        self._kubelets = kubelets
        self._task = spawn(self._begin())
        self._ending: asyncio.Task[None] | None = None

    async def _begin(self) -> None:
        k, behaviour = self._kubelets, self._kubelets.behaviours.of_pod(self.pod)
        await asyncio.sleep(0.2)
        await self._until(lambda: k.behaviours.of_pod(self.pod).missing, "ErrImagePull")
        await asyncio.sleep(behaviour.pull)
        for name in self.state.inits:
            self.state.run(name)
            self.say()
            await asyncio.sleep(behaviour.fetch)
            if behaviour.fetch_error:
                reason, message = behaviour.fetch_error
                self.state.fetch_failed(name, reason, message)
                self.say()
                return
            self.state.end(name, 0, "Completed")
        await self._until(self._missing, "CreateContainerConfigError")
        await self._main()

    async def _main(self) -> None:
        self.program = self._kubelets.make(self)
        seconds = self.program.start(self.files())
        self.state.run(*self.state.mains)
        self.say()
        await asyncio.sleep(seconds)
        self.state.ready = True
        self.say()

    async def _until(self, lacking: Callable[[], str], reason: str) -> None:
        while words := lacking():
            self.state.wait(reason, words)
            self.say()
            await asyncio.sleep(RETRY_SECONDS)

    def _missing(self) -> str:
        """What a container of the Pod needs that is not there."""
        spec = self.pod["spec"]
        secrets = [e.get("valueFrom", {}).get("secretKeyRef", {}) for c in spec["containers"] for e in c.get("env", [])]
        for kind, names in ((SECRET, [s["name"] for s in secrets if s]), (CONFIG_MAP, self._maps())):
            for name in names:
                if self._kubelets.server.find(Ref(kind, self.ref.namespace, name)) is None:
                    return f'{kind.kind.lower()} "{name}" not found'
        return ""

    def token(self) -> str:
        """The Ray token in the environment of the main container, as it was when that started."""
        env = {e["name"]: e.get("valueFrom", {}) for e in self.pod["spec"]["containers"][0].get("env", [])}
        where = env[TOKEN_VARIABLE]["secretKeyRef"]
        secret = self._kubelets.server.get(Ref(SECRET, self.ref.namespace, where["name"]))
        return base64.b64decode(secret["data"][where["key"]]).decode()

    def _maps(self) -> list[str]:
        return [v["configMap"]["name"] for v in self.pod["spec"].get("volumes", []) if "configMap" in v]

    def files(self) -> Mapping[str, str]:
        """The files of the Pod's ConfigMaps, as they are now."""
        maps = (self._kubelets.server.find(Ref(CONFIG_MAP, self.ref.namespace, name)) for name in self._maps())
        return {name: text for m in maps if m for name, text in m.get("data", {}).items()}

    def say(self) -> None:
        """Write the Pod's status; nobody hears a node that is lost."""
        live = self._kubelets.server.find(self.ref)
        if live is not None and live["metadata"]["uid"] == self.uid and self.reachable:
            status = self.state.status(live.get("status", {}), self._kubelets.server.clock)
            self._kubelets.server.set_status(self.ref, status, WHO)

    @property
    def reachable(self) -> bool:
        return self._kubelets.nodes.reachable(self.node)

    @property
    def running(self) -> bool:
        """Whether its main container runs."""
        return self.program is not None and "running" in self.state.mains[self.state.main]

    def exit(self, code: int, reason: str, message: str = "") -> None:
        """The main container ends by itself."""
        self._task.cancel()
        self._stop_program()
        self.state.end(self.state.main, code, reason, message)
        self._kubelets.story.tell("kubelet", self.ref.name, "ends with", code, reason)
        self.say()
        if self.pod["spec"]["restartPolicy"] == "Always" and not is_ending(self.pod):
            later(1.0, self._again)

    def _again(self) -> None:
        if self._kubelets.lives.get(self.uid) is self and self._ending is None:
            self._task = spawn(self._main())

    def end(self) -> None:
        """The Pod is deleted: its grace is that of the first who deleted it."""
        if self._ending is not None and self._ending.done():
            self._ended()  # its node was lost when it ended, and is back
        elif self._ending is None and self.reachable:
            self._ending = spawn(self._end(float(self.pod["metadata"]["deletionGracePeriodSeconds"])))

    async def _end(self, grace: float) -> None:
        self._task.cancel()
        self.state.ready = False
        self.say()
        if self.program is not None:
            try:
                async with asyncio.timeout(grace):
                    await self.program.stop()
            except TimeoutError:
                self._kubelets.story.tell("kubelet", "kills", self.ref.name, "after", grace, "s")
        self._stop_program()
        self.state.end_all(0)
        self._ended()

    def _ended(self) -> None:
        self.say()
        if self.ref.name not in self._kubelets.stuck and self.reachable:
            try:
                self._kubelets.server.delete(self.ref, Deletion(uid=self.uid, grace=0), WHO)
            except RefusedError as e:
                self._kubelets.story.tell("kubelet", self.ref.name, e)

    def vanish(self) -> None:
        """The Pod is gone from the API server: whatever still runs is ended at once."""
        self._task.cancel()
        if self._ending is not None and asyncio.current_task() is not self._ending:
            self._ending.cancel()
        self._stop_program()

    def _stop_program(self) -> None:
        if self.program is not None:
            self.program.kill()
            self.program = None


class Kubelets:
    """The kubelets of all nodes.

    Args:
        server: the API server.
        nodes: which of them are reachable.
        behaviours: what images and downloads do.
        make: makes the program of a Pod's main container.
        story: is told what they do.

    Attributes:
        lives: every Pod that has a node, by uid.
        by_address: the same, by address; one that was given up stays, and runs nothing.
        stuck: names of Pods that stay when they are deleted, though nothing of them runs.
    """

    def __init__(
        self,
        server: ApiServer,
        nodes: Nodes,
        behaviours: Behaviours,
        make: Callable[[Life], Program],
        story: Story,
    ) -> None:
        self.server, self.nodes, self.behaviours, self.make, self.story = server, nodes, behaviours, make, story
        self.lives: dict[str, Life] = {}
        self.by_address: dict[str, Life] = {}
        self.stuck: set[str] = set()
        self._addresses = 0
        self._rng = random.Random(story.seed)  # noqa: S311 - a history is to be had again
        server.listeners.append(self._heard)

    def address(self) -> str:
        """A new Pod's address; an old one is given again only after a long time."""
        self._addresses += 1
        return f"10.{self._addresses // 62_500 % 250}.{self._addresses // 250 % 250}.{self._addresses % 250 + 1}"

    def by_name(self, name: str) -> Life | None:
        return next((life for life in self.lives.values() if life.ref.name == name), None)

    def recover(self, node: str) -> None:
        """A lost node is back: what was deleted meanwhile ends, what runs is told again."""
        for life in [life for life in self.lives.values() if life.node == node]:
            live = self.server.find(life.ref)
            if live is None or live["metadata"]["uid"] != life.uid:
                self.lives.pop(life.uid).vanish()
            elif is_ending(live):
                life.end()
            else:
                life.say()
                later(self._rng.uniform(*_FILES_SECONDS), partial(self._refresh, life))

    def _heard(self, change: Change) -> None:
        if change.ref.kind == POD:
            self._pod(change)
        elif change.ref.kind == CONFIG_MAP and change.new is not None:
            for life in self.lives.values():
                if life.ref.namespace == change.ref.namespace and change.ref.name in life._maps():
                    later(self._rng.uniform(*_FILES_SECONDS), partial(self._refresh, life))

    def _pod(self, change: Change) -> None:
        uid = change.last["metadata"]["uid"]
        life = self.lives.get(uid)
        if change.new is None:
            if life is not None and life.reachable:
                self.lives.pop(uid).vanish()
            return
        if life is None:
            if "nodeName" in change.new["spec"] and not is_ending(change.new):
                life = self.lives[uid] = Life(self, change.new)
                self.by_address[life.state.ip] = life
            return
        life.pod = change.new
        if is_ending(change.new):
            life.end()
        elif change.old and change.old["metadata"].get("annotations") != change.new["metadata"].get("annotations"):
            later(POKED_SECONDS, lambda: self._refresh(life))

    def _refresh(self, life: Life) -> None:
        files = life.files()
        if files and life.program is not None and life.reachable:  # those of a ConfigMap that is gone stay
            life.program.refresh(files)

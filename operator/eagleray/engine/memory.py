"""What the engine remembers of one object between looks: a cache, lost without harm at a restart."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field

import structlog

from eagleray.domain.observed import ProbeResult
from eagleray.kube.kinds import Ref

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Memory:
    """What is remembered of one object.

    Attributes:
        probes: by revision, the last probe's outcome.
        ray_errors: by head Pod, why its last request failed.
        taken: places where an object stands that is not ours.
        draining: heads that were asked to give up a node, whose nodes are therefore looked at.
        running: long requests under way, by what they do.
    """

    probes: dict[str, ProbeResult] = field(default_factory=dict)
    ray_errors: dict[str, str] = field(default_factory=dict)
    taken: dict[Ref, str] = field(default_factory=dict)
    draining: set[str] = field(default_factory=set)
    running: dict[str, asyncio.Task[None]] = field(default_factory=dict)

    def start(self, what: str, work: Callable[[], Coroutine[None, None, None]], then: Callable[[], None]) -> None:
        """Do `work` beside the loop, unless the same is under way; then look again.

        A look must never wait for a slow head: what takes seconds runs here.
        """
        if what in self.running:
            return
        task = asyncio.create_task(work(), name=what)
        self.running[what] = task

        def finished(done: asyncio.Task[None]) -> None:
            self.running.pop(what, None)
            if done.cancelled():
                return
            if error := done.exception():
                log.error("Work beside the loop crashed", what=what, exc_info=error)
            then()

        task.add_done_callback(finished)

    async def close(self) -> None:
        """End what is under way."""
        tasks = list(self.running.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

"""What the engine remembers of one object between looks: a cache, lost without harm at a restart."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog

from eagleray.domain.observed import ProbeResult, RouterPod
from eagleray.domain.providers.query import ProviderQuery, Reading
from eagleray.domain.rollout.samples import Sample, record
from eagleray.domain.state.model import State
from eagleray.kube.kinds import Ref

log = structlog.get_logger(__name__)

# A measurement looks back to the last change of a share; what lies further back than this counts no more.
SAMPLES_KEPT = timedelta(hours=1)
# Scaling looks back less far.
LOAD_KEPT = timedelta(minutes=2)


@dataclass(slots=True)
class Memory:
    """What is remembered of one object.

    Attributes:
        probes: by revision, the last probe's outcome.
        ray_errors: by head Pod, why its last request failed.
        taken: places where an object stands that is not ours.
        samples: what the routers said, the latest last.
        readings: what others answered last.
        draining: heads that were asked to give up a node, whose nodes are therefore looked at.
        nodes: revisions of which the figures of Ray's nodes decide something.
        running: long requests under way, by what they do.
    """

    probes: dict[str, ProbeResult] = field(default_factory=dict)
    ray_errors: dict[str, str] = field(default_factory=dict)
    taken: dict[Ref, str] = field(default_factory=dict)
    samples: tuple[Sample, ...] = ()
    readings: dict[ProviderQuery, Reading] = field(default_factory=dict)
    draining: set[str] = field(default_factory=set)
    nodes: frozenset[str] = frozenset()
    running: dict[str, asyncio.Task[None]] = field(default_factory=dict)

    def sample(self, now: datetime, routers: Iterable[RouterPod], status: State) -> None:
        """Keep what the routers said just now, where somebody decides on it: a rollout, or scaling by load."""
        rolling = any(r.aborted_at is None for r in status.rollouts)
        if not rolling and not status.scaling:
            self.samples = ()
            return
        seen = {r.name: r.stats for r in routers if r.stats is not None}
        sides = {name for r in status.rollouts for name in (r.from_, r.to)}
        timed = sides | {record.revision for record in status.scaling}
        self.samples = record(self.samples, Sample(now, seen), SAMPLES_KEPT if rolling else LOAD_KEPT, timed)

    def read(self, query: ProviderQuery, reading: Reading) -> None:
        """Keep an answer, and let go of those that nobody has asked for in a long time."""
        recent = {q: r for q, r in self.readings.items() if reading.at - r.at < SAMPLES_KEPT}
        self.readings = recent | {query: reading}

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

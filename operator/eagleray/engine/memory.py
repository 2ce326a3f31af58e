"""What the engine remembers of one object between looks: a cache, lost without harm at a restart."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog

from eagleray.api.spec import ModelDeploymentSpec
from eagleray.domain.facts.probe import ProbeResult
from eagleray.domain.facts.problem import PeerTrouble
from eagleray.domain.facts.providers.query import ProviderQuery, Reading
from eagleray.domain.facts.router_stats import RouterStats
from eagleray.domain.facts.samples import Sample, record
from eagleray.engine.children import Applied
from eagleray.engine.parts import PartLog
from eagleray.engine.pollers import Poller
from eagleray.engine.ratelimit import Backoff
from eagleray.engine.tasks import end

log = structlog.get_logger(__name__)

# A measurement looks back to the last change of a share; what lies further back than this counts no more.
SAMPLES_KEPT = timedelta(hours=1)
# Scaling looks back less far.
LOAD_KEPT = timedelta(minutes=2)
# A Pod that waits for what its containers refer to may wait for something else than its token.
TOKEN_AGAIN = timedelta(seconds=15)
# The same is asked of a peer no sooner than so long after it was answered, whatever the plans say …
APART_SECONDS = 0.5
# … twice as long after each failure in a row.
_APART = Backoff(base=APART_SECONDS, cap=8.0, jitter=0)

Work = Callable[[], Coroutine[None, None, bool]]
"""What is done beside the looks; whether it succeeded."""


@dataclass(slots=True)
class Memory:
    """What is remembered of one object.

    Attributes:
        uid: the object's uid; another object of its name remembers nothing of it.
        poller: asks its peers.
        again: has the object looked at again.
        meets_until: until then nothing is decided, as the peers of an object that runs were not asked yet; None once
            they were.
        load: whether somebody decides by what the routers say.
        rolling: whether a rollout does, which looks back further than scaling.
        timed: revisions whose latencies somebody decides by.
        spec: the last spec that was accepted.
        parts: the parts of its plans that did not end well.
        applied: its children as they were written last.
        marks: by uid, the labels that its Pods were made with.
        tokens: by revision, when its token was made last because a Pod waited.
        probes: by revision, the last probe's outcome.
        troubles: by head Pod, why its last request failed.
        samples: what the routers said, the latest last.
        readings: what others answered last.
        draining: heads that were asked to give up a node, whose nodes are therefore looked at.
        running: long requests that are under way or have just ended, by what they do.
        wanted: those of them that were wanted again meanwhile.
        failures: how often each of them has failed in a row.
    """

    uid: str
    poller: Poller
    again: Callable[[], None]
    meets_until: datetime | None
    load: bool = False
    rolling: bool = False
    timed: frozenset[str] = frozenset()
    spec: ModelDeploymentSpec | None = None
    parts: PartLog = field(default_factory=PartLog)
    applied: Applied = field(default_factory=Applied)
    marks: dict[str, Mapping[str, str]] = field(default_factory=dict)
    tokens: dict[str, datetime] = field(default_factory=dict)
    probes: dict[str, ProbeResult] = field(default_factory=dict)
    troubles: dict[str, PeerTrouble] = field(default_factory=dict)
    samples: tuple[Sample, ...] = ()
    readings: dict[ProviderQuery, Reading] = field(default_factory=dict)
    draining: set[str] = field(default_factory=set)
    running: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    wanted: set[str] = field(default_factory=set)
    failures: dict[str, int] = field(default_factory=dict)

    def sample(self, now: datetime, stats: Mapping[str, RouterStats]) -> None:
        """Keep what the routers said just now, where somebody decides by it.

        Args:
            now: the time.
            stats: by uid of the Pod, what it said; one that did not answer is absent.
        """
        kept = SAMPLES_KEPT if self.rolling else LOAD_KEPT
        self.samples = record(self.samples, Sample(now, stats), kept, self.timed) if self.load else ()

    def token_is_due(self, revision: str, now: datetime) -> bool:
        """Whether the token of a revision whose Pod waits is to be made again; notes that it is."""
        before = self.tokens.get(revision)
        due = before is None or not timedelta() <= now - before < TOKEN_AGAIN
        if due:
            self.tokens[revision] = now
        return due

    def noted(self, head: str, trouble: PeerTrouble | None) -> None:
        """Keep why the last request to a head Pod failed, or that it did not."""
        self.troubles.pop(head, None)
        if trouble is not None:
            self.troubles[head] = trouble

    def probed(self, revision: str, incarnation: int, message: str, now: datetime) -> None:
        """Keep how a probe ended.

        Args:
            revision: what was asked.
            incarnation: number of its Ray cluster.
            message: why it failed, or "".
            now: the time.
        """
        last = self.probes.get(revision)
        before = last.failures if last is not None and last.incarnation == incarnation else 0
        self.probes[revision] = ProbeResult(incarnation, now, before + 1 if message else 0, message)

    def read(self, query: ProviderQuery, reading: Reading) -> None:
        """Keep an answer, and let go of those that nobody has asked for in a long time."""
        recent = {q: r for q, r in self.readings.items() if reading.at - r.at < SAMPLES_KEPT}
        self.readings = recent | {query: reading}

    def keep(self, pods: Iterable[str], revisions: Iterable[str]) -> None:
        """Forget what is known of Pods (by uid or name) and revisions that are gone."""
        there, names = frozenset(pods), frozenset(revisions)
        self.marks = {uid: marks for uid, marks in self.marks.items() if uid in there}
        self.troubles = {head: trouble for head, trouble in self.troubles.items() if head in there}
        self.probes = {name: probe for name, probe in self.probes.items() if name in names}
        self.tokens = {name: made for name, made in self.tokens.items() if name in names}

    def start(self, what: str, work: Work) -> None:
        """Do `work` beside the looks, unless the same is under way or has just ended; then look again."""
        if what in self.running:
            self.wanted.add(what)
            return
        self.running[what] = asyncio.create_task(self._work(what, work), name=what)

    async def _work(self, what: str, work: Work) -> None:
        """Do it, have its outcome looked at, and let some time pass before the same may be done again."""
        try:
            succeeded = await work()
        except Exception:
            log.exception("Work beside the looks crashed", what=what)
            succeeded = False
        self.failures[what] = 0 if succeeded else self.failures.get(what, 0) + 1
        self.wanted.discard(what)
        self.again()
        await asyncio.sleep(_APART.delay(self.failures[what] + 1))
        del self.running[what]
        if what in self.wanted:
            self.wanted.discard(what)
            self.again()
        else:
            del self.failures[what]

    async def close(self) -> None:
        """End what is under way."""
        await end(list(self.running.values()))
        await self.poller.close()

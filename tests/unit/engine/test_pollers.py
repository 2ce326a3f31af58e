"""What is asked of peers, how often, and whom an answer wakes; in virtual time."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from eagleray.domain.actions.actions import Polling
from eagleray.domain.facts.progress import Progress
from eagleray.domain.facts.router_stats import RevisionStats, RouterStats
from eagleray.domain.facts.serve import Application, AppStatus, ServeState
from eagleray.engine.answers import RouterAnswer
from eagleray.engine.pollers import Poller
from eagleray.engine.questions import Asked, Asker, HeadSubject, RouterSubject, Subjects
from eagleray.kube.kinds import Key
from eagleray.peers.errors import UnreachableError
from eagleray.peers.places import RayHead
from fakes.kube import FakeKube
from fakes.virtual_time import now, run

KEY = Key("ns", "m")
HEADS = (HeadSubject("m-head-1", "h", RayHead("10.0.0.1", "token")),)
ROUTERS = tuple(RouterSubject(f"r{n}", f"10.0.1.{n}", compares=False, holds=True) for n in range(2))

EVERYBODY = Subjects(heads=HEADS, routers=ROUTERS)


@dataclass
class Peers:
    """Peers that answer as they are told, and note when they were asked."""

    asked: list[tuple[str, float]] = field(default_factory=list)
    state: ServeState = field(default_factory=ServeState)
    stats: RouterStats = field(default_factory=lambda: RouterStats("v1"))
    hangs: set[str] = field(default_factory=set)
    waiting: asyncio.Event = field(default_factory=asyncio.Event)
    unprotected: str = ""
    told: Progress = field(default_factory=lambda: Progress(1, 10))
    routers: list[str] = field(default_factory=list)

    async def _asked(self, what: str) -> None:
        self.asked.append((what, now()))
        if what in self.hangs:
            await asyncio.sleep(3)
            raise UnreachableError(f"{what} did not answer")

    async def protection(self, owner: Key, ip: str) -> str:  # noqa: ARG002
        await self._asked("protection")
        return self.unprotected

    async def serve_state(self, owner: Key, head: RayHead) -> ServeState:  # noqa: ARG002
        await self._asked("serve")
        return self.state

    async def progress(self, owner: Key, ip: str) -> Progress:  # noqa: ARG002
        await self._asked("progress")
        return self.told

    async def router_stats(self, owner: Key, ip: str) -> RouterStats:  # noqa: ARG002
        await self._asked("router")
        self.routers.append(ip)
        return self.stats

    async def await_held(self, owner: Key, ip: str, seconds: float) -> Mapping[str, int]:  # noqa: ARG002
        await self._asked("held")
        try:
            async with asyncio.timeout(seconds):
                await self.waiting.wait()
        except TimeoutError:
            return {}
        return {"m-1": 1}

    def times(self, what: str) -> list[float]:
        return [at for name, at in self.asked if name == what]


@dataclass
class Bench:
    peers: Peers = field(default_factory=Peers)
    heard: list[float] = field(default_factory=list)
    samples: list[Mapping[str, RouterAnswer]] = field(default_factory=list)

    kube: FakeKube = field(default_factory=FakeKube)

    def __post_init__(self) -> None:
        peers: Any = self.peers
        asker = Asker(KEY, peers, self.kube, float)
        self.poller = Poller(asker, lambda: self.heard.append(now()), self.samples.append)

    def follow(self, seconds: float | None, *, whom: Subjects = EVERYBODY, **how: Any) -> None:
        self.poller.follow(Asked(whom, Polling(seconds, seconds, "test", **how)))


def test_an_answer_that_changes_no_decision_wakes_nobody() -> None:
    async def main() -> None:
        bench = Bench()
        bench.follow(15)
        await asyncio.sleep(1)
        bench.heard.clear()
        await asyncio.sleep(120)
        assert bench.heard == []
        assert 8 <= len(bench.peers.times("serve")) <= 10
        await bench.poller.close()

    run(main())


@pytest.mark.parametrize(
    "stats",
    [
        RouterStats("v2"),
        RouterStats("v1", {"m-1": RevisionStats(healthy_endpoints=1)}),
        RouterStats("v1", {"m-1": RevisionStats(active=1)}),
        RouterStats("v1", {"m-1": RevisionStats(config_version="v1")}),
    ],
)
def test_an_answer_that_may_change_one_wakes_once(stats: RouterStats) -> None:
    async def main() -> None:
        bench = Bench()
        bench.follow(15)
        await asyncio.sleep(1)
        bench.heard.clear()
        bench.peers.stats = stats
        await asyncio.sleep(60)
        assert len(bench.heard) == 1
        await bench.poller.close()

    run(main())


def test_in_turn_each_router_is_asked_once_before_any_is_asked_again_and_a_new_one_at_once() -> None:
    async def main() -> None:
        bench = Bench()
        bench.follow(15, in_turn=True)
        await asyncio.sleep(50)
        first, second = (router.ip for router in ROUTERS)
        assert bench.peers.routers == [first, second, first, second, first]
        new = RouterSubject("r9", "10.0.1.9", compares=False, holds=True)
        bench.follow(15, in_turn=True, whom=Subjects(heads=HEADS, routers=(*ROUTERS[1:], new)))
        await asyncio.sleep(40)
        assert bench.peers.routers[5:] == [new.ip, second, new.ip]
        assert list(bench.poller.answers.routers) == ["r1", "r9"]
        await bench.poller.close()

    run(main())


def test_what_was_asked_before_something_was_done_is_no_answer_to_it() -> None:
    async def main() -> None:
        bench = Bench()
        bench.peers.hangs.add("serve")
        bench.follow(15)
        await asyncio.sleep(1)
        await bench.poller.ask_anew("heads")
        assert (bench.peers.times("serve"), now()) == ([0, 3], 6)
        await bench.poller.close()

    run(main())


@pytest.mark.parametrize("wait", [0, 1])
def test_a_question_that_ends_keeps_nobody_waiting_for_its_answer(wait: float) -> None:
    async def main() -> None:
        bench = Bench()
        bench.peers.hangs.add("serve")
        bench.follow(15)
        await asyncio.sleep(wait)
        waiting = asyncio.create_task(bench.poller.ask_anew("heads"))
        await asyncio.sleep(wait)
        bench.follow(15, whom=Subjects(routers=ROUTERS))
        await asyncio.wait_for(waiting, 1)
        await bench.poller.ask_anew("heads")
        await bench.poller.close()

    run(main())


def test_figures_of_load_wake_only_where_somebody_decides_by_them() -> None:
    async def main() -> None:
        bench = Bench()
        revision = {"m-1": RevisionStats(requests=1, active=1)}
        bench.peers.stats = RouterStats("v1", revision)
        bench.follow(5)
        await asyncio.sleep(1)
        bench.heard.clear()
        for requests in range(2, 14):
            bench.peers.stats = RouterStats("v1", {"m-1": RevisionStats(requests=requests, active=requests)})
            await asyncio.sleep(5)
        assert bench.heard == [], "steady load"
        bench.follow(5, load=True)
        await asyncio.sleep(30)
        assert len(bench.heard) >= 5
        await bench.poller.close()

    run(main())


def test_a_head_that_hangs_holds_up_no_other_question() -> None:
    async def main() -> None:
        bench = Bench()
        bench.peers.hangs = {"serve"}
        bench.follow(1)
        await asyncio.sleep(30)
        assert len(bench.peers.times("router")) >= 2 * 28
        assert bench.poller.answers.heads["h"].trouble is not None
        await bench.poller.close()

    run(main())


def test_a_faster_pace_counts_at_once_and_somebody_new_is_asked_at_once() -> None:
    async def main() -> None:
        bench = Bench()
        bench.follow(15)
        await asyncio.sleep(4)
        bench.follow(0.5)
        await asyncio.sleep(1.1)
        assert len(bench.peers.times("serve")) >= 3
        bench.follow(15)
        await asyncio.sleep(16)
        before = len(bench.peers.times("serve"))
        more = (*HEADS, HeadSubject("m-head-2", "h2", RayHead("10.0.0.2", "token")))
        bench.follow(15, whom=Subjects(heads=more, routers=ROUTERS))
        await asyncio.sleep(0.1)
        assert len(bench.peers.times("serve")) == before + 2
        await bench.poller.close()

    run(main())


def test_who_sleeps_is_asked_nothing_but_listened_to() -> None:
    async def main() -> None:
        bench = Bench()
        bench.follow(None, held=True)
        await asyncio.sleep(60)
        assert bench.peers.times("serve") == bench.peers.times("router") == []
        assert 2 * 2 <= len(bench.peers.times("held")) <= 2 * 4, "one long request a router Pod at a time"
        bench.heard.clear()
        bench.peers.waiting.set()
        await asyncio.sleep(0.01)
        assert len(bench.heard) == 1
        await bench.poller.close()

    run(main())


def test_a_head_that_asks_for_no_token_is_asked_nothing_else() -> None:
    async def main() -> None:
        bench = Bench()
        bench.peers.unprotected = "Ray 2.40 has no token authentication"
        bench.follow(1)
        await asyncio.sleep(10)
        assert bench.peers.times("serve") == []
        assert bench.poller.answers.heads["h"].unprotected
        await bench.poller.close()

    run(main())


def test_whose_answers_are_not_asked_for_any_more_are_forgotten() -> None:
    async def main() -> None:
        bench = Bench()
        bench.peers.state = ServeState((Application("m", AppStatus.RUNNING),))
        bench.follow(1)
        await asyncio.sleep(2)
        assert bench.poller.answers.heads["h"].state == bench.peers.state
        bench.follow(1, whom=Subjects(routers=ROUTERS))
        assert bench.poller.answers.heads == {}
        await bench.poller.close()

    run(main())


def test_a_download_is_asked_four_times_a_minute_whatever_else_moves_and_its_news_are_heard() -> None:
    async def main() -> None:
        bench = Bench()
        bench.follow(0.5, whom=Subjects(telling=(("w", "10.0.2.1"),)))
        await asyncio.sleep(31)
        assert 3 <= len(bench.peers.times("progress")) <= 4
        assert len(bench.heard) == 1
        bench.peers.told = Progress(2, 10)
        await asyncio.sleep(15)
        assert len(bench.heard) == 2
        assert bench.poller.answers.progress == {"w": Progress(2, 10)}
        bench.follow(0.5, whom=Subjects())
        assert bench.poller.answers.progress == {}
        await bench.poller.close()

    run(main())

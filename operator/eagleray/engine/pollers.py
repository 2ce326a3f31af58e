"""Asks the peers of one object beside its looks, each question at the pace that the plan names.

An answer that changes no decision wakes nobody, and a peer that hangs costs its own object's question only.
"""

import asyncio
import zlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import structlog

from eagleray.engine.answers import Answers, RouterAnswer
from eagleray.engine.questions import QUESTIONS, Asked, Asker, Question, Subjects
from eagleray.engine.tasks import end

log = structlog.get_logger(__name__)

# Objects that began together do not ask together for ever: their paces differ by up to this share.
SPREAD = 0.1
# After a defect of ours.
CRASHED_SECONDS = 60.0


class Poller:
    """Asks the peers of one object.

    Args:
        asker: whose peers they are, and how they are asked.
        heard: called when an answer may change a decision.
        sampled: takes what the router Pods said, by uid, each time that they were asked.
    """

    def __init__(
        self, asker: Asker, heard: Callable[[], None], sampled: Callable[[Mapping[str, RouterAnswer]], None]
    ) -> None:
        self.answers = Answers()
        self._asker = asker
        self._heard = heard
        self._sampled = sampled
        self._asked: Asked | None = None
        self._rounds: dict[str, _Rounds] = {}

    def follow(self, asked: Asked) -> None:
        """Ask these from now on, at this pace; where somebody is new, at once."""
        before, self._asked = self._asked, asked
        for question in QUESTIONS:
            rounds = self._rounds.get(question.name)
            if question.pace(asked) is None:
                self._end(question)
            elif rounds is None:
                self._rounds[question.name] = _Rounds(question, self)
            elif before is not None and question.whom(before) != question.whom(asked):
                rounds.hasten()
            else:
                rounds.reconsider()

    def has_asked(self, subjects: Subjects) -> bool:
        """Whether each head and each router Pod was asked at least once; what failed is an answer too."""
        heads, routers = {head.uid for head in subjects.heads}, {router.uid for router in subjects.routers}
        return heads <= self.answers.heads.keys() and routers <= self.answers.routers.keys()

    async def ask_anew(self, name: str) -> None:
        """Ask again at once, as something was done that changes the answer; return when it is there."""
        if rounds := self._rounds.get(name):
            await rounds.anew()

    async def close(self) -> None:
        """Ask nobody any more."""
        await end([rounds.task for rounds in self._rounds.values()])
        self._rounds.clear()

    def pace(self, question: Question) -> float:
        """Seconds between two rounds of a question, a little apart from other objects'."""
        seconds = question.pace(self._asked) if self._asked else None
        if seconds is None:
            return 0.0  # it is about to be ended
        seconds = self._asker.pace(seconds)
        place = zlib.crc32(f"{self._asker.key} {question.name}".encode()) / 2**32
        return seconds * (1 - SPREAD * place)

    async def ask(self, question: Question) -> None:
        """Ask one question once, and tell whoever waits for its answer."""
        if (asked := self._asked) is None:
            return
        told = await question.ask(self._asker, asked, self.answers)
        before, self.answers = self.answers, replace(self.answers, **{question.name: told})
        if question.name == "routers":
            self._sampled(told)
        if (question.loads and asked.polling.load) or decisive(before) != decisive(self.answers):
            self._heard()

    def _end(self, question: Question) -> None:
        if rounds := self._rounds.pop(question.name, None):
            rounds.task.cancel()
            nothing: Mapping[str, Any] = {}
            self.answers = replace(self.answers, **{question.name: nothing})


def decisive(answers: Answers) -> tuple[object, ...]:
    """What of the answers can change a decision where nobody decides by load."""
    return (
        answers.heads,
        answers.nodes,
        answers.progress,
        answers.warnings,
        {uid: answer.decisive() for uid, answer in answers.routers.items()},
        {revision for held in answers.held.values() for revision, count in held.items() if count},
    )


class _Rounds:
    """One question of one object, asked round after round in a task of its own.

    Args:
        question: the question.
        poller: asks it, and knows its pace.
    """

    def __init__(self, question: Question, poller: Poller) -> None:
        self._question = question
        self._poller = poller
        self._hurried = False
        self._changed = asyncio.Event()
        self._awaited: list[asyncio.Future[None]] = []
        self.task = asyncio.create_task(self._run(), name=f"ask {question.name}")
        self.task.add_done_callback(lambda _: _release(self._awaited))

    def hasten(self) -> None:
        """Have the next round begin at once."""
        self._hurried = True
        self._changed.set()

    async def anew(self) -> None:
        """Have a round begin at once; return when it has ended, or the question is asked no more."""
        ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._awaited.append(ended)
        self.hasten()
        await ended

    def reconsider(self) -> None:
        """Have the pace read again."""
        self._changed.set()

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            begun, self._hurried = loop.time(), False
            try:
                await self._round()
            except Exception:
                log.exception("A question crashed", question=self._question.name)
                await asyncio.sleep(CRASHED_SECONDS)
            await self._rest(begun)

    async def _round(self) -> None:
        awaited, self._awaited = self._awaited, []
        try:
            await self._poller.ask(self._question)
        finally:
            _release(awaited)

    async def _rest(self, begun: float) -> None:
        loop = asyncio.get_running_loop()
        while not self._hurried:
            due = begun + self._poller.pace(self._question)
            self._changed.clear()
            try:
                async with asyncio.timeout_at(due):
                    await self._changed.wait()
            except TimeoutError:
                return
            if loop.time() >= due:
                return


def _release(awaited: list[asyncio.Future[None]]) -> None:
    for ended in awaited:
        if not ended.done():
            ended.set_result(None)

"""What the peers of one object are asked: a table of questions, each with whom, how often, and how."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import structlog

from eagleray.domain.actions.actions import Polling
from eagleray.domain.facts.problem import PeerTrouble
from eagleray.domain.facts.routers import Credentials
from eagleray.engine.answers import Answers, HeadAnswer, RouterAnswer
from eagleray.engine.tasks import end
from eagleray.engine.unstarted import WARNING_SECONDS, warnings_of
from eagleray.kube.client import KubeClient
from eagleray.kube.kinds import Key
from eagleray.peers.errors import PeerError, RejectedError
from eagleray.peers.peers import PeerClient
from eagleray.peers.places import RayHead

Told = TypeVar("Told")
log = structlog.get_logger(__name__)

# What takes long is looked at so often: it takes minutes, and what it tells is written into the status.
PROGRESS_SECONDS = 15.0
# A router Pod is listened to so long in one request …
LISTEN_SECONDS = 25.0
# … the next one begins no sooner than so long after the last began …
LISTEN_PACE_SECONDS = 0.5
# … and so much later again where it did not answer.
LISTEN_AGAIN_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class HeadSubject:
    """A head that can be asked.

    Attributes:
        name: the Pod's name.
        uid: its uid.
        head: its address and token.
    """

    name: str
    uid: str
    head: RayHead


@dataclass(frozen=True, slots=True)
class RouterSubject:
    """A router Pod that can be asked.

    Attributes:
        uid: its uid.
        ip: its address.
        compares: whether it has a comparer.
        holds: whether it has a holder.
        guarded: whether it mounts what belongs to others, and has a door of the operator's own.
    """

    uid: str
    ip: str
    compares: bool
    holds: bool
    guarded: bool = False


@dataclass(frozen=True, slots=True)
class Subjects:
    """Who can be asked about one object, as the last look saw it.

    Attributes:
        heads: heads of its revisions.
        routers: its router Pods.
        workers: uid and address of the workers whose agents' figures are needed.
        telling: uid and address of the first worker of each revision where something takes long.
        unstarted: name and uid of the first Pod whose containers do not start.
        draining: names of the heads that were asked to give up a node.
    """

    heads: tuple[HeadSubject, ...] = ()
    routers: tuple[RouterSubject, ...] = ()
    workers: tuple[tuple[str, str], ...] = ()
    telling: tuple[tuple[str, str], ...] = ()
    unstarted: tuple[tuple[str, str], ...] = ()
    draining: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Asked:
    """Who is asked, and how often."""

    subjects: Subjects
    polling: Polling


@dataclass(frozen=True, slots=True)
class Asker:
    """How one object's peers are asked.

    Attributes:
        key: the object, whose budget it is.
        peers: how.
        kube: the API server.
        pace: seconds between two rounds that are to be so many apart, as busy as the process is.
    """

    key: Key
    peers: PeerClient
    kube: KubeClient
    pace: Callable[[float], float]


@dataclass(frozen=True, slots=True)
class Question:
    """One thing that peers are asked.

    Attributes:
        name: the field of `Answers` that it fills.
        whom: those who are asked; nobody is not asked.
        seconds: between two rounds; None for no round at all.
        ask: asks all of them, and gives their answers by uid; what fails is an answer.
        loads: whether its answers tell the load.
    """

    name: str
    whom: Callable[[Asked], tuple[Hashable, ...]]
    seconds: Callable[[Polling], float | None]
    ask: Callable[[Asker, Asked, Answers], Awaitable[Mapping[str, Any]]]
    loads: bool = False

    def pace(self, asked: Asked) -> float | None:
        """Seconds between two rounds; None where nobody is to be asked."""
        return self.seconds(asked.polling) if self.whom(asked) else None


async def _ask_heads(asker: Asker, asked: Asked, before: Answers) -> Mapping[str, HeadAnswer]:
    heads = asked.subjects.heads
    answers = await asyncio.gather(*(_ask_head(asker, h, before.heads.get(h.uid)) for h in heads))
    return {subject.uid: answer for subject, answer in zip(heads, answers, strict=True)}


async def _ask_head(asker: Asker, subject: HeadSubject, before: HeadAnswer | None) -> HeadAnswer:
    """Ask for Serve's state; of a head that has not told any yet, first whether it asks for its token at all."""
    try:
        if before is None or before.state is None:
            unprotected = await asker.peers.protection(asker.key, subject.head.ip)
            if unprotected:
                return HeadAnswer(unprotected=unprotected)
        return HeadAnswer(state=await asker.peers.serve_state(asker.key, subject.head))
    except PeerError as e:
        return HeadAnswer(trouble=trouble_of(e))


def trouble_of(error: PeerError) -> PeerTrouble:
    """A peer's failure as the domain knows it."""
    return PeerTrouble("refused" if isinstance(error, RejectedError) else "unreachable", str(error))


async def _ask_nodes(asker: Asker, asked: Asked, _: Answers) -> Mapping[str, Any]:
    heads = _draining(asked)
    answers = await asyncio.gather(*(_node_states(asker, head) for head in heads))
    return {head.uid: answer for head, answer in zip(heads, answers, strict=True)}


async def _node_states(asker: Asker, subject: HeadSubject) -> tuple[Any, ...]:
    try:
        return await asker.peers.node_states(asker.key, subject.head)
    except PeerError as e:
        log.info("No word of Ray's nodes", head=subject.name, error=str(e))
        return ()


async def _ask_use(asker: Asker, asked: Asked, _: Answers) -> Mapping[str, Any]:
    return await _of_pods(asker, asked.subjects.workers, asker.peers.node_use, "No figures of a Ray node")


async def _ask_progress(asker: Asker, asked: Asked, _: Answers) -> Mapping[str, Any]:
    return await _of_pods(asker, asked.subjects.telling, asker.peers.progress, "No word of what takes long")


async def _ask_warnings(asker: Asker, asked: Asked, _: Answers) -> Mapping[str, str]:
    return await warnings_of(asker.kube, asker.key, asked.subjects.unstarted)


async def _of_pods(
    asker: Asker, pods: Sequence[tuple[str, str]], ask: Callable[[Hashable, str], Awaitable[Told]], unsaid: str
) -> Mapping[str, Told]:
    """What Pods say, by uid; those that say nothing are left out.

    Args:
        asker: who asks.
        pods: the uid and the address of each.
        ask: the question to one of them.
        unsaid: what the log says of one that does not answer.
    """

    async def asked(ip: str) -> Told | None:
        try:
            return await ask(asker.key, ip)
        except PeerError as e:
            log.info(unsaid, ip=ip, error=str(e))
            return None

    answers = await asyncio.gather(*(asked(ip) for _, ip in pods))
    return {uid: answer for (uid, _), answer in zip(pods, answers, strict=True) if answer is not None}


async def _ask_routers(asker: Asker, asked: Asked, before: Answers) -> Mapping[str, RouterAnswer]:
    """Ask those whose turn it is; the answers are in the order in which they were given."""
    known = {router.uid for router in asked.subjects.routers}
    kept = {uid: answer for uid, answer in before.routers.items() if uid in known}
    routers = _their_turn(asked, list(kept))
    answers = await asyncio.gather(*(_ask_router(asker, router) for router in routers))
    told = {router.uid: answer for router, answer in zip(routers, answers, strict=True)}
    return {uid: answer for uid, answer in kept.items() if uid not in told} | told


def _their_turn(asked: Asked, answered: Sequence[str]) -> tuple[RouterSubject, ...]:
    """The router Pods to be asked now.

    Args:
        asked: who can be asked, and how.
        answered: uids of those that were asked before, the one that was asked longest ago first.
    """
    routers = asked.subjects.routers
    if not asked.polling.in_turn:
        return routers
    never = tuple(router for router in routers if router.uid not in answered)
    return never or tuple(router for router in routers if router.uid == answered[0])


async def _ask_router(asker: Asker, router: RouterSubject) -> RouterAnswer:
    try:
        stats = await asker.peers.router_stats(asker.key, router.ip)
    except PeerError as e:
        return RouterAnswer(error=str(e))
    found = RouterAnswer(stats)
    if router.compares:
        found = replace(found, comparisons=await _beside(asker, router.ip, asker.peers.comparisons, ()))
    if router.guarded:
        found = replace(found, credentials=await _beside(asker, router.ip, asker.peers.credentials, Credentials()))
    return found


async def _beside(asker: Asker, ip: str, ask: Callable[[Hashable, str], Awaitable[Told]], nothing: Told) -> Told:
    """What a program beside Envoy says; one that is silent is no fault of the router."""
    try:
        return await ask(asker.key, ip)
    except PeerError as e:
        log.info("No word of a program beside Envoy", ip=ip, error=str(e))
        return nothing


async def _listen(asker: Asker, asked: Asked, _: Answers) -> Mapping[str, Mapping[str, int]]:
    """Listen at every router Pod until a request waits at one of them, or their answers are due."""
    tasks = {asyncio.create_task(_held(asker, router)): router.uid for router in _holding(asked)}
    try:
        done, _pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        return {tasks[task]: task.result() for task in done}
    finally:
        await end(tasks)


async def _held(asker: Asker, router: RouterSubject) -> Mapping[str, int]:
    try:
        return await asker.peers.await_held(asker.key, router.ip, LISTEN_SECONDS)
    except PeerError as e:
        log.info("Requests that wait cannot be listened for", ip=router.ip, error=str(e))
        await asyncio.sleep(LISTEN_AGAIN_SECONDS)
        return {}


def _draining(asked: Asked) -> tuple[HeadSubject, ...]:
    return tuple(head for head in asked.subjects.heads if head.name in asked.subjects.draining)


def _holding(asked: Asked) -> tuple[RouterSubject, ...]:
    return tuple(router for router in asked.subjects.routers if router.holds)


def _often(polling: Polling) -> float | None:
    return polling.seconds


def _always(polling: Polling) -> float | None:
    return LISTEN_PACE_SECONDS if polling.held else None


QUESTIONS = (
    Question("heads", lambda asked: asked.subjects.heads, _often, _ask_heads),
    Question("routers", lambda asked: asked.subjects.routers, lambda how: how.routers, _ask_routers, loads=True),
    Question("nodes", _draining, _often, _ask_nodes),
    Question("use", lambda asked: asked.subjects.workers, _often, _ask_use, loads=True),
    Question("progress", lambda asked: asked.subjects.telling, lambda _: PROGRESS_SECONDS, _ask_progress),
    Question("warnings", lambda asked: asked.subjects.unstarted, lambda _: WARNING_SECONDS, _ask_warnings),
    Question("held", _holding, _always, _listen),
)

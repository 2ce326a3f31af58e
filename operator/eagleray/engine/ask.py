"""What a plan asks of peers: it may take seconds, so it is done beside the looks, and its failure is an observation."""

from collections.abc import Iterable
from functools import partial

import structlog

from eagleray.domain.actions.actions import Action, AskProvider, DrainNode, Probe, PutApplication, SetReplicas
from eagleray.domain.facts.pods import Pod, Role
from eagleray.domain.facts.providers.query import Reading
from eagleray.engine.context import Look
from eagleray.engine.questions import trouble_of
from eagleray.peers.errors import PeerError
from eagleray.peers.places import RayHead
from eagleray.peers.probe import Door, trial
from eagleray.resources.application import build_application
from eagleray.resources.secret import auth_token, router_token

log = structlog.get_logger(__name__)

OfHead = PutApplication | SetReplicas | Probe | DrainNode


class Inquirer:
    """Asks what one plan wants asked.

    Args:
        look: the look that the plan was made in.
    """

    def __init__(self, look: Look) -> None:
        self._look = look
        self._peers = look.tools.peers

    def ask(self, actions: Iterable[Action]) -> None:
        """Begin with all of them that are not under way; each ends with another look."""
        for action in actions:
            match action:
                case AskProvider():
                    self._look.memory.start(repr(action), partial(self._provider, action))
                case PutApplication() | SetReplicas() | Probe() | DrainNode():
                    if head := self._head(action.head):
                        self._look.memory.start(_what(action), partial(self._of_head, action, head))

    async def _provider(self, action: AskProvider) -> bool:
        try:
            value = await self._peers.ask(self._look.key, action.query)
        except PeerError as e:
            reading = Reading(value=None, error=str(e), at=self._look.tools.now())
        else:
            reading = Reading(value=value, at=self._look.tools.now())
        self._look.memory.read(action.query, reading)
        return not reading.error

    async def _of_head(self, action: OfHead, pod: Pod) -> bool:
        memory = self._look.memory
        token = auth_token(self._look.tools.settings.token_key, self._look.key.namespace, pod.revision)
        head, trouble = RayHead(pod.ip, token), None
        try:
            match action:
                case PutApplication():
                    await self._put(action, head)
                case SetReplicas():
                    await self._scale(action, head)
                case DrainNode():
                    await self._drain(action, head)
                case Probe():
                    await self._probe(action)
        except PeerError as e:
            log.warning("Ray refused", revision=pod.revision, head=pod.name, error=str(e))
            trouble = trouble_of(e)
        memory.noted(pod.name, trouble)
        # Until the answer is there the same would be planned, and done, again.
        await memory.poller.ask_anew("heads")
        return trouble is None

    async def _put(self, action: PutApplication, head: RayHead) -> None:
        revision = self._look.plan.revisions[action.revision]
        await self._peers.put_application(self._look.key, head, build_application(revision, action))
        log.info("Deployed application", revision=revision.name, head=action.head)

    async def _scale(self, action: SetReplicas, head: RayHead) -> None:
        application = self._look.plan.revisions[action.revision].model
        await self._peers.scale(self._look.key, head, application, action.deployment, action.replicas)
        log.info("Set replicas", head=action.head, deployment=action.deployment, replicas=action.replicas)

    async def _drain(self, action: DrainNode, head: RayHead) -> None:
        """Ask Ray to give the node up if it is idle; refused while anything still runs there."""
        self._look.memory.draining.add(action.head)
        answer = await self._peers.drain(self._look.key, head, action.pod)
        log.info("Asked to drain node", pod=action.pod, accepted=answer.accepted, answer=answer.message)

    async def _probe(self, action: Probe) -> None:
        observed, name = self._look.observed, action.revision
        same = [p for p in observed.pods if (p.revision, p.incarnation) == (name, action.incarnation)]
        workers = [p.ip for p in same if p.role is Role.WORKER and p.live and p.ip]
        routers = [Door(r.ip, guarded=r.guarded) for r in observed.routers if r.ready and r.stats is not None]
        token = router_token(self._look.tools.settings.token_key, self._look.key.namespace, self._look.key.name)
        order = trial(self._look.plan.revisions[name], workers, routers, token)
        message = ""
        try:
            await self._peers.probe(self._look.key, order)
        except PeerError as e:
            message = str(e)
        self._look.memory.probed(name, action.incarnation, message, self._look.tools.now())
        log.info("Probed revision", revision=name, ok=not message, message=message)

    def _head(self, name: str) -> Pod | None:
        return next((p for p in self._look.observed.pods if p.name == name and p.ip), None)


def _what(action: OfHead) -> str:
    """What is done only once at a time: the last of several of a kind is begun when the one before has ended."""
    return f"{type(action).__name__} of {getattr(action, 'deployment', '')} {getattr(action, 'pod', '')} {action.head}"

"""What is known of one object's world, put together from the store and from what its peers answered: no I/O."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice

from pydantic import ValidationError

from eagleray.api.conditions import Reason
from eagleray.domain.facts.entrances import Entrance
from eagleray.domain.facts.pod_health import FETCH_CONTAINER, pod_problem
from eagleray.domain.facts.pods import Pod, Role
from eagleray.domain.facts.problem import PeerTrouble, Problem
from eagleray.domain.facts.router_layout import CONFIG_ANNOTATION
from eagleray.domain.facts.routers import RouterPod
from eagleray.domain.facts.serve import ServeState
from eagleray.domain.goals.revision import Revision
from eagleray.domain.state.model import State
from eagleray.domain.state.observed import Observed
from eagleray.engine.answers import Answers, HeadAnswer, RouterAnswer
from eagleray.engine.entrances import read_entrances
from eagleray.engine.memory import Memory
from eagleray.engine.nodes import NodeBook
from eagleray.engine.pods import ROUTER_POD, ray_identity, read_pod
from eagleray.engine.questions import HeadSubject, RouterSubject, Subjects
from eagleray.kube.kinds import CONFIG_MAP, CONTROLLER_REVISION, POD, SERVICE, Key, Manifest, Ref
from eagleray.kube.store import Held, Store
from eagleray.peers.places import RayHead
from eagleray.resources.names import router_name, service_name
from eagleray.resources.revision import read_revision
from eagleray.resources.router import COMPARER, HOLDER
from eagleray.resources.router_credentials import CREDENTIALS
from eagleray.resources.secret import auth_token

_NOT_ASKED = RouterAnswer()


@dataclass(frozen=True, slots=True)
class World:
    """What the store holds of one object.

    Attributes:
        key: the object.
        uid: its uid.
        created_at: when it was created.
        pods: its Ray Pods.
        routers: its router Pods that are not being deleted.
        records: by name, its ControllerRevisions.
        services: names of the revisions that have a Service.
        router_version: version of the router's configuration that was written last, "" before the first.
        entrances: what leads to its routers.
    """

    key: Key
    uid: str
    created_at: datetime
    pods: tuple[Manifest, ...]
    routers: tuple[Manifest, ...]
    records: Mapping[str, Manifest]
    services: frozenset[str]
    router_version: str
    entrances: tuple[Entrance, ...] = ()

    @classmethod
    def of(cls, store: Store, key: Key, model: Held) -> "World":
        """Read it from the store: what the object owns, directly or not."""
        uid, owned = model.uid, store.owned(model.uid)
        config = store.get(Ref(CONFIG_MAP, key.namespace, router_name(key.name)))
        records = {held.ref.name: held.body for held in owned if held.ref.kind == CONTROLLER_REVISION}
        services = {held.ref.name for held in owned if held.ref.kind == SERVICE and not held.deleting}
        pods = [held for held in owned if held.ref.kind == POD]
        return cls(
            key=key,
            uid=uid,
            created_at=datetime.fromisoformat(model.body["metadata"]["creationTimestamp"]),
            pods=tuple(held.body for held in pods if held.controller == uid and ray_identity(held.ref.name)),
            routers=tuple(held.body for held in pods if held.controller != uid and not held.deleting),
            records=records,
            services=frozenset(name for name in records if service_name(name) in services),
            router_version=_config_version(config),
            entrances=read_entrances(key, (held for held in owned if held.controller == uid)),
        )


def _config_version(config: Held | None) -> str:
    meta = config.body["metadata"] if config else {}
    return str((meta.get("annotations") or {}).get(CONFIG_ANNOTATION, ""))


@dataclass(frozen=True, slots=True)
class Sight:
    """One look.

    Attributes:
        observed: what the domain decides on.
        subjects: who can be asked.
    """

    observed: Observed
    subjects: Subjects


@dataclass(frozen=True, slots=True)
class Observer:
    """Looks at objects.

    Args:
        nodes: what was seen of the cluster's nodes.
        token_key: the operator's key, from which the Ray tokens are derived.
    """

    nodes: NodeBook
    token_key: bytes

    def look(self, world: World, status: State, memory: Memory) -> Sight:
        """Put together all that a decision about the object may depend on."""
        answers = memory.poller.answers
        pods = tuple(_warned(self._ray_pod(manifest), answers) for manifest in world.pods)
        revisions, unreadable = read_revisions(world)
        told = {pod.name: answers.heads[pod.uid] for pod in pods if pod.uid in answers.heads}
        read = ((manifest, read_pod(manifest, ROUTER_POD, self.nodes)) for manifest in world.routers)
        routers = [(manifest, _warned(pod, answers)) for manifest, pod in read]
        observed = Observed(
            status=status,
            pods=pods,
            revisions=revisions,
            unreadable=unreadable,
            services=world.services,
            serve={name: answer.state for name, answer in told.items() if answer.state is not None},
            serve_errors=_troubles(told, memory),
            unprotected={name: answer.unprotected for name, answer in told.items() if answer.unprotected},
            nodes={node.pod: node for nodes in answers.nodes.values() for node in nodes},
            use={pod.name: answers.use[pod.uid] for pod in pods if pod.uid in answers.use},
            progress={pod.name: answers.progress[pod.uid] for pod in pods if pod.uid in answers.progress},
            routers=tuple(self._router(manifest, pod, answers) for manifest, pod in routers),
            router_version=world.router_version,
            probes=dict(memory.probes),
            samples=memory.samples,
            readings=dict(memory.readings),
            outcomes=memory.parts.outcomes,
            created_at=world.created_at,
            entrances=world.entrances,
        )
        asked = tuple(_router_subject(manifest, pod) for manifest, pod in routers if pod.ip and pod.started)
        told_of = telling(pods, observed.serve.values())
        stuck = unstarted((*pods, *(pod for _, pod in routers)))
        return Sight(observed, Subjects(self._heads(world, pods), asked, telling=told_of, unstarted=stuck))

    def _ray_pod(self, manifest: Manifest) -> Pod:
        told = ray_identity(manifest["metadata"]["name"])
        assert told is not None, "World has only those"  # noqa: S101
        return read_pod(manifest, told, self.nodes)

    def _heads(self, world: World, pods: Iterable[Pod]) -> tuple[HeadSubject, ...]:
        """The heads that can be asked."""
        return tuple(
            HeadSubject(p.name, p.uid, RayHead(p.ip, auth_token(self.token_key, world.key.namespace, p.revision)))
            for p in pods
            if p.role is Role.HEAD and p.live and p.started and p.ip
        )

    def _router(self, manifest: Manifest, pod: Pod, answers: Answers) -> RouterPod:
        answer = answers.routers.get(pod.uid, _NOT_ASKED)
        problem = pod_problem(pod)
        if answer.error and problem is None:
            problem = Problem(Reason.ROUTER_STARTING, f"Pod {pod.name}: {answer.error}")
        return RouterPod(
            name=pod.name,
            ip=pod.ip,
            stats=answer.stats,
            problem=problem,
            ready=pod.ready,
            comparisons=answer.comparisons,
            held=answers.held.get(pod.uid, {}),
            uid=pod.uid,
            credentials=answer.credentials,
            guarded=CREDENTIALS in _containers(manifest),
            notice=pod.notice if self.nodes.closed((manifest.get("spec") or {}).get("nodeName", "")) else "",
        )


def read_revisions(world: World) -> tuple[dict[str, Revision], dict[str, str]]:
    """Read what ControllerRevisions remember.

    Returns:
        Those that can be read, and why the others cannot: an operator of another version wrote them.
    """
    revisions, unreadable = {}, {}
    for name, manifest in world.records.items():
        try:
            revisions[name] = read_revision(manifest, world.key.name)
        except (ValidationError, KeyError, TypeError) as e:
            first = e.errors()[0] if isinstance(e, ValidationError) else None
            where = ".".join(map(str, first["loc"])) if first else str(e)
            unreadable[name] = f"{where}: {first['msg']}" if first else f"{where} is missing"
    return revisions, unreadable


def _troubles(told: Mapping[str, HeadAnswer], memory: Memory) -> dict[str, PeerTrouble]:
    """Why heads gave no answer, or refused the last request, which says more."""
    asked = {name: answer.trouble for name, answer in told.items() if answer.trouble is not None}
    return asked | memory.troubles


def telling(pods: Iterable[Pod], serve: Iterable[ServeState]) -> tuple[tuple[str, str], ...]:
    """Name the Pods that are asked how far they are, by uid and address: they download, or a constructor runs there.

    One of each revision tells for all: they do the same.

    Args:
        pods: every Ray Pod of the object.
        serve: what the heads say of their replicas.
    """
    constructing = {pod for state in serve for pod in state.starting_pods()}
    first: dict[str, Pod] = {}
    for pod in sorted(pods, key=lambda p: (-p.incarnation, p.index)):
        if pod.live and pod.ip and (pod.prepares == FETCH_CONTAINER or pod.name in constructing):
            first.setdefault(pod.revision, pod)
    return tuple((pod.uid, pod.ip) for _, pod in sorted(first.items()))


def unstarted(pods: Iterable[Pod]) -> tuple[tuple[str, str], ...]:
    """Name the first Pod, and its uid, of which nothing else says why no container starts; it tells for all."""
    stuck = (pod for pod in pods if pod.unstarted and pod_problem(replace(pod, warning="")) is None)
    return tuple((pod.name, pod.uid) for pod in islice(stuck, 1))


def _warned(pod: Pod, answers: Answers) -> Pod:
    return replace(pod, warning=answers.warnings.get(pod.uid, "")) if pod.unstarted else pod


def _router_subject(manifest: Manifest, pod: Pod) -> RouterSubject:
    found = _containers(manifest)
    return RouterSubject(
        pod.uid, pod.ip, compares=COMPARER in found, holds=HOLDER in found, guarded=CREDENTIALS in found
    )


def _containers(manifest: Manifest) -> set[str]:
    return {container["name"] for container in manifest["spec"]["containers"]}

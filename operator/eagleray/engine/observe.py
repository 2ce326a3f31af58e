"""Look at one object's world: its children live from the API server, its Ray heads, its router Pods."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog

from eagleray.api.conditions import Reason
from eagleray.api.status import ModelDeploymentStatus
from eagleray.domain import labels
from eagleray.domain.observed import Observed, Pod, Role, RouterPod
from eagleray.domain.problem import Problem
from eagleray.domain.ray_cluster.pod_health import pod_problem
from eagleray.domain.ray_cluster.ray_nodes import NodeState, NodeUse
from eagleray.domain.ray_cluster.serve import ServeState
from eagleray.domain.revisions import Revision
from eagleray.domain.rollout.comparison import Comparison
from eagleray.domain.scaling.load import by_nodes
from eagleray.domain.traffic.router import CONFIG_ANNOTATION, RouterStats
from eagleray.engine.children import Children
from eagleray.engine.memory import Memory
from eagleray.engine.nodes import NodeBook
from eagleray.engine.pods import is_ray, left_behind, read_pod
from eagleray.engine.queue import Key
from eagleray.kube.client import KubeClient
from eagleray.kube.errors import NotFoundError
from eagleray.kube.kinds import (
    CONFIG_MAP,
    CONTROLLER_REVISION,
    DEPLOYMENT,
    POD,
    POD_DISRUPTION_BUDGET,
    SERVICE,
    Kind,
    Manifest,
    Ref,
)
from eagleray.peers.errors import PeerError
from eagleray.peers.peers import PeerClient
from eagleray.peers.places import Head
from eagleray.resources.names import router_name
from eagleray.resources.revision import read_revision
from eagleray.resources.router import COMPARER, HOLDER
from eagleray.resources.secret import auth_token

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One look.

    Attributes:
        observed: what the domain decides on.
        children: what is written only where it differs.
        router_pods: the router's Pods as manifests.
        left_behind: Ray Pods of a deleted object of the same name, whose names are still taken.
    """

    observed: Observed
    children: Children
    router_pods: tuple[Manifest, ...]
    left_behind: tuple[Manifest, ...]


class Observer:
    """Looks at objects.

    Args:
        kube: the API server.
        peers: Ray's heads and nodes, and the routers.
        token_key: the operator's key, from which the Ray tokens are derived.
        nodes: what was seen of the cluster's nodes.
        now: the wall clock.
    """

    def __init__(
        self,
        kube: KubeClient,
        peers: PeerClient,
        token_key: bytes,
        nodes: NodeBook,
        now: Callable[[], datetime],
    ) -> None:
        self.now = now
        self._kube = kube
        self._peers = peers
        self._token_key = token_key
        self._nodebook = nodes

    async def look(self, key: Key, manifest: Manifest, memory: Memory) -> Snapshot:
        """Read everything that a decision about the object may depend on.

        Raises:
            KubeError: the API server did not answer. Ray and the routers may fail to: that is an observation.
        """
        mine = {labels.MANAGED_BY: labels.MANAGER, labels.NAME: key.name}
        pods, services, revisions, budgets, named = await asyncio.gather(
            self._kube.list(POD, key.namespace, mine),
            self._kube.list(SERVICE, key.namespace, mine),
            self._kube.list(CONTROLLER_REVISION, key.namespace, mine),
            self._kube.list(POD_DISRUPTION_BUDGET, key.namespace, mine),
            self._router_children(key),
        )
        routers = [p for p in pods if p["metadata"]["labels"].get(labels.ROLE) == Role.ROUTER and not _deleting(p)]
        ray = tuple(read_pod(p, self._nodebook) for p in pods if is_ray(p))
        known = {r.name: r for r in map(read_revision, revisions)}
        status = ModelDeploymentStatus.model_validate(manifest.get("status") or {})
        (serve, errors), nodes, use, seen, conflict = await asyncio.gather(
            self._serve(key, ray, known, memory),
            self._nodes(key, ray, known, memory),
            self._use(key, ray, status),
            asyncio.gather(*(self._router(key, p) for p in routers)),
            self._conflict(memory),
        )
        memory.sample(self.now(), seen, status)
        observed = Observed(
            status=status,
            pods=ray,
            revisions=known,
            services=frozenset(s["metadata"]["labels"][labels.REVISION] for s in services if _of_revision(s)),
            serve=serve,
            serve_errors=errors,
            nodes=nodes,
            routers=tuple(seen),
            router_version=_router_version(named),
            probes=dict(memory.probes),
            samples=memory.samples,
            readings=dict(memory.readings),
            use=use,
            conflict=conflict,
        )
        children = Children.of(self._kube, [*services, *revisions, *budgets, *named])
        return Snapshot(observed, children, tuple(routers), left_behind(pods, manifest["metadata"]["uid"]))

    async def _router_children(self, key: Key) -> list[Manifest]:
        """The router's ConfigMap and Deployment, by name: the operator may not list ConfigMaps."""
        name = router_name(key.name)
        found = await asyncio.gather(
            self._named(CONFIG_MAP, key.namespace, name), self._named(DEPLOYMENT, key.namespace, name)
        )
        return [m for m in found if m is not None and _is_ours(m)]

    async def _named(self, kind: Kind, namespace: str, name: str) -> Manifest | None:
        try:
            return await self._kube.get(Ref(kind, namespace, name))
        except NotFoundError:
            return None

    async def _conflict(self, memory: Memory) -> str:
        """Say which child's name is taken, and forget those that are free again."""
        for ref, message in list(memory.taken.items()):
            found = await self._named(ref.kind, ref.namespace, ref.name)
            if found is not None and not _is_ours(found):
                return message
            del memory.taken[ref]
        return ""

    async def _serve(
        self, key: Key, pods: tuple[Pod, ...], revisions: Mapping[str, Revision], memory: Memory
    ) -> tuple[dict[str, ServeState], dict[str, str]]:
        heads = [p for p in _heads(pods) if p.revision in revisions]
        answers = await asyncio.gather(
            *(self._peers.serve_state(key, self.head(revisions[h.revision], h.ip)) for h in heads),
            return_exceptions=True,
        )
        states: dict[str, ServeState] = {}
        errors = {name: e for name, e in memory.ray_errors.items() if any(h.name == name for h in heads)}
        for head, answer in zip(heads, answers, strict=True):
            if isinstance(answer, ServeState):
                states[head.name] = answer
            elif isinstance(answer, PeerError):
                errors[head.name] = str(answer)
            else:
                raise answer
        return states, errors

    async def _nodes(
        self, key: Key, pods: tuple[Pod, ...], revisions: Mapping[str, Revision], memory: Memory
    ) -> dict[str, NodeState]:
        """Ray's view of the worker Pods, asked for only where one was drained a moment ago."""
        heads = [h for h in _heads(pods) if h.name in memory.draining and h.revision in revisions]
        answers = await asyncio.gather(
            *(self._peers.node_states(key, self.head(revisions[h.revision], h.ip)) for h in heads),
            return_exceptions=True,
        )
        nodes: dict[str, NodeState] = {}
        for answer in answers:
            if isinstance(answer, tuple):
                nodes |= {n.pod: n for n in answer}
            elif not isinstance(answer, PeerError):
                raise answer
        return nodes

    async def _use(self, key: Key, pods: tuple[Pod, ...], status: ModelDeploymentStatus) -> dict[str, NodeUse]:
        """What replicas use and do, of the revisions that are scaled by it; a Pod that does not tell is left out."""
        scaled = {record.revision for record in status.scaling or [] if by_nodes(record)}
        workers = [p for p in pods if p.role is Role.WORKER and p.revision in scaled and p.live and p.ready and p.ip]
        asked = (self._peers.node_use(key, p.ip) for p in workers)
        answers = await asyncio.gather(*asked, return_exceptions=True)
        use: dict[str, NodeUse] = {}
        for pod, answer in zip(workers, answers, strict=True):
            if isinstance(answer, NodeUse):
                use[pod.name] = answer
            elif isinstance(answer, PeerError):
                log.info("no figures of a Ray node", pod=pod.name, error=str(answer))
            else:
                raise answer
        return use

    async def _router(self, key: Key, manifest: Manifest) -> RouterPod:
        pod = read_pod(manifest, self._nodebook)
        problem = pod_problem(pod)
        stats: RouterStats | None = None
        if pod.ip and pod.started:
            try:
                stats = await self._peers.router_stats(key, pod.ip)
            except PeerError as e:
                problem = problem or Problem(Reason.ROUTER_STARTING, f"Pod {pod.name}: {e}")
        comparisons, held = await asyncio.gather(self._comparisons(key, manifest, pod), self._held(key, manifest, pod))
        notice = pod.notice if self._nodebook.closed(manifest["spec"].get("nodeName", "")) else ""
        return RouterPod(pod.name, pod.ip, stats, problem, pod.ready, comparisons, held, pod.uid, notice)

    async def _held(self, key: Key, manifest: Manifest, pod: Pod) -> Mapping[str, int]:
        """The requests that wait at the Pod."""
        if not _runs(HOLDER, manifest, pod):
            return {}
        try:
            return await self._peers.held(key, pod.ip)
        except PeerError as e:
            log.info("no word of requests that wait", pod=pod.name, error=str(e))
            return {}

    async def _comparisons(self, key: Key, manifest: Manifest, pod: Pod) -> tuple[Comparison, ...]:
        """What the Pod's comparer found; one that is silent is no fault of the router."""
        if not _runs(COMPARER, manifest, pod):
            return ()
        try:
            return await self._peers.comparisons(key, pod.ip)
        except PeerError as e:
            log.info("no comparison", pod=pod.name, error=str(e))
            return ()

    def head(self, revision: Revision, ip: str) -> Head:
        """The head of a revision."""
        return Head(ip, auth_token(self._token_key, revision.namespace, revision.name))


def _runs(container: str, router: Manifest, pod: Pod) -> bool:
    """Whether a router Pod has such a container beside Envoy, and can be asked."""
    return bool(pod.ip) and pod.started and any(c["name"] == container for c in router["spec"]["containers"])


def _heads(pods: tuple[Pod, ...]) -> list[Pod]:
    return [p for p in pods if p.role is Role.HEAD and p.live and p.started and p.ip]


def _router_version(manifests: list[Manifest]) -> str:
    maps = (m for m in manifests if m["kind"] == CONFIG_MAP.kind)
    return next((str(m["metadata"].get("annotations", {}).get(CONFIG_ANNOTATION, "")) for m in maps), "")


def _of_revision(manifest: Manifest) -> bool:
    return labels.REVISION in manifest["metadata"]["labels"] and not _deleting(manifest)


def _deleting(manifest: Manifest) -> bool:
    return "deletionTimestamp" in manifest["metadata"]


def _is_ours(manifest: Mapping[str, Any]) -> bool:
    return bool(manifest["metadata"].get("labels", {}).get(labels.MANAGED_BY) == labels.MANAGER)

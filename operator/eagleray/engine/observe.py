"""Look at one object's world: its children live from the API server, its Ray heads, its router Pods."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import aiohttp
import structlog

from eagleray.api.conditions import Reason
from eagleray.domain import labels
from eagleray.domain.observed import Observed, Pod, Role, RouterPod
from eagleray.domain.problem import Problem
from eagleray.domain.ray_cluster.pod_health import pod_problem
from eagleray.domain.ray_cluster.ray_nodes import NodeState, NodeUse
from eagleray.domain.ray_cluster.serve import ServeState
from eagleray.domain.revisions import Revision
from eagleray.domain.rollout.comparison import Comparison
from eagleray.domain.status.codec import read
from eagleray.domain.traffic.ports import HEAD_DASHBOARD, HEAD_GCS
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
from eagleray.ray.errors import RayError
from eagleray.ray.gcs import GcsClient
from eagleray.ray.node_metrics import fetch_node_use
from eagleray.ray.serve import ServeClient
from eagleray.resources.names import router_name
from eagleray.resources.pod import METRICS_PORT
from eagleray.resources.revision import read_revision
from eagleray.resources.router import COMPARER, HOLDER
from eagleray.resources.secret import auth_token
from eagleray.router.held import HolderError, fetch_held
from eagleray.router.report import NoReportError, fetch_report
from eagleray.router.stats import RouterUnreachableError, scrape

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
        session: for Ray's REST API and the routers' statistics.
        token_key: the operator's key, from which the Ray tokens are derived.
        nodes: what was seen of the cluster's nodes.
        now: the wall clock.
    """

    def __init__(
        self,
        kube: KubeClient,
        session: aiohttp.ClientSession,
        token_key: bytes,
        nodes: NodeBook,
        now: Callable[[], datetime],
    ) -> None:
        self.now = now
        self._kube = kube
        self._session = session
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
        status = read(manifest.get("status"))
        (serve, errors), nodes, use, seen, conflict = await asyncio.gather(
            self._serve(ray, known, memory),
            self._nodes(ray, known, memory),
            self._use(ray, memory.nodes),
            asyncio.gather(*(self._router(p) for p in routers)),
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
        self, pods: tuple[Pod, ...], revisions: Mapping[str, Revision], memory: Memory
    ) -> tuple[dict[str, ServeState], dict[str, str]]:
        heads = [p for p in _heads(pods) if p.revision in revisions]
        answers = await asyncio.gather(
            *(self.serve_client(revisions[h.revision], h.ip).get_applications() for h in heads),
            return_exceptions=True,
        )
        states: dict[str, ServeState] = {}
        errors = {name: e for name, e in memory.ray_errors.items() if any(h.name == name for h in heads)}
        for head, answer in zip(heads, answers, strict=True):
            if isinstance(answer, ServeState):
                states[head.name] = answer
            elif isinstance(answer, RayError):
                errors[head.name] = str(answer)
            else:
                raise answer
        return states, errors

    async def _nodes(
        self, pods: tuple[Pod, ...], revisions: Mapping[str, Revision], memory: Memory
    ) -> dict[str, NodeState]:
        """Ray's view of the worker Pods, asked for only where one was drained a moment ago."""
        heads = [h for h in _heads(pods) if h.name in memory.draining and h.revision in revisions]
        answers = await asyncio.gather(
            *(self._node_states(revisions[h.revision], h.ip) for h in heads), return_exceptions=True
        )
        nodes: dict[str, NodeState] = {}
        for answer in answers:
            if isinstance(answer, tuple):
                nodes |= {n.pod: n for n in answer}
            elif not isinstance(answer, RayError):
                raise answer
        return nodes

    async def _node_states(self, revision: Revision, head_ip: str) -> tuple[NodeState, ...]:
        async with self.gcs_client(revision, head_ip) as gcs:
            return await gcs.node_states()

    async def _use(self, pods: tuple[Pod, ...], revisions: frozenset[str]) -> dict[str, NodeUse]:
        """What replicas use and do, of the revisions that are scaled by it; a Pod that does not tell is left out."""
        workers = [p for p in pods if p.role is Role.WORKER and p.revision in revisions and p.live and p.ready and p.ip]
        asked = (fetch_node_use(self._session, p.ip, METRICS_PORT) for p in workers)
        answers = await asyncio.gather(*asked, return_exceptions=True)
        use: dict[str, NodeUse] = {}
        for pod, answer in zip(workers, answers, strict=True):
            if isinstance(answer, NodeUse):
                use[pod.name] = answer
            elif isinstance(answer, RayError):
                log.info("no figures of a Ray node", pod=pod.name, error=str(answer))
            else:
                raise answer
        return use

    async def _router(self, manifest: Manifest) -> RouterPod:
        pod = read_pod(manifest, self._nodebook)
        problem = pod_problem(pod)
        stats: RouterStats | None = None
        if pod.ip and pod.started:
            try:
                stats = await scrape(self._session, pod.ip)
            except RouterUnreachableError as e:
                problem = problem or Problem(Reason.ROUTER_STARTING, f"Pod {pod.name}: {e}")
        comparisons, held = await asyncio.gather(self._comparisons(manifest, pod), self._held(manifest, pod))
        notice = pod.notice if self._nodebook.closed(manifest["spec"].get("nodeName", "")) else ""
        return RouterPod(pod.name, pod.ip, stats, problem, pod.ready, comparisons, held, pod.uid, notice)

    async def _held(self, manifest: Manifest, pod: Pod) -> dict[str, int]:
        """The requests that wait at the Pod."""
        if not _runs(HOLDER, manifest, pod):
            return {}
        try:
            return await fetch_held(self._session, pod.ip)
        except HolderError as e:
            log.info("no word of requests that wait", pod=pod.name, error=str(e))
            return {}

    async def _comparisons(self, manifest: Manifest, pod: Pod) -> tuple[Comparison, ...]:
        """What the Pod's comparer found; one that is silent is no fault of the router."""
        if not _runs(COMPARER, manifest, pod):
            return ()
        try:
            return await fetch_report(self._session, pod.ip)
        except NoReportError as e:
            log.info("no comparison", pod=pod.name, error=str(e))
            return ()

    def serve_client(self, revision: Revision, head_ip: str) -> ServeClient:
        """The Serve REST client of the head at `head_ip`."""
        token = auth_token(self._token_key, revision.namespace, revision.name)
        return ServeClient(self._session, f"http://{head_ip}:{HEAD_DASHBOARD}", token)

    def gcs_client(self, revision: Revision, head_ip: str) -> GcsClient:
        """The GCS client of the head at `head_ip`."""
        return GcsClient(f"{head_ip}:{HEAD_GCS}", auth_token(self._token_key, revision.namespace, revision.name))


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

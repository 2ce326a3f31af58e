"""Do what a plan asks for: each action by one short method, each safe to be repeated."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass

import aiohttp
import structlog

from eagleray.domain.actions import (
    Action,
    AskProvider,
    AwaitRequest,
    CreateHead,
    CreateWorker,
    DeletePod,
    DeleteRevision,
    DrainNode,
    EnsureRevision,
    EnsureRouter,
    Probe,
    PutApplication,
    RetireRevision,
    SetReplicas,
)
from eagleray.domain.desired import Desired
from eagleray.domain.observed import Pod, RouterPod
from eagleray.domain.providers.query import NoValueError, ProviderQuery, Reading
from eagleray.domain.revisions import Revision
from eagleray.domain.traffic.router import CONFIG_ANNOTATION
from eagleray.engine.memory import Memory
from eagleray.engine.nodes import NodeBook
from eagleray.engine.observe import Observer, Snapshot
from eagleray.engine.probe import probe
from eagleray.engine.provider import ask
from eagleray.engine.settings import EngineSettings
from eagleray.kube.client import KubeClient
from eagleray.kube.errors import AlreadyExistsError, ConflictError, NotFoundError
from eagleray.kube.kinds import CONTROLLER_REVISION, POD, POD_DISRUPTION_BUDGET, SERVICE, Manifest, Ref
from eagleray.ray.errors import RayError
from eagleray.ray.gcs import DrainReason
from eagleray.resources.application import build_application
from eagleray.resources.head import build_head_pod
from eagleray.resources.names import budget_name, service_name
from eagleray.resources.owner import owner_reference, reference_to
from eagleray.resources.pdb import build_worker_pdb
from eagleray.resources.pod import PodSettings
from eagleray.resources.revision import build_controller_revision
from eagleray.resources.router import build_router
from eagleray.resources.secret import auth_token, build_auth_secret
from eagleray.resources.service import build_revision_service
from eagleray.resources.worker import build_worker_pod
from eagleray.router.config import config_version, render
from eagleray.router.held import HolderError, fetch_held

log = structlog.get_logger(__name__)

# A worker that is asked to end waits for its replicas to move to other Pods; an idle one has none to wait for.
IDLE_GRACE_SECONDS = 5
# A router Pod is listened to so long in one request …
AWAIT_SECONDS = 25.0
# … and so much later again where it did not answer.
AWAIT_AGAIN_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Tools:
    """What the engine works with, shared by all objects.

    Attributes:
        kube: the API server.
        session: for Ray's REST API, the routers' statistics and warm-up requests.
        observer: looks at objects, and makes the Ray clients.
        nodes: what was seen of the cluster's nodes.
        settings: images and keys.
    """

    kube: KubeClient
    session: aiohttp.ClientSession
    observer: Observer
    nodes: NodeBook
    settings: EngineSettings


class Executor:
    """Does the actions of one plan.

    Args:
        tools: what to work with.
        desired: the object that the plan is about.
        snapshot: what the plan was made from.
        memory: what is remembered of the object.
        look_again: called when something long has ended.
    """

    def __init__(
        self, tools: Tools, desired: Desired, snapshot: Snapshot, memory: Memory, look_again: Callable[[], None]
    ) -> None:
        self._kube = tools.kube
        self._session = tools.session
        self._observer = tools.observer
        self._settings = tools.settings
        self._desired = desired
        self._snapshot = snapshot
        self._memory = memory
        self._look_again = look_again
        self._owner = owner_reference(desired.name, desired.uid)
        s = tools.settings
        self._pods = PodSettings(
            image_pull_policy=s.image_pull_policy,
            image_pull_secrets=s.image_pull_secrets,
            max_model_bytes=s.installation.max_model_bytes,
            fleet=s.installation.fleet,
            leaving=tools.nodes.leaving(),
        )

    async def do(self, action: Action) -> None:
        """Do one action.

        Raises:
            NameTakenError: a child cannot be made, for its name is taken.
            KubeError: the API server refused, or did not answer.
        """
        match action:
            case EnsureRouter():
                await self._ensure_router(action)
            case EnsureRevision():
                await self._ensure_revision(action)
            case CreateHead(revision, incarnation):
                await self._create_token(revision)
                await self._create(build_head_pod(revision, incarnation, self._owner, self._pods))
            case CreateWorker(revision, name, incarnation, index, on_demand):
                group = next(group for group in revision.groups if group.name == name)
                group = group.on_no_spot_node() if on_demand else group
                await self._create(build_worker_pod(revision, group, incarnation, index, self._owner, self._pods))
            case DeletePod():
                await self._delete_pod(action)
            case RetireRevision(revision):
                # The Service last: while it is there, what is left of the revision is looked at again.
                await self._delete(Ref(POD_DISRUPTION_BUDGET, self._desired.namespace, budget_name(revision)))
                await self._delete(Ref(SERVICE, self._desired.namespace, service_name(revision)))
            case DeleteRevision(revision):
                await self._delete(Ref(CONTROLLER_REVISION, self._desired.namespace, revision))
            case AskProvider() | AwaitRequest() | PutApplication() | SetReplicas() | Probe():
                self._beside(action)
            case DrainNode(head, pod):
                await self._drain(head, pod)

    async def _ensure_router(self, action: EnsureRouter) -> None:
        config, version = action.config, config_version(action.config)
        manifests = build_router(config, render(config), version, self._settings.router_image, self._owner, self._pods)
        for manifest in manifests:
            await self._snapshot.children.ensure(manifest)
        for pod in self._snapshot.router_pods:
            if pod["metadata"].get("annotations", {}).get(CONFIG_ANNOTATION) != version:
                await self._poke(pod, version)

    async def _poke(self, pod: Manifest, version: str) -> None:
        """Change the Pod, so that its kubelet refreshes the ConfigMap's files now and not within a minute."""
        try:
            await self._kube.patch(Ref.of(pod), {"metadata": {"annotations": {CONFIG_ANNOTATION: version}}})
        except NotFoundError:
            log.info("Router Pod is gone", pod=pod["metadata"]["name"])

    async def _ensure_revision(self, action: EnsureRevision) -> None:
        revision = action.revision
        ref = Ref(CONTROLLER_REVISION, revision.namespace, revision.name)
        record = self._snapshot.children.found.get(ref)
        if record is None:
            record = await self._snapshot.children.ensure(build_controller_revision(revision, self._owner))
        owner = reference_to(record)
        await self._snapshot.children.ensure(build_revision_service(revision, owner))
        await self._snapshot.children.ensure(build_worker_pdb(revision, owner, action.min_available))

    async def _create_token(self, revision: Revision) -> None:
        """Create the token Secret; the operator may create Secrets, and read none."""
        record = self._snapshot.children.found[Ref(CONTROLLER_REVISION, revision.namespace, revision.name)]
        token = auth_token(self._settings.token_key, revision.namespace, revision.name)
        await self._create(build_auth_secret(revision, token, reference_to(record)))

    async def _create(self, manifest: Manifest) -> None:
        try:
            await self._kube.create(manifest)
        except AlreadyExistsError:
            log.debug("Child exists", ref=str(Ref.of(manifest)))
        else:
            log.info("Created child", ref=str(Ref.of(manifest)))

    async def _delete_pod(self, action: DeletePod) -> None:
        log.info("Deleting Pod", pod=action.name, why=action.why)
        grace = IDLE_GRACE_SECONDS if action.idle else None
        await self._delete(Ref(POD, self._desired.namespace, action.name), action.uid, grace)

    async def _delete(self, ref: Ref, uid: str | None = None, grace_seconds: int | None = None) -> None:
        try:
            await self._kube.delete(ref, uid=uid, grace_seconds=grace_seconds)
        except (NotFoundError, ConflictError) as e:
            log.debug("Already gone", ref=str(ref), error=str(e))

    async def _ray(self, action: PutApplication | SetReplicas | Probe) -> None:
        """Do what takes seconds; its failure is an observation for the next look."""
        head = self._pod(action.head)
        if head is None:
            return
        revision = action.revision
        serve = self._observer.serve_client(revision, head.ip)
        try:
            match action:
                case PutApplication():
                    await serve.put_applications(build_application(revision, action.replicas))
                    log.info("Deployed application", revision=revision.name, head=head.name)
                case SetReplicas():
                    await serve.scale(revision.deployment, action.deployment, action.replicas)
                    log.info(
                        "Set replicas", revision=revision.name, deployment=action.deployment, replicas=action.replicas
                    )
                case Probe():
                    await self._probe(action)
            self._memory.ray_errors.pop(head.name, None)
        except RayError as e:
            log.warning("Ray refused", revision=revision.name, head=head.name, error=str(e))
            self._memory.ray_errors[head.name] = str(e)

    async def _probe(self, action: Probe) -> None:
        observed = self._snapshot.observed
        workers = [
            p
            for p in observed.pods
            if p.revision == action.revision.name and p.incarnation == action.incarnation and p.live
        ]
        result = await probe(self._session, action.revision, action.incarnation, workers, observed.routers)
        self._memory.probes[action.revision.name] = result
        log.info("Probed revision", revision=action.revision.name, ok=result.ok, message=result.message)

    def _beside(self, action: AskProvider | AwaitRequest | PutApplication | SetReplicas | Probe) -> None:
        """Do what may take seconds while the next look goes on."""
        match action:
            case AskProvider(query):
                self._memory.start(repr(action), lambda: self._ask(query), self._look_again)
            case AwaitRequest():
                for router in self._snapshot.observed.routers:
                    self._memory.start(f"await a request at {router.name}", self._request_at(router), self._look_again)
            case SetReplicas(_, head, deployment):
                self._memory.start(f"scale {deployment} of {head}", lambda: self._ray(action), self._look_again)
            case PutApplication(_, head) | Probe(_, head):
                what = f"{type(action).__name__} of {head}"
                self._memory.start(what, lambda: self._ray(action), self._look_again)

    async def _ask(self, query: ProviderQuery) -> None:
        try:
            reading = Reading(value=await ask(self._session, query), at=self._observer.now())
        except NoValueError as e:
            reading = Reading(value=None, error=str(e), at=self._observer.now())
        self._memory.read(query, reading)

    def _request_at(self, router: RouterPod) -> Callable[[], Coroutine[None, None, None]]:
        async def wait() -> None:
            try:
                await fetch_held(self._session, router.ip, wait=AWAIT_SECONDS)
            except HolderError as e:
                log.info("Requests that wait cannot be listened for", pod=router.name, error=str(e))
                await asyncio.sleep(AWAIT_AGAIN_SECONDS)

        return wait

    async def _drain(self, head_name: str, pod: str) -> None:
        """Ask Ray to give the node up if it is idle; refused while anything still runs there."""
        head = self._pod(head_name)
        if head is None or head.revision not in self._snapshot.observed.revisions:
            return
        revision = self._snapshot.observed.revisions[head.revision]
        self._memory.draining.add(head_name)
        try:
            async with self._observer.gcs_client(revision, head.ip) as gcs:
                node = next((n for n in await gcs.node_states() if n.pod == pod), None)
                if node is not None:
                    answer = await gcs.drain_node(node.node_id, DrainReason.IDLE_TERMINATION, "scaled down")
                    log.info("Asked to drain node", pod=pod, accepted=answer.accepted, answer=answer.message)
        except RayError as e:
            log.warning("Node not drained", pod=pod, head=head_name, error=str(e))

    def _pod(self, name: str) -> Pod | None:
        return next((p for p in self._snapshot.observed.pods if p.name == name), None)

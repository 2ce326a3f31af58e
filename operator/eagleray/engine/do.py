"""Do what a plan asks for, part by part: what frees room first, and no part stops another."""

from collections.abc import Awaitable, Callable, Mapping, Sequence

import structlog

from eagleray.domain.actions.actions import (
    Action,
    CreateHead,
    CreateWorker,
    DeleteEntrance,
    DeletePod,
    DeleteRevision,
    EnsureEntrance,
    EnsureRevision,
    EnsureRouter,
    Part,
    RetireRevision,
)
from eagleray.domain.actions.router_config import InvalidRouterConfigError
from eagleray.domain.facts.router_layout import CONFIG_ANNOTATION
from eagleray.engine.ask import Inquirer
from eagleray.engine.children import Children
from eagleray.engine.context import Look
from eagleray.engine.departed import IDLE_GRACE_SECONDS
from eagleray.engine.parts import Actions, NameLeavingError, NameTakenError, NotInstalledError
from eagleray.engine.tasks import together
from eagleray.kube.errors import (
    AlreadyExistsError,
    ConflictError,
    InvalidError,
    KubeError,
    NotFoundError,
    NotServedError,
)
from eagleray.kube.held import controller_of
from eagleray.kube.kinds import CONTROLLER_REVISION, KINDS, OPTIONAL, POD, Kind, Manifest, Ref
from eagleray.resources.children import (
    ENTRANCES,
    RECORD,
    REVISION_CHILDREN,
    ROUTER_CHILDREN,
    ROUTER_TOKEN,
    TOKEN,
    RevisionContext,
    RouterContext,
)
from eagleray.resources.exposure import EntranceContext
from eagleray.resources.head import build_head_pod
from eagleray.resources.names import router_name
from eagleray.resources.owner import reference_to
from eagleray.resources.secret import auth_token, router_token
from eagleray.resources.worker import WorkerPlace, build_worker_pod
from eagleray.router.config import rendered

log = structlog.get_logger(__name__)

_FREES = (DeletePod, RetireRevision, DeleteRevision, DeleteEntrance)
_WRITES = (EnsureRouter, EnsureEntrance, EnsureRevision, CreateHead, CreateWorker)
_KINDS: Mapping[str, Kind] = {kind.kind: kind for kind in KINDS.values()}


class Executor:
    """Does the parts of one plan.

    Args:
        look: the look that the plan was made in.
    """

    def __init__(self, look: Look) -> None:
        self._look = look
        self._kube = look.tools.kube
        self._children = Children(look.tools.kube, look.tools.store, look.memory.applied)
        self._inquirer = Inquirer(look)

    async def do(self, parts: Sequence[Part]) -> None:
        """Do them; how each ended is noted in the object's memory.

        All that frees room is done before anything that needs some; the rest of each part goes on side by side.
        """
        frees = [(part.name, _of(part, _FREES)) for part in parts]
        writes = [(part.name, _of(part, _WRITES)) for part in parts]
        await together([self._step(f"{name} frees", name, actions, self._free) for name, actions in frees])
        await together([self._step(f"{name} writes", name, actions, self._write) for name, actions in writes])
        for part in parts:
            self._inquirer.ask(action for action in part.actions if not isinstance(action, _FREES + _WRITES))
        self._look.memory.parts.keep([f"{part.name} {what}" for part in parts for what in ("frees", "writes")])

    async def _step(self, step: str, part: str, actions: Actions, do: Callable[[Actions], Awaitable[None]]) -> None:
        """Do one step of a part, unless it failed a moment ago, and note how it ended."""
        outcomes, now = self._look.memory.parts, self._look.now
        if not outcomes.due(step, actions, now):
            return
        try:
            await do(actions)
        except KubeError as e:
            log.warning("A part ended early", part=part, error=str(e), type=type(e).__name__)
            outcomes.failed(step, part, actions, e, now)
        else:
            outcomes.done(step)

    async def _free(self, actions: Actions) -> None:
        """Do all of them, also where one fails: the first failure is raised in the end."""
        await together(self._let_go(action) for action in actions)

    async def _let_go(self, action: Action) -> None:
        namespace = self._look.key.namespace
        match action:
            case DeletePod():
                log.info("Deleting Pod", pod=action.name, why=action.why)
                grace = IDLE_GRACE_SECONDS if action.idle else None
                await self._delete(Ref(POD, namespace, action.name), action.uid, grace)
            case RetireRevision(revision):
                for child in REVISION_CHILDREN:
                    if child.retired is not None:
                        await self._delete(Ref(_KINDS[child.kind], namespace, child.retired(revision)))
            case DeleteRevision(revision):
                await self._delete(Ref(CONTROLLER_REVISION, namespace, revision))
            case DeleteEntrance(kind, uid):
                log.info("Deleting what leads to the router", kind=kind)
                await self._delete(Ref(_KINDS[kind], namespace, self._look.key.name), uid)

    async def _delete(self, ref: Ref, uid: str | None = None, grace_seconds: int | None = None) -> None:
        self._look.memory.applied.forget(ref)
        try:
            await self._kube.delete(ref, uid=uid, grace_seconds=grace_seconds)
        except (NotFoundError, ConflictError) as e:
            log.debug("Already gone", ref=str(ref), error=str(e))

    async def _write(self, actions: Actions) -> None:
        """Do them in their order; the first failure ends it."""
        guarded: set[str] = set()
        for action in actions:
            match action:
                case EnsureRouter():
                    await self._ensure_router(action)
                case EnsureEntrance():
                    await self._ensure_entrance(action)
                case EnsureRevision():
                    await self._ensure_revision(action)
                case CreateHead() | CreateWorker():
                    if action.revision not in guarded:
                        await self._create_token(action.revision)
                        guarded.add(action.revision)
                    await self._create_pod(self._pod(action))

    async def _ensure_router(self, action: EnsureRouter) -> None:
        look = self._look
        try:
            files = rendered(action.config)
        except InvalidRouterConfigError as e:
            raise InvalidError(str(e)) from e
        settings = look.tools.settings
        token = router_token(settings.token_key, look.key.namespace, look.key.name)
        context = RouterContext(
            config=action.config,
            rendered=files,
            image=settings.router_image,
            owner=look.owner,
            pods=look.pod_settings,
            token=token,
            pod_template=action.pod_template,
            service=action.service,
        )
        await self._create_router_token(context)
        for child in ROUTER_CHILDREN:
            await self._children.ensure(child.build(context))
        for pod in look.world.routers:
            if (pod["metadata"].get("annotations") or {}).get(CONFIG_ANNOTATION) != files.version:
                await self._poke(pod, files.version)

    async def _ensure_entrance(self, action: EnsureEntrance) -> None:
        look = self._look
        context = EntranceContext(look.key.name, look.key.namespace, action.asked, look.owner)
        (child,) = (child for child in ENTRANCES if child.kind == action.kind)
        try:
            await self._children.ensure(child.build(context))
        except NotServedError as e:
            if _KINDS[action.kind] not in OPTIONAL:
                raise
            raise NotInstalledError(
                f"this cluster has no {action.kind} ({e}); install the CRDs of the Gateway API, 1.0 or newer, or leave"
                " spec.router.gateway out"
            ) from e

    async def _create_router_token(self, context: RouterContext) -> None:
        """Create the Secret of the operator's token, where a router Pod that is not ready may wait for it."""
        look, name = self._look, router_name(self._look.key.name)
        routers = look.observed.routers
        waits = not routers or not all(router.ready for router in routers)
        if not context.config.guarded or not waits or not look.memory.token_is_due(name, look.now):
            return
        await self._create_secret(ROUTER_TOKEN.build(context))

    async def _poke(self, pod: Manifest, version: str) -> None:
        """Change the Pod, so that its kubelet refreshes the ConfigMap's files now and not within a minute."""
        try:
            await self._kube.patch(Ref.of(pod), {"metadata": {"annotations": {CONFIG_ANNOTATION: version}}})
        except NotFoundError:
            log.info("Router Pod is gone", pod=pod["metadata"]["name"])

    async def _ensure_revision(self, action: EnsureRevision) -> None:
        revision = self._look.plan.revisions[action.revision]
        record = await self._children.ensure(RECORD.build(RevisionContext(revision, self._look.owner)))
        context = RevisionContext(revision, reference_to(record), action.min_available)
        for child in REVISION_CHILDREN:
            await self._children.ensure(child.build(context))
        memory, now = self._look.memory, self._look.now
        if self._look.lacks_token(action.revision) and memory.token_is_due(action.revision, now):
            await self._create_token(action.revision)

    async def _create_token(self, name: str) -> None:
        """Create the token Secret, which the operator may not read, wherever it may be missing."""
        revision, namespace = self._look.plan.revisions[name], self._look.key.namespace
        record = self._look.tools.store.get(Ref(CONTROLLER_REVISION, namespace, name))
        if record is None:
            raise NameLeavingError(f"ControllerRevision {name} is gone; it is made anew")
        token = auth_token(self._look.tools.settings.token_key, namespace, name)
        await self._create_secret(TOKEN.build(RevisionContext(revision, reference_to(record.body), token=token)))

    async def _create_secret(self, manifest: Manifest) -> None:
        try:
            await self._kube.create(manifest)
        except AlreadyExistsError:
            log.debug("Token exists", secret=manifest["metadata"]["name"])

    def _pod(self, action: CreateHead | CreateWorker) -> Manifest:
        look = self._look
        revision = look.revision(action.revision, action.image)
        if isinstance(action, CreateHead):
            return build_head_pod(revision, action.incarnation, look.owner, look.pod_settings)
        group = next(group for group in revision.groups if group.name == action.group)
        group = group.on_no_spot_node() if action.on_demand else group
        place = WorkerPlace(group, action.incarnation, action.index)
        return build_worker_pod(revision, place, look.owner, look.pod_settings)

    async def _create_pod(self, manifest: Manifest) -> None:
        ref = Ref.of(manifest)
        try:
            await self._kube.create(manifest)
        except AlreadyExistsError:
            await self._restore(ref, manifest)
        else:
            log.info("Created Pod", pod=ref.name)

    async def _restore(self, ref: Ref, manifest: Manifest) -> None:
        """A Pod of this name is there although it was not seen: ours without our labels, or somebody else's."""
        live = await self._kube.get(ref)
        if controller_of(live) == self._look.world.uid:
            await self._kube.patch(ref, {"metadata": {"labels": manifest["metadata"]["labels"]}})
        elif "deletionTimestamp" in live["metadata"] or controller_of(live):
            raise NameLeavingError(f"Pod {ref.name} of an object that is gone is still there")
        else:
            raise NameTakenError(
                f"Pod {ref.name} exists in namespace {ref.namespace} and was not made by Eagleray;"
                " delete it, or give the ModelDeployment another name"
            )


def _of(part: Part, kinds: tuple[type, ...]) -> Actions:
    return tuple(action for action in part.actions if isinstance(action, kinds))

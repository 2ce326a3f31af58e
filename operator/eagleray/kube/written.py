"""A client whose answers are held at once: the next look sees what this one wrote, before any event tells of it."""

from collections.abc import Callable, Mapping

from eagleray.kube.client import FIELD_MANAGER, KubeClient, Listed
from eagleray.kube.kinds import Key, Kind, Manifest, Ref
from eagleray.kube.store import Store


def _nobody(_key: Key) -> None:
    pass


class Written(KubeClient):
    """The API server, as the engine writes to it.

    An answer may also bring what another has changed in between, whose event is then no news any more: `wake` is told
    of everything that an answer changed in the store.

    Args:
        client: the API server.
        store: takes every object that it answers.
        wake: takes the keys that are to be looked at.
    """

    def __init__(self, client: KubeClient, store: Store, wake: Callable[[Key], None] = _nobody) -> None:
        self._client = client
        self._store = store
        self._wake = wake

    async def get(self, ref: Ref) -> Manifest:  # noqa: D102 - documented at the Protocol, as all below
        return self._take(await self._client.get(ref))

    async def list(  # noqa: D102
        self, kind: Kind, namespace: str | None = None, labels: Mapping[str, str] | None = None, *, more: str = ""
    ) -> Listed:
        return await self._client.list(kind, namespace, labels, more=more)

    async def warning(self, ref: Ref, uid: str) -> str:  # noqa: D102
        return await self._client.warning(ref, uid)

    async def create(self, manifest: Manifest) -> Manifest:  # noqa: D102
        return self._take(await self._client.create(manifest))

    async def replace(self, manifest: Manifest) -> Manifest:  # noqa: D102
        return self._take(await self._client.replace(manifest))

    async def apply(  # noqa: D102
        self, manifest: Manifest, *, field_manager: str = FIELD_MANAGER, force: bool = True
    ) -> Manifest:
        return self._take(await self._client.apply(manifest, field_manager=field_manager, force=force))

    async def apply_status(  # noqa: D102
        self, manifest: Manifest, *, field_manager: str = FIELD_MANAGER, force: bool = True
    ) -> Manifest:
        return self._take(await self._client.apply_status(manifest, field_manager=field_manager, force=force))

    async def patch(self, ref: Ref, patch: Manifest, *, field_manager: str = FIELD_MANAGER) -> Manifest:  # noqa: D102
        return self._take(await self._client.patch(ref, patch, field_manager=field_manager))

    async def delete(  # noqa: D102
        self,
        ref: Ref,
        *,
        uid: str | None = None,
        resource_version: str | None = None,
        grace_seconds: int | None = None,
    ) -> Manifest | None:
        held = self._store.get(ref)
        ending = await self._client.delete(ref, uid=uid, resource_version=resource_version, grace_seconds=grace_seconds)
        if ending is not None:
            return self._take(ending)
        if held is not None and uid in {None, held.uid}:
            for key in self._store.remove(held.body):
                self._wake(key)
        return None

    def _take(self, answer: Manifest) -> Manifest:
        for key in self._store.put(answer):
            self._wake(key)
        return answer

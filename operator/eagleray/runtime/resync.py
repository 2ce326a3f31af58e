"""The safety net under the watches: everything is listed from time to time, and every ModelDeployment looked at again.

kopf never tells of what was deleted while its watch was away (docs/adr), so that only a list shows it.
"""

import asyncio
import itertools
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import structlog

from eagleray.engine.ratelimit import Backoff
from eagleray.kube.client import KubeClient, listed
from eagleray.kube.errors import KubeError, NotServedError
from eagleray.kube.kinds import CHILD_LABELS, HELD, MODEL_DEPLOYMENT, OPTIONAL, Key, Kind
from eagleray.kube.relist import Relist
from eagleray.kube.store import Store

log = structlog.get_logger(__name__)

_JITTER = 0.1
_RETRY_SECONDS = 5.0
# Whether a kind that was not served when the operator started is now.
_MISSING_SECONDS = 60.0
_BACKOFF = Backoff(base=1, cap=60)
# A whole page takes a quarter of a second, which an event would wait for.
_AT_ONCE = 50


async def served(client: KubeClient, namespaces: tuple[str, ...]) -> None:
    """Wait until ModelDeployments can be read: the CRD may come after the operator.

    Watches are found once, at their start: begun earlier they would watch nothing and say nothing.

    Args:
        client: the API server.
        namespaces: where to look; empty for everywhere.
    """
    for namespace in namespaces or (None,):
        while True:
            try:
                await client.list(MODEL_DEPLOYMENT, namespace)
                break
            except KubeError as e:
                log.warning("ModelDeployments cannot be read yet", error=str(e))
                await asyncio.sleep(_RETRY_SECONDS)


async def kinds_served(client: KubeClient, namespaces: tuple[str, ...]) -> tuple[Kind, ...]:
    """Find which of the kinds that are held this API server has; those that are not optional it must have.

    Args:
        client: the API server.
        namespaces: where to look; empty for everywhere.
    """
    missing = {kind for kind in OPTIONAL if not await _is_served(client, kind, namespaces)}
    for kind in missing:
        log.info("This cluster lacks a kind, which is watched as soon as it is there", kind=kind.kind)
    return tuple(kind for kind in HELD if kind not in missing)


async def _is_served(client: KubeClient, kind: Kind, namespaces: tuple[str, ...]) -> bool:
    where = namespaces[0] if namespaces else None
    while True:
        try:
            await client.list(kind, where, CHILD_LABELS)
        except NotServedError:
            return False
        except KubeError as e:
            log.warning("It cannot be told whether this cluster has a kind", kind=kind.kind, error=str(e))
            await asyncio.sleep(_RETRY_SECONDS)
        else:
            return True


@dataclass(frozen=True, slots=True)
class Resync:
    """Lists of everything, now and every `period` seconds.

    Attributes:
        client: the API server.
        store: takes the lists.
        namespaces: where to look; empty for everywhere.
        add: takes the keys of what had changed unseen.
        add_later: takes every key, whatever has changed.
        period: seconds, give or take a tenth.
        kinds: what is listed.
        appeared: called once where a kind that is not among them is served by now: it has no watch.
    """

    client: KubeClient
    store: Store
    namespaces: tuple[str, ...]
    add: Callable[[Key], None]
    add_later: Callable[[Key], None]
    period: float
    kinds: tuple[Kind, ...] = HELD
    appeared: Callable[[], None] = lambda: None

    async def run(self, synced: Callable[[], None]) -> None:
        """List for ever. A list that fails is tried again, and no other waits for it.

        Args:
            synced: called once, when everything was listed.
        """
        places = list(itertools.product(self.kinds, self.namespaces or (None,)))
        missing = set(places)

        def done(place: tuple[Kind, str | None]) -> None:
            if place in missing:
                missing.remove(place)
                if not missing:
                    synced()

        async with asyncio.TaskGroup() as group:
            for place in places:
                group.create_task(self._rounds(place, done), name=f"resync-{place[0].plural}-{place[1] or 'all'}")
            for kind in OPTIONAL.difference(self.kinds):
                group.create_task(self._look_out_for(kind), name=f"missing-{kind.plural}")

    async def _look_out_for(self, kind: Kind) -> None:
        while True:
            await asyncio.sleep(_MISSING_SECONDS)
            if await _is_served(self.client, kind, self.namespaces):
                break
        log.info("A kind is served now: the operator starts anew, to watch it", kind=kind.kind)
        self.appeared()

    async def _rounds(self, place: tuple[Kind, str | None], done: Callable[[tuple[Kind, str | None]], None]) -> None:
        failures = 0
        while True:
            try:
                await self._round(*place)
            except KubeError as e:
                failures += 1
                log.warning("Resync failed", kind=place[0].kind, namespace=place[1], error=str(e))
                await asyncio.sleep(_BACKOFF.delay(failures))
                continue
            failures = 0
            done(place)
            spread = random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311 - spreads load, hides nothing
            await asyncio.sleep(self.period * spread)

    async def _round(self, kind: Kind, namespace: str | None) -> None:
        is_model = kind == MODEL_DEPLOYMENT
        relist = Relist(self.store, kind, namespace)
        async for page in listed(self.client, kind, namespace, None if is_model else CHILD_LABELS):
            for start in range(0, max(1, len(page.items)), _AT_ONCE):
                self._add(relist.take(replace(page, items=page.items[start : start + _AT_ONCE])))
                await asyncio.sleep(0)
        self._add(relist.end())
        if is_model:
            for key in sorted(self.store.keys()):
                self.add_later(key)

    def _add(self, keys: Iterable[Key]) -> None:
        for key in keys:
            self.add(key)

"""The safety net under the watches: every ModelDeployment is looked at again from time to time."""

import asyncio
import random
from collections.abc import Callable

import structlog

from eagleray.kube.client import KubeClient
from eagleray.kube.errors import KubeError
from eagleray.kube.kinds import MODEL_DEPLOYMENT, Key

log = structlog.get_logger(__name__)

_JITTER = 0.1
_RETRY_SECONDS = 5.0


async def list_keys(client: KubeClient, namespaces: tuple[str, ...]) -> list[Key]:
    """The keys of all ModelDeployments, read from the API server.

    Args:
        client: the API server.
        namespaces: where to look; empty for everywhere.
    """
    keys: list[Key] = []
    for namespace in namespaces or (None,):
        found = (await client.list(MODEL_DEPLOYMENT, namespace)).items
        keys += [Key(o["metadata"]["namespace"], o["metadata"]["name"]) for o in found]
    return keys


async def served(client: KubeClient, namespaces: tuple[str, ...]) -> None:
    """Wait until ModelDeployments can be read: the CRD may come after the operator.

    Watches are found once, at their start: begun earlier they would watch nothing and say nothing.

    Args:
        client: the API server.
        namespaces: where to look; empty for everywhere.
    """
    while True:
        try:
            await list_keys(client, namespaces)
        except KubeError as e:
            log.warning("ModelDeployments cannot be read yet", error=str(e))
            await asyncio.sleep(_RETRY_SECONDS)
        else:
            return


async def resync(
    client: KubeClient,
    namespaces: tuple[str, ...],
    *,
    add: Callable[[Key], None],
    synced: Callable[[], None],
    period: float,
) -> None:
    """Add every key now and every `period` seconds, for ever.

    Args:
        client: the API server.
        namespaces: where to look; empty for everywhere.
        add: takes the keys.
        synced: called after every full round.
        period: seconds, give or take a tenth.
    """
    while True:
        try:
            for key in await list_keys(client, namespaces):
                add(key)
        except KubeError as e:
            log.warning("Resync failed", error=str(e))
            await asyncio.sleep(_RETRY_SECONDS)
            continue
        synced()
        spread = random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311 - spreads load, hides nothing
        await asyncio.sleep(period * spread)

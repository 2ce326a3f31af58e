"""What kubelets warn of while no container of a Pod starts: its status says nothing of volumes or networks."""

import asyncio
from collections.abc import Mapping, Sequence

import structlog

from eagleray.kube.client import KubeClient
from eagleray.kube.errors import KubeError
from eagleray.kube.kinds import POD, Key, Ref

log = structlog.get_logger(__name__)

# Most Pods start within that time, and then nobody asks.
WARNING_SECONDS = 10.0


async def warnings_of(kube: KubeClient, key: Key, pods: Sequence[tuple[str, str]]) -> Mapping[str, str]:
    """Ask the API server what was warned of, some seconds later; Pods of which nothing was are left out.

    Args:
        kube: the API server.
        key: the object whose Pods they are.
        pods: name and uid of each.
    """
    await asyncio.sleep(WARNING_SECONDS)
    found = {}
    for name, uid in pods:
        try:
            found[uid] = await kube.warning(Ref(POD, key.namespace, name), uid)
        except KubeError as e:
            log.info("Warnings cannot be read", pod=name, error=str(e))
    return {uid: warning for uid, warning in found.items() if warning}

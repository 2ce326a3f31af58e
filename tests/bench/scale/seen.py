"""What a measurement sees of Pods and ModelDeployments, with the time at which it saw it."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from bench.scale.api import Api, Manifest
from bench.scale.models import COLLECTION
from bench.scale.world import Model
from eagleray.domain.facts import labels

POLL_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class SeenPod:
    """A Pod that is there.

    Attributes:
        name: its name.
        model: namespace and name of its ModelDeployment.
        role: what it does.
        uid: its uid.
        since: when it was seen first, on the monotonic clock.
    """

    name: str
    model: Model
    role: str
    uid: str
    since: float


class Seen:
    """What is there; `run` keeps it so.

    Attributes:
        pods: by uid.
        conditions: by model, status of each of its conditions by type.
    """

    def __init__(self) -> None:
        self.pods: dict[str, SeenPod] = {}
        self.conditions: dict[Model, dict[str, str]] = {}

    async def run(self, api: Api) -> None:
        """Watch, for ever."""
        await asyncio.gather(self._watch_pods(api), self._watch_models(api))

    async def _watch_pods(self, api: Api) -> None:
        async for change, pod in api.watch("/api/v1/pods", labels.MANAGED_SELECTOR):
            meta = pod["metadata"]
            uid = meta["uid"]
            if change == "DELETED":
                self.pods.pop(uid, None)
            elif uid not in self.pods:
                model = (meta["namespace"], meta["labels"][labels.NAME])
                self.pods[uid] = SeenPod(meta["name"], model, meta["labels"][labels.ROLE], uid, time.monotonic())

    async def _watch_models(self, api: Api) -> None:
        async for change, model_deployment in api.watch(f"{COLLECTION}/modeldeployments"):
            meta = model_deployment["metadata"]
            model = (meta["namespace"], meta["name"])
            if change == "DELETED":
                self.conditions.pop(model, None)
            else:
                self.conditions[model] = _conditions(model_deployment)

    def unsettled(self) -> list[Model]:
        """The models that do not say that they are ready and that nothing goes on."""
        return [m for m, c in self.conditions.items() if c.get("Ready") != "True" or c.get("Progressing") == "True"]

    def of(self, namespace: str) -> list[SeenPod]:
        """The Pods of a namespace."""
        return [pod for pod in list(self.pods.values()) if pod.model[0] == namespace]


def _conditions(model_deployment: Manifest) -> dict[str, str]:
    return {c["type"]: c["status"] for c in model_deployment.get("status", {}).get("conditions", ())}


async def until(condition: Callable[[], bool], seconds: float) -> bool:
    """Wait until a condition holds, and say whether it came to that within `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(POLL_SECONDS)
    return True

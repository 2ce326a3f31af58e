"""Takes in what has lost its marks: children that were orphaned, Pods whose labels were edited."""

from dataclasses import dataclass

import structlog

from eagleray.engine.memory import Memory
from eagleray.engine.tools import Tools
from eagleray.kube.errors import ConflictError, KubeError, NotFoundError
from eagleray.kube.kinds import POD, Key, Manifest
from eagleray.kube.store import Held
from eagleray.resources.owner import owner_reference

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Guardian:
    """Gives children their owner and Pods their labels back.

    Args:
        tools: what to work with.
    """

    tools: Tools

    async def adopt(self, key: Key, uid: str, memory: Memory) -> None:
        """Adopt what this operator made for an object of this name and what has no owner any more.

        After `kubectl delete --cascade=orphan` the next object of the name goes on with it. What was not made by us
        stays a stranger, whatever its labels say. A failure is told and tried again at the next look.
        """
        for held in self.tools.store.ownerless(key.namespace, key.name):
            if held.ours and not held.deleting:
                await self._patch(held, {"ownerReferences": [owner_reference(key.name, uid)]}, "has no owner")
        for held in self.tools.store.owned(uid):
            if held.ref.kind == POD and not held.deleting:
                marks = memory.marks.setdefault(held.uid, dict(held.labels))
                if lost := {name: mark for name, mark in marks.items() if held.labels.get(name) != mark}:
                    await self._patch(held, {"labels": lost}, "has other labels than it was made with")

    async def _patch(self, held: Held, metadata: Manifest, why: str) -> None:
        precondition = {"uid": held.uid, "resourceVersion": str(held.version)}
        try:
            await self.tools.kube.patch(held.ref, {"metadata": {**metadata, **precondition}})
        except NotFoundError:
            self.tools.store.remove(held.body)
        except ConflictError as e:
            log.debug("It has changed meanwhile", ref=str(held.ref), error=str(e))
        except KubeError as e:
            log.warning("A child cannot be set right", ref=str(held.ref), why=why, error=str(e))
        else:
            log.info("Set a child right", ref=str(held.ref), why=why)

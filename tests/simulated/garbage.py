"""The garbage collector: what has lost its owners goes, in each of the three ways of deletion, a while later."""

import asyncio
import random
from collections import defaultdict

from eagleray.kube.kinds import Manifest
from simulated.api_server import FOREGROUND, ORPHAN, ApiServer, Deletion
from simulated.objects import RefusedError, finalizers_of, is_ending, owners_of, ref_of, with_meta
from simulated.storage import Change
from simulated.story import Story

WHO = "garbage-collector"
RETRY_SECONDS = 5.0


class GarbageCollector:
    """The garbage collector of one cluster.

    Args:
        server: the API server.
        rng: how late it is.
        story: is told of what it cannot do.

    Attributes:
        slowest: seconds that it waits at most before it looks.
    """

    def __init__(self, server: ApiServer, rng: random.Random, story: Story) -> None:
        self.slowest = 1.0
        self._server = server
        self._rng = rng
        self._story = story
        self._dependents: defaultdict[str, list[Manifest]] = defaultdict(list)
        self._looking = False
        server.listeners.append(self._heard)

    def _heard(self, change: Change) -> None:
        gone = change.new is None
        ending = change.new is not None and is_ending(change.new)
        orphan = change.old is None and bool(owners_of(change.last))
        if gone or ending or orphan:
            self._later(self._rng.uniform(0.1, self.slowest))

    def _later(self, seconds: float) -> None:
        if not self._looking:
            self._looking = True
            asyncio.get_running_loop().call_later(seconds, self._look)

    def _look(self) -> None:
        self._looking = False
        objects = list(self._server.everything())
        owners = {m["metadata"]["uid"]: m for m in objects}
        self._dependents.clear()
        for manifest in objects:
            for owner in owners_of(manifest):
                self._dependents[owner["uid"]].append(manifest)
        for manifest in objects:
            try:
                self._owner(manifest)
                self._dependent(manifest, owners)
            except RefusedError as e:
                self._story.tell("gc", ref_of(manifest), e)
                if e.status not in {404, 409}:
                    self._later(RETRY_SECONDS)

    def _owner(self, manifest: Manifest) -> None:
        """Let a deleted object go whose dependents are as its deletion asked."""
        finalizers = finalizers_of(manifest) if is_ending(manifest) else []
        dependents = self._dependents[manifest["metadata"]["uid"]]
        if ORPHAN in finalizers:
            for dependent in dependents:
                self._let_go(dependent, {manifest["metadata"]["uid"]})
            self._unmark(manifest, ORPHAN)
        elif FOREGROUND in finalizers and not any(_blocks(d, manifest) for d in dependents):
            self._unmark(manifest, FOREGROUND)

    def _dependent(self, manifest: Manifest, owners: dict[str, Manifest]) -> None:
        references = owners_of(manifest)
        if not references or (is_ending(manifest) and FOREGROUND not in finalizers_of(manifest)):
            return
        gone, waiting, solid = set(), set(), set()
        for reference in references:
            owner = owners.get(reference["uid"])
            if owner is None or owner["metadata"]["name"] != reference["name"]:
                gone.add(reference["uid"])
            elif is_ending(owner) and FOREGROUND in finalizers_of(owner) and reference.get("blockOwnerDeletion"):
                waiting.add(reference["uid"])
            else:
                solid.add(reference["uid"])
        if solid:
            if gone or waiting:
                self._let_go(manifest, gone | waiting)
        elif waiting and self._dependents[manifest["metadata"]["uid"]]:
            self._delete(manifest, "Foreground")
        elif not is_ending(manifest):
            self._delete(manifest, "Background")

    def _delete(self, manifest: Manifest, propagation: str) -> None:
        deletion = Deletion(uid=manifest["metadata"]["uid"], propagation=propagation)
        self._server.delete(ref_of(manifest), deletion, WHO)
        self._story.tell("gc", "deletes", ref_of(manifest))

    def _let_go(self, manifest: Manifest, uids: set[str]) -> None:
        def change(live: Manifest) -> Manifest:
            kept = [reference for reference in owners_of(live) if reference["uid"] not in uids]
            return with_meta(live, ownerReferences=kept or None)

        self._server.change(ref_of(manifest), change, WHO)

    def _unmark(self, manifest: Manifest, finalizer: str) -> None:
        def change(live: Manifest) -> Manifest:
            kept = [name for name in finalizers_of(live) if name != finalizer]
            return with_meta(live, finalizers=kept or None)

        self._server.change(ref_of(manifest), change, WHO)


def _blocks(dependent: Manifest, owner: Manifest) -> bool:
    uid = owner["metadata"]["uid"]
    return any(r["uid"] == uid and r.get("blockOwnerDeletion") for r in owners_of(dependent))

"""Deployments, for routers: a Deployment keeps a ReplicaSet for each template, a ReplicaSet its Pods.

Rolling updates alone, with no Pod less than asked for and one more.
"""

import asyncio
import hashlib
import json
import random

from eagleray.kube.kinds import DEPLOYMENT, POD, REPLICA_SET, Manifest, Ref
from simulated.api_server import ApiServer, Deletion
from simulated.objects import RefusedError, is_ending, owners_of, ref_of
from simulated.storage import Change
from simulated.story import Story

WHO = "deployment-controller"
_HASH = "pod-template-hash"
_LETTERS = "bcdfghjklmnpqrstvwxz2456789"
_SOON, _RETRY = 0.1, 5.0


class Deployments:
    """The controllers of Deployments and ReplicaSets.

    Args:
        server: the API server.
        rng: the names of Pods.
        story: is told of what they cannot do.
    """

    def __init__(self, server: ApiServer, rng: random.Random, story: Story) -> None:
        self._server = server
        self._rng = rng
        self._story = story
        self._due: set[Ref] = set()
        server.listeners.append(self._heard)

    def _heard(self, change: Change) -> None:
        if change.ref.kind == DEPLOYMENT:
            self._later(change.ref, _SOON)
            return
        for owner in owners_of(change.last):
            if owner["kind"] == "Deployment":
                self._later(Ref(DEPLOYMENT, change.ref.namespace, owner["name"]), _SOON)
            elif owner["kind"] == "ReplicaSet":
                name = owner["name"].rpartition("-")[0]
                self._later(Ref(DEPLOYMENT, change.ref.namespace, name), _SOON)

    def _later(self, ref: Ref, seconds: float) -> None:
        if ref not in self._due:
            self._due.add(ref)
            asyncio.get_running_loop().call_later(seconds, self._look, ref)

    def _look(self, ref: Ref) -> None:
        self._due.discard(ref)
        deployment = self._server.find(ref)
        if deployment is None or is_ending(deployment):
            return
        try:
            self._sync(deployment)
        except RefusedError as e:
            self._story.tell("deployments", ref, e)
            self._later(ref, _RETRY)

    def _sync(self, deployment: Manifest) -> None:
        spec = deployment["spec"]
        sets = _owned(self._server.list(REPLICA_SET, deployment["metadata"]["namespace"]), deployment)
        present = self._present(deployment, sets)
        pods = {s["metadata"]["uid"]: self._pods(s) for s in [*sets, present]}
        new = [p for p in pods[present["metadata"]["uid"]] if not is_ending(p)]
        old = [p for uid, own in pods.items() if uid != present["metadata"]["uid"] for p in own if not is_ending(p)]
        wanted = spec["replicas"]
        ready = [p for p in [*new, *old] if is_ready(p)]
        self._status(deployment, new, [*new, *old], ready)
        spare = [p for p in old if not is_ready(p)] or (old if len(ready) > wanted else [])
        if spare and (len(new) + len(old) > wanted or not wanted):
            self._end(spare[0])
        elif len(new) > wanted:
            self._end(min(new, key=is_ready))
        elif len(new) < wanted and len(new) + len(old) < wanted + 1:
            self._create(present, len(new))
        elif not new and not old:
            self._forget(sets, present)

    def _present(self, deployment: Manifest, sets: list[Manifest]) -> Manifest:
        """The ReplicaSet of the template as it is."""
        template, meta = deployment["spec"]["template"], deployment["metadata"]
        digest = hashlib.sha256(json.dumps(template, sort_keys=True).encode()).hexdigest()[:9]
        found = next((s for s in sets if s["metadata"]["labels"][_HASH] == digest), None)
        if found is not None:
            return found
        labels = {**template["metadata"].get("labels", {}), _HASH: digest}
        marked = {**template, "metadata": {**template["metadata"], "labels": labels}}
        manifest = {
            "apiVersion": REPLICA_SET.api_version,
            "kind": REPLICA_SET.kind,
            "metadata": {
                "name": f"{meta['name']}-{digest}",
                "namespace": meta["namespace"],
                "labels": labels,
                "ownerReferences": [_reference(deployment)],
            },
            "spec": {
                "replicas": deployment["spec"]["replicas"],
                "selector": {"matchLabels": labels},
                "template": marked,
            },
        }
        return self._server.create(manifest, WHO)

    def _pods(self, replica_set: Manifest) -> list[Manifest]:
        pods = _owned(self._server.list(POD, replica_set["metadata"]["namespace"]), replica_set)
        return [p for p in pods if p.get("status", {}).get("phase") not in {"Failed", "Succeeded"}]

    def _create(self, replica_set: Manifest, present: int) -> None:
        meta, template = replica_set["metadata"], replica_set["spec"]["template"]
        suffix = "".join(self._rng.choice(_LETTERS) for _ in range(5))
        metadata = {**template["metadata"], "name": f"{meta['name']}-{suffix}", "namespace": meta["namespace"]}
        metadata["ownerReferences"] = [_reference(replica_set)]
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]}
        self._server.create(pod, WHO)
        self._story.tell("deployments", "creates Pod", metadata["name"], f"beside {present}")

    def _end(self, pod: Manifest) -> None:
        self._server.delete(ref_of(pod), Deletion(uid=pod["metadata"]["uid"]), WHO)
        self._story.tell("deployments", "deletes Pod", pod["metadata"]["name"])

    def _forget(self, sets: list[Manifest], present: Manifest) -> None:
        """Old ReplicaSets without Pods go."""
        for old in sets:
            if old["metadata"]["uid"] != present["metadata"]["uid"]:
                self._server.delete(ref_of(old), Deletion(), WHO)

    def _status(self, deployment: Manifest, new: list[Manifest], pods: list[Manifest], ready: list[Manifest]) -> None:
        counts = {"replicas": pods, "updatedReplicas": new, "readyReplicas": ready, "availableReplicas": ready}
        status = {name: len(counted) for name, counted in counts.items() if counted}
        status["observedGeneration"] = deployment["metadata"]["generation"]
        self._server.set_status(ref_of(deployment), status, WHO)


def is_ready(pod: Manifest) -> bool:
    conditions = pod.get("status", {}).get("conditions", [])
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


def _owned(manifests: list[Manifest], owner: Manifest) -> list[Manifest]:
    uid = owner["metadata"]["uid"]
    return [m for m in manifests if any(r["uid"] == uid for r in owners_of(m))]


def _reference(owner: Manifest) -> Manifest:
    meta = owner["metadata"]
    reference = {"apiVersion": owner["apiVersion"], "kind": owner["kind"], "name": meta["name"], "uid": meta["uid"]}
    return {**reference, "controller": True, "blockOwnerDeletion": True}

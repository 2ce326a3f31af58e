"""An API server in memory, as far as an operator can tell it from a real one; each rule is Kubernetes' own.

It answers at once and in the caller's own step: latency and faults are the client's (`client.py`), lateness and gaps
the watches' (`watches.py`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from eagleray.kube.kinds import (
    CONTROLLER_REVISION,
    DEPLOYMENT,
    HTTP_ROUTE,
    INGRESS,
    MODEL_DEPLOYMENT,
    NODE,
    POD,
    POD_DISRUPTION_BUDGET,
    REPLICA_SET,
    Kind,
    Manifest,
    Ref,
)
from simulated.admission import Admission, raw_data
from simulated.applied import combine, fields, without
from simulated.clock import Clock, written
from simulated.defaults import completed
from simulated.objects import (
    already_exists,
    conflict,
    finalizers_of,
    invalid,
    is_ending,
    merged,
    ref_of,
    with_meta,
)
from simulated.storage import Storage

EVENT_SECONDS = 3600.0
FOREGROUND, ORPHAN = "foregroundDeletion", "orphan"
_PROPAGATIONS = {"Foreground": FOREGROUND, "Orphan": ORPHAN}
_GENERATIONS = {MODEL_DEPLOYMENT, DEPLOYMENT, REPLICA_SET, POD_DISRUPTION_BUDGET, INGRESS, HTTP_ROUTE}
_STATUS = {*_GENERATIONS, POD, NODE}
_SERVERS = (
    "uid",
    "creationTimestamp",
    "generation",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "resourceVersion",
)


@dataclass(frozen=True, slots=True)
class Deletion:
    """What a deletion asks for; the same words as `DeleteOptions`."""

    uid: str | None = None
    version: str | None = None
    grace: int | None = None
    propagation: str = ""


class ApiServer(Storage):
    """All objects of one cluster, and the verbs.

    Args:
        clock: its wall clock.
    """

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.admission = Admission()

    def create(self, manifest: Manifest, who: str) -> Manifest:
        """POST.

        Raises:
            RefusedError: it exists, or may not be.
        """
        return self._create(manifest, who, applied=False)

    def replace(self, manifest: Manifest, who: str) -> Manifest:
        """PUT.

        Raises:
            RefusedError: it is not there, was changed since, or may not be so.
        """
        ref = ref_of(manifest)
        live = self.get(ref)
        self._precondition(ref, live, manifest["metadata"])
        return self._update(live, self._on(live, manifest), who, raw_data(manifest, posted=True))

    def patch(self, ref: Ref, patch: Manifest, who: str) -> Manifest:
        """PATCH with a JSON merge patch.

        Raises:
            RefusedError: it is not there, was changed since, or may not be so.
        """
        live = self.get(ref)
        self._precondition(ref, live, patch.get("metadata", {}))
        new = self._on(live, merged(live, patch))
        return self._update(live, new, who, raw_data(new, posted=False))

    def apply(self, manifest: Manifest, who: str, *, force: bool = True) -> Manifest:
        """PATCH with server-side apply.

        Raises:
            RefusedError: fields are another's and it is not forced, or it may not be so.
        """
        ref = ref_of(manifest)
        live = self.find(ref)
        if live is None:
            if "uid" in manifest["metadata"]:
                raise conflict(ref, "uid mismatch: the provided object specified uid, and no existing object was found")
            return self._create(manifest, who, applied=True)
        self._precondition(ref, live, manifest["metadata"])
        config, present = fields(manifest), fields(live)
        owned = self._owned[live["metadata"]["uid"]]
        taken = owned.foreign((who, "Apply"), config, present)
        if taken and not force:
            other, paths = next(iter(taken.items()))
            raise conflict(ref, f'Apply failed with 1 conflict: conflict with "{other}": {paths[0]}')
        bare = {key: value for key, value in manifest.items() if key != "status"}
        new = self._on(live, combine(live, {**bare, "metadata": {**bare["metadata"]}}))
        self._check(live, new, raw_data(new, posted=False))
        gone = owned.apply(who, config, present)
        return self._keep(completed(ref.kind, without(new, gone) if gone else new), live, who)

    def apply_status(self, manifest: Manifest, who: str) -> Manifest:
        """PATCH of the status; of ours one manager writes all of it.

        Raises:
            RefusedError: it is not there, or may not be so.
        """
        ref = ref_of(manifest)
        live = self.get(ref)
        new = {**live, "status": manifest["status"]}
        self.admission.update(live, new)
        return self._keep(new, live, who)

    def set_status(self, ref: Ref, status: Manifest, who: str) -> None:
        """Write the status of an object that may be gone."""
        live = self.find(ref)
        if live is not None:
            self._keep({**live, "status": status}, live, who)

    def change(self, ref: Ref, how: Callable[[Manifest], Manifest], who: str) -> Manifest:
        """Read an object and PATCH it, as controllers and people do.

        Raises:
            RefusedError: it is not there, or may not be so.
        """
        live = self.get(ref)
        new = how(live)
        return self._update(live, new, who, raw_data(new, posted=False))

    def delete(self, ref: Ref, deletion: Deletion, who: str) -> Manifest:
        """DELETE.

        Returns:
            The object, where it is a Pod or only ends later; else a `Status`.

        Raises:
            RefusedError: it is not there, or is another.
        """
        live = self.get(ref)
        meta = live["metadata"]
        for name, wanted, own in (
            ("UID", deletion.uid, meta["uid"]),
            ("ResourceVersion", deletion.version, meta["resourceVersion"]),
        ):
            if wanted not in {None, own}:
                raise conflict(ref, f"Precondition failed: {name} in precondition: {wanted}, in object meta: {own}")
        finalizers = _finalizers(live, deletion.propagation)
        ending = self._ending(ref.kind, live, deletion.grace)
        new = with_meta(live, finalizers=finalizers or None, **ending)
        if not finalizers and not ending["deletionGracePeriodSeconds"]:
            self._drop(new, who)
            return new if ref.kind == POD else {"kind": "Status", "apiVersion": "v1", "status": "Success"}
        return self._keep(new, live, who)

    def _ending(self, kind: Kind, live: Manifest, asked: int | None) -> Manifest:
        """When a deleted object is to end; an end that is near is not put off."""
        meta = live["metadata"]
        grace = self._grace(live, asked) if kind == POD else 0
        if is_ending(live):
            before = meta.get("deletionGracePeriodSeconds", 0)
            if asked is None or grace >= before:
                return {key: meta.get(key) for key in ("deletionTimestamp", "deletionGracePeriodSeconds", "generation")}
            ends = datetime.fromisoformat(meta["deletionTimestamp"]) - timedelta(seconds=before - grace)
        else:
            ends = self.clock.now() + timedelta(seconds=grace)
        generation = meta["generation"] + 1 if "generation" in meta and not is_ending(live) else meta.get("generation")
        return {"deletionTimestamp": written(ends), "deletionGracePeriodSeconds": grace, "generation": generation}

    def _grace(self, pod: Manifest, asked: int | None) -> int:
        """A Pod that has no node, or has ended, has nothing to wait for."""
        if "nodeName" not in pod["spec"] or pod.get("status", {}).get("phase") in {"Failed", "Succeeded"}:
            return 0
        default: int = pod["spec"]["terminationGracePeriodSeconds"]
        return default if asked is None else max(0, asked)

    def _create(self, manifest: Manifest, who: str, *, applied: bool) -> Manifest:
        ref = ref_of(manifest)
        if self.find(ref) is not None:
            raise already_exists(ref)
        bare = {key: value for key, value in manifest.items() if key != "status" or ref.kind not in _STATUS}
        asked = self.admission.create(completed(ref.kind, bare), self.list(POD, ref.namespace))
        admitted = completed(ref.kind, asked)
        meta: Manifest = {k: v for k, v in admitted["metadata"].items() if k not in _SERVERS}
        meta |= {"uid": f"uid-{self.version + 1}", "creationTimestamp": self.clock.stamp()}
        if ref.kind in _GENERATIONS:
            meta["generation"] = 1
        owned = self._owned[meta["uid"]]
        if applied:
            owned.apply(who, fields(manifest), {})
        else:
            owned.updated(who, {}, fields(admitted))
        if ref.kind == CONTROLLER_REVISION:
            self._raw[meta["uid"]] = raw_data(manifest, posted=not applied)
        return self._keep({**admitted, "metadata": meta}, None, who)

    def _on(self, live: Manifest, manifest: Manifest) -> Manifest:
        """What is asked for, but for what only the server decides."""
        new = {**live, **manifest, "metadata": {**manifest["metadata"]}}
        new["metadata"] |= {key: live["metadata"][key] for key in _SERVERS if key in live["metadata"]}
        kind = ref_of(live).kind
        if kind in _STATUS:
            new["status"] = live.get("status")
        return completed(kind, {key: value for key, value in new.items() if value is not None})

    def _precondition(self, ref: Ref, live: Manifest, asked: Mapping[str, object]) -> None:
        meta = live["metadata"]
        if asked.get("resourceVersion") not in {None, meta["resourceVersion"]}:
            raise conflict(
                ref, "the object has been modified; please apply your changes to the latest version and try again"
            )
        if asked.get("uid") not in {None, meta["uid"]}:
            raise conflict(
                ref, f"Precondition failed: UID in precondition: {asked['uid']}, UID in object meta: {meta['uid']}"
            )

    def _check(self, live: Manifest, new: Manifest, raw: str) -> None:
        self.admission.update(live, new)
        ref = ref_of(live)
        if ref.kind == CONTROLLER_REVISION and raw != self._raw[live["metadata"]["uid"]]:
            raise invalid(ref, "data: Invalid value: field is immutable")

    def _update(self, live: Manifest, new: Manifest, who: str, raw: str) -> Manifest:
        self._check(live, new, raw)
        self._owned[live["metadata"]["uid"]].updated(who, fields(live), fields(new))
        return self._keep(new, live, who)


def _finalizers(live: Manifest, propagation: str) -> list[str]:
    kept = finalizers_of(live)
    if propagation:
        kept = [name for name in kept if name not in {FOREGROUND, ORPHAN}]
    return [*kept, _PROPAGATIONS[propagation]] if propagation in _PROPAGATIONS else kept

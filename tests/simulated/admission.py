"""What stands between a request and what is kept: validation, webhooks, quota."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from eagleray.kube.kinds import (
    CONFIG_MAP,
    CONTROLLER_REVISION,
    DEPLOYMENT,
    MODEL_DEPLOYMENT,
    POD,
    POD_DISRUPTION_BUDGET,
    SECRET,
    Manifest,
    Ref,
)
from simulated.defaults import amount
from simulated.objects import RefusedError, forbidden, invalid, labels_of, ref_of, refuse
from simulated.schema import faults_of

MAX_CONFIG_MAP_BYTES = 2**20
# A webhook takes a verb (CREATE or UPDATE) and a manifest; it answers with the manifest that is to be kept, or refuses.
Webhook = Callable[[str, Manifest], Manifest]
_LABEL_LENGTH = 63
_NAME_LENGTH = 253
_IMMUTABLE: Mapping[object, tuple[str, ...]] = {
    DEPLOYMENT: ("selector",),
    POD_DISRUPTION_BUDGET: (),
}
# All of a Pod's spec but these.
_POD_MUTABLE = {"activeDeadlineSeconds", "tolerations", "nodeName", "terminationGracePeriodSeconds"}


@dataclass
class Quota:
    """A ResourceQuota.

    Attributes:
        pods: Pods at most.
        limits: by resource, the sum of the limits of all containers at most; each container must then name one.
    """

    pods: int | None = None
    limits: Mapping[str, str] = field(default_factory=dict)


class Admission:
    """The rules of one API server.

    Attributes:
        quotas: by namespace.
        webhooks: by name, in the order in which they are asked.
    """

    def __init__(self) -> None:
        self.quotas: dict[str, Quota] = {}
        self.webhooks: dict[str, Webhook] = {}

    def create(self, manifest: Manifest, pods: Iterable[Manifest]) -> Manifest:
        """Let a new object pass, perhaps changed.

        Args:
            manifest: the object.
            pods: all Pods of its namespace.

        Raises:
            RefusedError: it may not be.
        """
        admitted = self._asked("CREATE", manifest)
        ref = ref_of(admitted)
        _check(ref, admitted)
        quota = self.quotas.get(ref.namespace)
        if ref.kind == POD and quota is not None:
            _within(quota, ref, admitted, [pod for pod in pods if _counts(pod)])
        return admitted

    def update(self, old: Manifest, new: Manifest) -> Manifest:
        """Let a change pass.

        Raises:
            RefusedError: it may not be.
        """
        admitted = self._asked("UPDATE", new)
        ref = ref_of(admitted)
        _check(ref, admitted)
        _unchanged(ref, old, admitted)
        return admitted

    def _asked(self, verb: str, manifest: Manifest) -> Manifest:
        for name, webhook in self.webhooks.items():
            try:
                manifest = webhook(verb, manifest)
            except RefusedError as e:
                if e.status >= 500:
                    raise refuse(
                        500, "InternalError", f'Internal error occurred: failed calling webhook "{name}": {e}'
                    ) from e
                raise refuse(403, "Forbidden", f'admission webhook "{name}" denied the request: {e}') from e
        return manifest


def raw_data(manifest: Manifest, *, posted: bool) -> str:
    """A ControllerRevision's data as the API server keeps it: in the bytes that were sent, if nobody parsed them."""
    data = manifest.get("data")
    return json.dumps(data) if posted else json.dumps(data, sort_keys=True, separators=(",", ":"))


def _check(ref: Ref, manifest: Manifest) -> None:
    if len(ref.name) > _NAME_LENGTH:
        raise invalid(ref, f"metadata.name: Invalid value: must be no more than {_NAME_LENGTH} characters")
    for key, value in labels_of(manifest).items():
        if len(value) > _LABEL_LENGTH:
            raise invalid(
                ref, f"metadata.labels: Invalid value: {value!r} of {key}: must be no more than 63 characters"
            )
    if ref.kind == CONFIG_MAP:
        size = sum(len(text.encode()) for text in (manifest.get("data") or {}).values())
        if size > MAX_CONFIG_MAP_BYTES:
            raise invalid(ref, f"[]: Too long: may not be more than {MAX_CONFIG_MAP_BYTES} bytes")
    if ref.kind == MODEL_DEPLOYMENT and (faults := faults_of(manifest)):
        raise invalid(ref, ", ".join(faults))


def _unchanged(ref: Ref, old: Manifest, new: Manifest) -> None:
    before, after = old.get("spec", {}), new.get("spec", {})
    for name in _IMMUTABLE.get(ref.kind, ()):
        if before.get(name) != after.get(name):
            raise invalid(ref, f"spec.{name}: Invalid value: field is immutable")
    if ref.kind == SECRET and old.get("immutable") and old.get("data") != new.get("data"):
        raise invalid(ref, "data: Forbidden: field is immutable when `immutable` is set")
    if ref.kind == CONTROLLER_REVISION and old.get("data") != new.get("data"):
        raise invalid(ref, "data: Invalid value: field is immutable")
    if ref.kind == POD:
        fixed = [name for name in before.keys() | after.keys() if name not in _POD_MUTABLE]
        if any(_but_images(before.get(name)) != _but_images(after.get(name)) for name in fixed):
            raise invalid(ref, "spec: Forbidden: pod updates may not change fields other than images and tolerations")


def _but_images(value: object) -> object:
    if isinstance(value, list):
        return [{k: v for k, v in item.items() if k != "image"} if isinstance(item, dict) else item for item in value]
    return value


def _counts(pod: Manifest) -> bool:
    return pod.get("status", {}).get("phase") not in {"Failed", "Succeeded"}


def _within(quota: Quota, ref: Ref, pod: Manifest, pods: list[Manifest]) -> None:
    if quota.pods is not None and len(pods) + 1 > quota.pods:
        raise forbidden(
            ref, f"exceeded quota: compute, requested: pods=1, used: pods={len(pods)}, limited: pods={quota.pods}"
        )
    for resource, most in quota.limits.items():
        bare = [
            c["name"] for c in pod["spec"]["containers"] if resource not in c.get("resources", {}).get("limits", {})
        ]
        if bare:
            raise forbidden(ref, f"failed quota: compute: must specify limits.{resource} for: {','.join(bare)}")
        used, asked = sum(_limit(p, resource) for p in pods), _limit(pod, resource)
        if used + asked > amount(most):
            raise forbidden(
                ref,
                f"exceeded quota: compute, requested: limits.{resource}={asked}, used: limits.{resource}={used}, "
                f"limited: limits.{resource}={most}",
            )


def _limit(pod: Manifest, resource: str) -> float:
    limits = [c.get("resources", {}).get("limits", {}).get(resource, "0") for c in pod["spec"]["containers"]]
    return float(sum(amount(limit) for limit in limits))

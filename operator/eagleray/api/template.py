"""The template of a version: every field that a version may set for itself."""

from typing import Annotated, Any, Literal

from pydantic import Field

from eagleray.api.answers import Answers
from eagleray.api.autoscaling import Autoscaling
from eagleray.api.base import ApiModel, PositiveDuration, map_list, matches
from eagleray.api.env import EnvFromSource, EnvVar
from eagleray.api.model import Model
from eagleray.api.placement import Head, Placement, ResourceRequirements, Workers
from eagleray.api.pod_fields import CaBundle, ObjectName, SharedMemory
from eagleray.api.pod_template import Volume, VolumeMount
from eagleray.api.serving import App, Batching, Concurrency, WarmupRequest


class LocalObjectReference(ApiModel):
    """An object in the same namespace, by name."""

    name: str = Field(max_length=253)
    """Name of the object."""


class VersionTemplate(ApiModel):
    """What a version runs. In a version, a field that is left out falls back to the top level."""

    model: Model | None = None
    """A saved model, served without code of yours. Either `model` or `app` is written."""
    app: App | None = None
    """A Ray Serve application of your own. Either `model` or `app` is written."""
    image: (
        Annotated[
            str,
            Field(max_length=512),
            matches(r"^\S+$", "write image without spaces, for example registry.example.com/fraud:7"),
        ]
        | None
    ) = None
    """Image of the Ray Pods; the operator's image for the framework where it is left out."""
    image_pull_policy: Literal["Always", "IfNotPresent", "Never"] | None = None
    """When the image is pulled, as in a Pod."""
    image_pull_secrets: Annotated[list[LocalObjectReference], map_list("name")] | None = Field(None, max_length=16)
    """Secrets to pull the image with."""
    env: Annotated[list[EnvVar], map_list("name")] | None = Field(None, max_length=128)
    """Environment variables of the model's container."""
    env_from: list[EnvFromSource] | None = Field(None, max_length=32)
    """Secrets and ConfigMaps whose entries are variables too, as in a Pod; variables of `env`, and the operator's own,
    win over them."""
    volumes: Annotated[list[Volume], map_list("name")] | None = Field(None, max_length=32)
    """Volumes of the worker Pods, as in a Pod. The head has those that are no claims, too."""
    volume_mounts: Annotated[list[VolumeMount], map_list("mount_path")] | None = Field(None, max_length=32)
    """Where the model's container and the download have them, as in a Pod."""
    ca_bundle: CaBundle | None = None
    """Certificate authorities that downloads, the model and batches trust, in place of those of the image."""
    service_account_name: ObjectName | None = None
    """Service account of the head and the workers, for the identity that a cloud gives it. No token is mounted."""
    runtime_class_name: ObjectName | None = None
    """Runtime class of the worker Pods, such as `nvidia` or `gvisor`; a head's is in `head.podTemplate`."""
    shared_memory: SharedMemory | None = None
    """Size of /dev/shm in a worker Pod, on top of the replicas' memory; Ray's object store is three fifths of it.
    128Mi where it is left out."""
    replicas: int | None = Field(None, ge=0, le=1000)
    """Number of replicas of the model."""
    resources: ResourceRequirements | None = None
    """CPU, memory and devices of one replica."""
    batching: Batching | None = None
    """Gathers single requests into batches; only with `model`."""
    answers: Answers | None = None
    """What is done with the model's answers; only with `model`."""
    concurrency: Concurrency | None = None
    """How many requests a replica takes, and how many wait for it; only with `model`."""
    request_timeout: PositiveDuration | None = None
    """Longest time for one request, retries included; then the answer is 504. 60s where it is left out."""
    warmup: list[WarmupRequest] | None = Field(None, max_length=16)
    """Requests that a new revision answers before it is given users' requests."""
    placement: Placement | None = None
    """Nodes that the model's Pods run on."""
    workers: Workers | None = None
    """Pods that the replicas run in."""
    head: Head | None = None
    """The Ray head of each revision."""
    autoscaling: Autoscaling | None = None
    """Scaling by load; excludes `replicas`."""


_INSTEAD = {"uri": ("sha256", "models", "memory"), "models": ("uri", "sha256")}
"""Fields of `model` that a version writes, and those that it then takes from no other place."""


def merged(top: VersionTemplate, version: VersionTemplate) -> VersionTemplate:
    """Give what a version runs: its own fields over those of the top level.

    Objects are merged field by field, lists of named things item by item; every other list is the version's own. A
    checksum belongs to the file that it is written beside, so that a `model.uri` of the version's own takes none over;
    nor are there several models beside it, or it beside `model.models` of the version's own.
    """
    below, above = (t.model_dump(by_alias=True, exclude_unset=True) for t in (top, version))
    for field, others in _INSTEAD.items():
        if field in (above.get("model") or {}) and below.get("model"):
            below["model"] = {key: value for key, value in below["model"].items() if key not in others}
    known = {field.alias for field in VersionTemplate.model_fields.values()}
    both = _over(below, {key: value for key, value in above.items() if key in known})
    return VersionTemplate.model_validate({**both, "replicas": version.replicas})


def _over(below: Any, above: Any) -> Any:  # noqa: ANN401 -- JSON values
    if above is None:
        return below
    if isinstance(below, dict) and isinstance(above, dict):
        return below | {key: _over(below.get(key), value) for key, value in above.items()}
    if isinstance(below, list) and isinstance(above, list) and (key := _key(below + above)):
        own = {item[key]: item for item in above}
        kept = [own.pop(item[key], item) for item in below]
        return [*kept, *own.values()]
    return above


def _key(items: list[Any]) -> str:
    """What tells the items of a list apart; "" where nothing does."""
    keys = ("mountPath", "name")
    return next((key for key in keys if all(isinstance(item, dict) and key in item for item in items)), "")

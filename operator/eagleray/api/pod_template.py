"""`podTemplate`: metadata and PodSpec of the user's own, merged last over what the operator builds."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, Field, WithJsonSchema

from eagleray.api.base import VALIDATIONS, ApiModel
from eagleray.api.pod_spec import (
    INSTEAD,
    MERGE_KEYS,
    MERGED,
    OF_OUR_CONTAINERS,
    OF_RAY,
    OF_ROUTER,
    REFUSED,
    VOLUME_SOURCES,
    Ours,
)
from eagleray.api.restricted import APPARMOR, unrestricted

RESERVED_PREFIX = "eagleray.dev/"
RESERVED_LABELS = frozenset({"app.kubernetes.io/managed-by"})
_CONTAINERS = ("initContainers", "containers")


def _check_keys(texts: dict[str, str]) -> dict[str, str]:
    for name in texts:
        if name.startswith(RESERVED_PREFIX) or name in RESERVED_LABELS:
            raise ValueError(f"the operator finds its Pods by {name}; leave it out")
        if name.startswith(APPARMOR):
            raise ValueError(f"{name} chooses a profile; write securityContext.appArmorProfile in place of it")
    return texts


_Label = Annotated[str, Field(max_length=63)]
_Annotation = Annotated[str, Field(max_length=16384)]


class PodMetadata(ApiModel):
    """Labels and annotations of a Pod."""

    labels: Annotated[dict[str, _Label], Field(max_length=32), AfterValidator(_check_keys)] | None = None
    """Labels beside the operator's."""
    annotations: Annotated[dict[str, _Annotation], Field(max_length=32), AfterValidator(_check_keys)] | None = None
    """Annotations beside the operator's."""


def _refused_field(name: str) -> dict[str, Any]:
    refused = REFUSED[name]
    longest = {"maxLength": 253} if refused.kind == "string" else {}
    rule = {"rule": "false", "message": f"{name} is the operator's: {refused.why}; leave it out"}
    return {"type": refused.kind, **longest, "description": "Refused.", VALIDATIONS: [rule]}


_SPEC_SCHEMA = {
    "type": "object",
    "x-kubernetes-preserve-unknown-fields": True,
    "properties": {name: _refused_field(name) for name, refused in REFUSED.items() if refused.kind},
}


def check_volume(volume: dict[str, Any], ours: Ours = OF_RAY) -> dict[str, Any]:
    """Return a volume, as in a Pod, if Pods may have it beside the operator's.

    Raises:
        ValueError: its name is taken, or it has not exactly one source, of the kinds that restricted Pods may have.
    """
    name = volume.get("name")
    if not isinstance(name, str):
        raise ValueError("a volume has no name; write one")  # noqa: TRY004 -- pydantic reports ValueError
    if ours.volumes.fullmatch(name):
        raise ValueError(f"a volume of the operator's is called {name}; choose another name")
    sources = [source for source in volume if source != "name"]
    if len(sources) != 1 or sources[0] not in VOLUME_SOURCES:
        raise ValueError(
            f"volume {name} has {' and '.join(sources) or 'no source'}; write exactly one of "
            f"{', '.join(sorted(VOLUME_SOURCES))}"
        )
    return volume


def check_mount(mount: dict[str, Any], ours: Ours = OF_RAY) -> dict[str, Any]:
    """Return a mount, as in a container, if it hides none of the operator's.

    Raises:
        ValueError: another one is there.
    """
    path = mount.get("mountPath")
    if not isinstance(path, str) or not path.startswith("/"):
        raise ValueError(f"the mount of volume {mount.get('name')} has no absolute mountPath; write one")
    place = "/" + "/".join(part for part in path.split("/") if part)
    taken = [m for m in ours.mounts if (f"{place}/".startswith(m) if m.endswith("/") else place == m)]
    if taken or place == "/" or ".." in place.split("/"):
        raise ValueError(f"mountPath {path} is the operator's own; mount volume {mount.get('name')} elsewhere")
    return mount


def _named(kind: str, fields: Mapping[str, tuple[int, str]]) -> WithJsonSchema:
    texts = {
        name: {"type": "string", "maxLength": longest, "description": text} for name, (longest, text) in fields.items()
    }
    return WithJsonSchema(
        {
            "type": "object",
            "description": kind,
            "properties": texts,
            "required": [*texts],
            "x-kubernetes-preserve-unknown-fields": True,
        }
    )


Volume = Annotated[
    dict[str, Any],
    _named("A volume, as in a Pod.", {"name": (63, "Name of the volume.")}),
    AfterValidator(check_volume),
]
"""A volume, as in a Pod."""
VolumeMount = Annotated[
    dict[str, Any],
    _named(
        "A mount, as in a container.",
        {"name": (63, "Name of the volume."), "mountPath": (1024, "Where it is in the container.")},
    ),
    AfterValidator(check_mount),
]
"""A mount of a volume, as in a container."""


def _check_spec(ours: Ours, spec: dict[str, Any]) -> dict[str, Any]:
    for problem in _problems(ours, spec):
        raise ValueError(problem)
    return spec


def _problems(ours: Ours, spec: Mapping[str, Any]) -> Iterator[str]:
    for name in spec:
        if name in REFUSED:
            yield f"{name} is the operator's: {REFUSED[name].why}; leave it out"
        elif name not in MERGED:
            yield f"{name} is no field of a PodSpec that is known here; leave it out"
    yield from _shapes(spec, "")
    yield from unrestricted(spec)
    if spec.get("dnsPolicy") == "Default":
        yield "dnsPolicy: with Default workers do not find their head; leave it out, or write dnsConfig"
    for volume in spec.get("volumes", ()):
        check_volume(volume, ours)
    for kind in _CONTAINERS:
        for container in spec.get(kind, ()):
            if container["name"] in ours.containers:
                yield from _of_ours(ours, container)


def _shapes(value: object, path: str) -> Iterator[str]:
    """What cannot be merged: null and `$patch`, which delete elsewhere, and items without what tells them apart."""
    if isinstance(value, Mapping):
        for name, below in value.items():
            where = f"{path}.{name}" if path else str(name)
            if below is None or str(name).startswith("$"):
                yield f"{where}: a podTemplate adds and replaces; it takes nothing away, so leave {name} out"
            elif (key := MERGE_KEYS.get(where)) and not _told_apart(below, key):
                yield f"{where} is a list of objects that differ in {key}; write it so"
            else:
                yield from _shapes(below, where)
    elif isinstance(value, list):
        for item in value:
            yield from _shapes(item, f"{path}[]")


def _told_apart(items: object, key: str) -> bool:
    if not isinstance(items, list) or not all(
        isinstance(i, Mapping) and isinstance(i.get(key), str | int) for i in items
    ):
        return False
    return len({item[key] for item in items}) == len(items)


def _of_ours(ours: Ours, container: Mapping[str, Any]) -> Iterator[str]:
    where = f"container {container['name']}"
    for name in container.keys() - OF_OUR_CONTAINERS:
        remedy = f"write {INSTEAD[name]} in place of it" if name in INSTEAD else "leave it out"
        yield f"{where}: {name} is the operator's; {remedy}"
    resources = container.get("resources", {})
    for kind in ("requests", "limits"):
        amounts = resources.get(kind, {}) if isinstance(resources, Mapping) else {}
        for name in [*amounts] if isinstance(amounts, Mapping) else ():
            if name not in ours.resources:
                yield f"{where}: its {name} is reckoned by the operator; write {ours.instead}"
    for mount in container.get("volumeMounts", ()):
        check_mount(mount, ours)


def _check_ray(spec: dict[str, Any]) -> dict[str, Any]:
    return _check_spec(OF_RAY, spec)


def _check_router(spec: dict[str, Any]) -> dict[str, Any]:
    return _check_spec(OF_ROUTER, spec)


class PodTemplate(ApiModel):
    """Metadata and PodSpec that are merged last over what the operator builds."""

    metadata: PodMetadata | None = None
    """Labels and annotations."""
    spec: Annotated[dict[str, Any], WithJsonSchema(_SPEC_SCHEMA), AfterValidator(_check_ray)] | None = None
    """PodSpec: a strategic merge by the keys of Kubernetes' own lists. What the operator needs as it is is refused by
    name; the Pod stays restricted."""


class RouterPodTemplate(PodTemplate):
    """Metadata and PodSpec that are merged last over the router's."""

    spec: Annotated[dict[str, Any], WithJsonSchema(_SPEC_SCHEMA), AfterValidator(_check_router)] | None = None
    """PodSpec: a strategic merge by the keys of Kubernetes' own lists. What the operator needs as it is is refused by
    name; the Pod stays restricted."""

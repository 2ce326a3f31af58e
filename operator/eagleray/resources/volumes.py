"""Volumes of the user's own, and the certificates that Pods trust."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from eagleray.api.pod_fields import CaBundle
from eagleray.domain.goals.pod_defaults import PodDefaults
from eagleray.domain.goals.revision import Revision

CA_FOLDER = "/etc/eagleray/ca"
_CA_VOLUME = "ca-bundle"
_CA_FILE = "ca.crt"
# By these the standard library, httpx and aiohttp; requests; and botocore find it.
CA_VARIABLES: Mapping[str, str] = dict.fromkeys(
    ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "AWS_CA_BUNDLE"), f"{CA_FOLDER}/{_CA_FILE}"
)
# A claim may be attached to one node alone, and the head is not where the workers are.
_CLAIMS = frozenset({"persistentVolumeClaim", "ephemeral"})


@dataclass(frozen=True, slots=True)
class OwnVolumes:
    """What spec, and the operator's settings, add to the volumes of a Pod.

    Attributes:
        volumes: of the Pod.
        mounts: of the containers that run the user's code, or download for it.
    """

    volumes: tuple[dict[str, Any], ...]
    mounts: tuple[dict[str, Any], ...]


def own_volumes(revision: Revision, defaults: PodDefaults) -> OwnVolumes:
    """What a Pod with replicas, or a batch, has."""
    template = revision.template
    bundle = template.ca_bundle or defaults.ca_bundle
    certificates = (_certificates(bundle),) if bundle else ()
    mount = ({"name": _CA_VOLUME, "mountPath": CA_FOLDER, "readOnly": True},) if bundle else ()
    return OwnVolumes((*(template.volumes or ()), *certificates), (*(template.volume_mounts or ()), *mount))


def head_volumes(revision: Revision, defaults: PodDefaults) -> OwnVolumes:
    """What a head has: Serve imports applications there, but it shares no claims."""
    every = own_volumes(revision, defaults)
    kept = tuple(volume for volume in every.volumes if not _CLAIMS & volume.keys())
    names = {volume["name"] for volume in kept}
    return OwnVolumes(kept, tuple(mount for mount in every.mounts if mount["name"] in names))


def ca_variables(revision: Revision, defaults: PodDefaults) -> Mapping[str, str]:
    """The variables that name the certificates; none where the image's own are trusted."""
    return CA_VARIABLES if revision.template.ca_bundle or defaults.ca_bundle else {}


def _certificates(bundle: CaBundle) -> dict[str, Any]:
    items = [{"key": bundle.key or _CA_FILE, "path": _CA_FILE}]
    source = (
        {"configMap": {"name": bundle.config_map_name, "items": items}}
        if bundle.config_map_name
        else {"secret": {"secretName": bundle.secret_name, "items": items}}
    )
    return {"name": _CA_VOLUME, **source}

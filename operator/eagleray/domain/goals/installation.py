"""What the operator's own settings say of what users may ask for."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from eagleray.api.model import FRAMEWORKS
from eagleray.api.template import VersionTemplate
from eagleray.domain.facts.problem import InvalidSpecError
from eagleray.domain.goals.fleet import Fleet
from eagleray.domain.goals.groups import groups_of
from eagleray.domain.goals.mounts import check_mounts
from eagleray.domain.goals.pod_defaults import PodDefaults
from eagleray.domain.goals.servers import Servers

BASE_IMAGE = "base"
MAX_MODEL_BYTES = 32 * 2**30
WITH_GPU_IMAGE = ("onnx", "torch", "xgboost")
# What is in the image is pinned by the image, and what has a digest by that.
_PINNED = re.compile(r"file://|oci://.*@sha256:[0-9a-f]{64}$")


@dataclass(frozen=True, slots=True)
class Installation:
    """One installation of the operator.

    Attributes:
        images: default images of the Ray Pods: by `model.framework`, by `gpu_flavour` of it, and under `base` for apps.
        fleet: what labels, taints and conditions of nodes mean.
        require_sha256: whether every model that is fetched must be named by its checksum.
        max_model_bytes: the most that a model may have, as it is downloaded and unpacked.
        logged_percent: share of the requests that were answered well that routers log.
        servers: those that know figures, as far as they may be asked.
        pods: what holds for every Pod.
    """

    images: Mapping[str, str]
    fleet: Fleet = field(default_factory=Fleet)
    require_sha256: bool = False
    max_model_bytes: int = MAX_MODEL_BYTES
    logged_percent: float = 100.0
    servers: Servers = field(default_factory=Servers)
    pods: PodDefaults = field(default_factory=PodDefaults)

    def check(self, template: VersionTemplate) -> None:
        """Refuse what this installation does not serve.

        Raises:
            InvalidSpecError: naming the field and the remedy.
        """
        groups = groups_of(template)
        self.fleet.check(group.placement for group in groups)
        for group in groups:
            group.check()
        check_mounts(template)
        model = template.model
        if self.require_sha256 and model and not all(sha256 or _PINNED.match(uri) for uri, sha256 in model.pins):
            raise InvalidSpecError(
                "model.sha256: this operator serves no model without it (models.requireSha256 of the chart); write "
                "what sha256sum says of the file, or name an artifact of a registry by its digest"
            )

    def image(self, template: VersionTemplate) -> str:
        """The image of a version's Ray Pods.

        Raises:
            InvalidSpecError: spec names none, and there is none for the framework.
        """
        if template.image:
            return template.image
        if not template.model:
            return self.images[BASE_IMAGE]
        framework = template.model.framework or ""
        if framework not in self.images:
            known = ", ".join(sorted(self.images.keys() & set(FRAMEWORKS)))
            raise InvalidSpecError(
                f"spec.model.framework: this operator has no image for {framework!r}; use one of {known}, or set "
                "spec.image"
            )
        on_gpus = any(group.has_device_of("nvidia.com") for group in groups_of(template))
        flavour = gpu_flavour(framework) if on_gpus else framework
        return self.images.get(flavour, self.images[framework])


def gpu_flavour(framework: str) -> str:
    """The name of a framework's image with CUDA, which its models get that ask for GPUs of NVIDIA's."""
    return f"{framework}-gpu"

"""What the operator's own settings say of what users may ask for."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from eagleray.api.template import VersionTemplate
from eagleray.domain.fleet import Fleet
from eagleray.domain.problem import InvalidSpecError
from eagleray.domain.ray_cluster.groups import groups_of

BASE_IMAGE = "base"
MAX_MODEL_BYTES = 32 * 2**30
# What is in the image is pinned by the image.
_IN_THE_IMAGE = "file://"


@dataclass(frozen=True, slots=True)
class Installation:
    """One installation of the operator.

    Attributes:
        images: default images of the Ray Pods: by `model.framework`, and under `base` for apps.
        fleet: what labels, taints and conditions of nodes mean.
        require_sha256: whether every model that is fetched must be named by its checksum.
        max_model_bytes: the most that a model may have, as it is downloaded and unpacked.
    """

    images: Mapping[str, str]
    fleet: Fleet = field(default_factory=Fleet)
    require_sha256: bool = False
    max_model_bytes: int = MAX_MODEL_BYTES

    def check(self, template: VersionTemplate) -> None:
        """Refuse what this installation does not serve.

        Raises:
            InvalidSpecError: naming the field and the remedy.
        """
        groups = groups_of(template)
        self.fleet.check(group.placement for group in groups)
        for group in groups:
            group.check()
        model = template.model
        if self.require_sha256 and model and not model.sha256 and not (model.uri or "").startswith(_IN_THE_IMAGE):
            raise InvalidSpecError(
                "model.sha256: this operator serves no model without it (models.requireSha256 of the chart); write "
                "what sha256sum says of the file"
            )

    def image(self, template: VersionTemplate) -> str:
        """The image of a version's Ray Pods.

        Raises:
            InvalidSpecError: spec names none, and there is none for the framework.
        """
        if template.image:
            return template.image
        key = (template.model.framework or "") if template.model else BASE_IMAGE
        if key not in self.images:
            known = ", ".join(sorted(k for k in self.images if k != BASE_IMAGE))
            raise InvalidSpecError(
                f"spec.model.framework: this operator has no image for {key!r}; use one of {known}, or set spec.image"
            )
        return self.images[key]

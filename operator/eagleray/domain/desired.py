"""What the user asks for: a ModelDeployment's manifest turned into versions and their revisions."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from eagleray.api.spec import DEFAULT_VERSION, ModelDeploymentSpec, explain
from eagleray.api.units import parse_duration
from eagleray.domain.revisions import Revision, revision_name

BASE_IMAGE = "base"
DEFAULT_REQUEST_TIMEOUT_SECONDS = 60.0


class InvalidSpecError(ValueError):
    """The spec cannot be acted on; the message names the field and the cause."""


@dataclass(frozen=True, slots=True)
class Version:
    """One named lane of traffic.

    Attributes:
        name: the version's name.
        weight: its share of the traffic, in percent.
        replicas: how many replicas it is to have.
        revision: the revision that it is to run.
    """

    name: str
    weight: int
    replicas: int
    revision: Revision


@dataclass(frozen=True, slots=True)
class Desired:
    """A ModelDeployment, parsed.

    Attributes:
        name: metadata.name.
        namespace: metadata.namespace.
        uid: metadata.uid.
        generation: metadata.generation.
        spec: the parsed spec.
        versions: its versions, in order.
    """

    name: str
    namespace: str
    uid: str
    generation: int
    spec: ModelDeploymentSpec
    versions: tuple[Version, ...]

    @property
    def request_timeout(self) -> float:
        """Longest time for one request, in seconds."""
        text = self.spec.request_timeout
        return parse_duration(text) if text else DEFAULT_REQUEST_TIMEOUT_SECONDS


def parse(manifest: Mapping[str, Any], images: Mapping[str, str], revisions: Mapping[str, Revision]) -> Desired:
    """Parse a ModelDeployment as read from the API server.

    Args:
        manifest: the object.
        images: the operator's default images by framework, and by `base` for apps.
        revisions: revisions that exist; one at the same content keeps the image that it was made with.

    Raises:
        InvalidSpecError: the spec does not fit the API, or asks for what this operator has no image for.
    """
    meta = manifest["metadata"]
    try:
        spec = ModelDeploymentSpec.model_validate(manifest.get("spec", {}))
    except ValidationError as e:
        raise InvalidSpecError(explain(e)) from e
    name = revision_name(meta["name"], DEFAULT_VERSION, spec.template())
    revision = revisions.get(name) or Revision(
        name=name,
        deployment=meta["name"],
        namespace=meta["namespace"],
        version=DEFAULT_VERSION,
        template=spec.template(),
        image=_image(spec, images),
    )
    version = Version(DEFAULT_VERSION, 100, spec.replicas, revision)
    return Desired(meta["name"], meta["namespace"], meta["uid"], meta["generation"], spec, (version,))


def _image(spec: ModelDeploymentSpec, images: Mapping[str, str]) -> str:
    if spec.image:
        return spec.image
    key = spec.model.framework if spec.model else BASE_IMAGE
    if key not in images:
        known = ", ".join(sorted(k for k in images if k != BASE_IMAGE))
        raise InvalidSpecError(
            f"spec.model.framework: this operator has no image for {key!r}; use one of {known}, or set spec.image"
        )
    return images[key]

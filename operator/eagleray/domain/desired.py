"""What the user asks for: a ModelDeployment's manifest turned into versions and their revisions."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from eagleray.api.autoscaling import Autoscaling
from eagleray.api.serving import AppDeployment
from eagleray.api.spec import Lane, ModelDeploymentSpec, explain
from eagleray.api.units import parse_duration
from eagleray.domain.installation import Installation
from eagleray.domain.problem import InvalidSpecError
from eagleray.domain.ray_cluster.groups import named_deployments
from eagleray.domain.revisions import Revision, revision_name
from eagleray.domain.rollout.verbs import Verbs, read_verbs
from eagleray.domain.scaling.schedules import check_schedules
from eagleray.domain.traffic.shares import replicas_by_weight

DEFAULT_REQUEST_TIMEOUT_SECONDS = 60.0
DEFAULT_HISTORY_LIMIT = 10


@dataclass(frozen=True, slots=True)
class Version:
    """One named lane of traffic as spec has it.

    Attributes:
        name: the version's name.
        weight: its share of the traffic, in percent.
        replicas: how many replicas spec gives it; those of a version that its load scales are its goal's.
        revision: the revision that it is to run.
        wanted: name of the revision that spec asks for; another one than `revision` after a rollback.
        autoscaling: how its load sets the number of replicas, or None where spec does.
        deployments: the deployments of its application as spec scales them now, whatever its revision says.
    """

    name: str
    weight: int
    replicas: int
    revision: Revision
    wanted: str
    autoscaling: Autoscaling | None = None
    deployments: tuple[AppDeployment, ...] = ()

    def deployments_of(self, revision: Revision) -> tuple[AppDeployment, ...]:
        """The deployments of a revision that have Pods of their own, each scaled as spec says now."""
        now = {d.name: d for d in self.deployments}
        return tuple(now.get(d.name, d) for d in named_deployments(revision.template))


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
        verbs: what people ask of its rollouts.
        logged_percent: share of the requests that were answered well that its routers log.
    """

    name: str
    namespace: str
    uid: str
    generation: int
    spec: ModelDeploymentSpec
    versions: tuple[Version, ...]
    verbs: Verbs
    logged_percent: float

    @property
    def request_timeout(self) -> float:
        """Longest time for one request, in seconds."""
        text = self.spec.request_timeout
        return parse_duration(text) if text else DEFAULT_REQUEST_TIMEOUT_SECONDS

    @property
    def history_limit(self) -> int:
        """How many replaced revisions of each version are remembered."""
        limit = self.spec.revision_history_limit
        return DEFAULT_HISTORY_LIMIT if limit is None else limit


def parse(manifest: Mapping[str, Any], installation: Installation, revisions: Mapping[str, Revision]) -> Desired:
    """Parse a ModelDeployment as read from the API server.

    Args:
        manifest: the object.
        installation: what the operator's settings say.
        revisions: revisions that exist; one at the same content keeps the image that it was made with.

    Raises:
        InvalidSpecError: the spec does not fit the API, or asks for what this operator has no image for.
    """
    meta = manifest["metadata"]
    try:
        spec = ModelDeploymentSpec.model_validate(manifest.get("spec", {}))
    except ValidationError as e:
        raise InvalidSpecError(explain(e)) from e
    verbs = read_verbs(meta.get("annotations") or {})
    lanes = spec.lanes()
    for lane in lanes:
        installation.check(lane.template)
    shared = replicas_by_weight(spec.replicas, {lane.name: lane.weight for lane in lanes if _shares(lane)})
    versions = tuple(
        _version(lane, shared.get(lane.name, lane.replicas or 0), meta, installation, revisions, verbs)
        for lane in lanes
    )
    return Desired(
        name=meta["name"],
        namespace=meta["namespace"],
        uid=meta["uid"],
        generation=meta["generation"],
        spec=spec,
        versions=versions,
        verbs=verbs,
        logged_percent=installation.logged_percent,
    )


def _shares(lane: Lane) -> bool:
    return lane.replicas is None and lane.template.autoscaling is None


def _version(
    lane: Lane,
    replicas: int,
    meta: Mapping[str, Any],
    installation: Installation,
    revisions: Mapping[str, Revision],
    verbs: Verbs,
) -> Version:
    name = revision_name(meta["name"], lane.name, lane.template)
    autoscaling = lane.template.autoscaling
    deployments = named_deployments(lane.template)
    for scaling in (autoscaling, *(deployment.autoscaling for deployment in deployments)):
        if scaling is not None:
            check_schedules(scaling)
    earlier = revisions.get(verbs.rolled_back_from(name) or "")
    if earlier is not None and earlier.version == lane.name:
        return Version(
            lane.name, lane.weight, replicas, earlier, name, autoscaling=autoscaling, deployments=deployments
        )
    revision = revisions.get(name) or Revision(
        name=name,
        deployment=meta["name"],
        namespace=meta["namespace"],
        version=lane.name,
        template=lane.template,
        image=installation.image(lane.template),
    )
    return Version(lane.name, lane.weight, replicas, revision, name, autoscaling=autoscaling, deployments=deployments)

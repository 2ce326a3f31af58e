"""A ModelDeployment as the commands see it: what the operator says of it, and little of its spec."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from eagleray.api.rollout import Rollout
from eagleray.api.status import ModelDeploymentStatus, RevisionStatus, RolloutStatus, VersionStatus
from eagleray.cli.errors import CliError
from eagleray.domain.goals.verbs import Verbs, read_verbs
from eagleray.domain.version.rollout.course import Course, course_of
from eagleray.domain.version.rollout.step import Step


@dataclass(frozen=True, slots=True)
class Model:
    """A ModelDeployment as it was read.

    Attributes:
        name: its name.
        namespace: its namespace.
        generation: counts the changes of its spec.
        resource_version: state that was read.
        created_at: when it was created.
        annotations: its annotations.
        rollout: `spec.rollout`, or None where there is none that can be read.
        replicas: `spec.replicas`, or None where load or `suspend` sets the number of replicas.
        status: what the operator says.
    """

    name: str
    namespace: str
    generation: int
    resource_version: str
    created_at: datetime
    annotations: Mapping[str, str]
    rollout: Rollout | None
    replicas: int | None
    status: ModelDeploymentStatus

    @property
    def verbs(self) -> Verbs:
        """What people ask of its rollouts."""
        return read_verbs(self.annotations)

    @property
    def rollouts(self) -> list[RolloutStatus]:
        """Rollouts under way, and those that were taken back."""
        return self.status.rollouts or []

    @property
    def place(self) -> str:
        """Namespace and name."""
        return f"{self.namespace}/{self.name}"

    @property
    def seen(self) -> bool:
        """Whether the status is about the spec as it is now."""
        return self.status.observed_generation >= self.generation

    def command(self, *words: str) -> str:
        """Give the command of this plugin that asks something of this object."""
        verb, *options = words
        return f"`{' '.join(('kubectl eagleray', verb, self.name, '-n', self.namespace, *options))}`"

    def version(self, name: str) -> VersionStatus | None:
        """Give the version of this name, if there is one."""
        return self.status.version(name)

    def known_version(self, name: str) -> VersionStatus:
        """Give the version of this name.

        Raises:
            CliError: there is none.
        """
        found = self.version(name)
        if found is None:
            known = ", ".join(v.name for v in self.status.versions) or "none"
            raise CliError(f"{self.place} has no version {name}; its versions: {known}")
        return found

    def revision(self, name: str) -> RevisionStatus | None:
        """Give the revision of this name, if it exists or is remembered."""
        return self.status.revision(name)

    def rollout_of(self, version: str) -> RolloutStatus | None:
        """Give the rollout of a version, if there is one."""
        return self.status.rollout_of(version)

    def course(self, record: RolloutStatus) -> Course:
        """Give what a rollout goes through, as spec has it now."""
        version = self.version(record.version)
        return course_of(self.rollout, version.replicas if version else 0, again=record.direct)

    def step(self, record: RolloutStatus, number: int) -> Step | None:
        """Give a step of a rollout.

        Args:
            record: the rollout.
            number: which, from 0.

        Returns:
            None after the last step, and while the operator has not taken over other steps from spec.
        """
        steps = self.course(record).steps
        return steps[number] if len(steps) == record.steps and number < len(steps) else None


def read(manifest: Mapping[str, Any]) -> Model:
    """Read a ModelDeployment as the API server gives it.

    Raises:
        CliError: its status is not as this plugin knows it.
    """
    meta = manifest["metadata"]
    try:
        status = ModelDeploymentStatus.model_validate(manifest.get("status") or {})
    except ValidationError as e:
        raise CliError(
            f"{e.error_count()} fields in the status of {meta['namespace']}/{meta['name']} are unknown to this plugin; "
            "install the plugin of the operator's version"
        ) from e
    spec = manifest.get("spec", {})
    scaled = any("autoscaling" in part for part in (spec, *spec.get("versions", [])))
    return Model(
        name=meta["name"],
        namespace=meta["namespace"],
        generation=meta.get("generation", 0),
        resource_version=meta["resourceVersion"],
        created_at=datetime.fromisoformat(meta["creationTimestamp"]),
        annotations=meta.get("annotations") or {},
        rollout=_rollout(spec.get("rollout")),
        replicas=None if spec.get("suspend") or scaled else spec.get("replicas", 1),
        status=status,
    )


def _rollout(spec: object) -> Rollout | None:
    if spec is None:
        return None
    try:
        return Rollout.model_validate(spec)
    except ValidationError:
        # The operator has refused it too: the conditions say which field is wrong, and nothing rolls out by it.
        return None

"""What spec says of one version."""

from dataclasses import dataclass

from eagleray.api.autoscaling import Autoscaling
from eagleray.api.serving import AppDeployment
from eagleray.domain.goals.groups import named_deployments
from eagleray.domain.goals.revision import Revision


@dataclass(frozen=True, slots=True)
class WantedVersion:
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

"""Worker groups: the worker Pods of one Serve deployment of a revision, or of all of them where spec names none."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

from eagleray.api.placement import GPUS, Placement, ResourceRequirements
from eagleray.api.pod_template import PodTemplate
from eagleray.api.serving import AppDeployment, Concurrency
from eagleray.api.template import VersionTemplate
from eagleray.api.units import parse_quantity
from eagleray.domain.facts.problem import InvalidSpecError

MODEL_GROUP = "Model"
APP_GROUP = "app"
Counts = Mapping[str, int]
"""Replicas by worker group."""


@dataclass(frozen=True, slots=True)
class Scale:
    """How much there is to be of a revision.

    Attributes:
        replicas: what it has of its version's replicas.
        groups: replicas of each worker group; those without numbers of their own have `replicas`.
    """

    replicas: int
    groups: Counts


@dataclass(frozen=True, slots=True)
class WorkerGroup:
    """The worker Pods of one Serve deployment.

    Attributes:
        name: of the Serve deployment; `APP_GROUP` where an application's deployments share their Pods.
        replicas_per_pod: how many replicas share one Pod.
        resources: of one replica.
        placement: nodes of its Pods.
        concurrency: requests per replica, where spec says.
        pod_template: what is merged into its Pods.
        on_demand: whether the Pod that is made of it runs on no spot node, whatever the others may do.
    """

    name: str
    replicas_per_pod: int = 1
    resources: ResourceRequirements | None = None
    placement: Placement | None = None
    concurrency: Concurrency | None = None
    pod_template: PodTemplate | None = None
    on_demand: bool = False

    def on_no_spot_node(self) -> Self:
        """The group as a Pod of it is made that runs on no spot node."""
        placement = (self.placement or Placement()).model_copy(update={"spot": "Forbid"})
        return replace(self, placement=placement, on_demand=True)

    def has_device_of(self, *vendors: str) -> bool:
        """Whether a replica has, or shares, a device of one of these vendors, such as `nvidia.com`."""
        names = [name for name, amount in self._amounts().items() if parse_quantity(amount)]
        return any(name.partition("/")[0] in vendors for name in names)

    def _amounts(self) -> dict[str, str]:
        resources = self.resources
        return {**((resources and resources.requests) or {}), **((resources and resources.limits) or {})}

    def check(self) -> None:
        """Refuse shares of GPUs that do not add up to whole ones in a Pod.

        Raises:
            InvalidSpecError: naming the field and the remedy.
        """
        amounts = self._amounts()
        for name in GPUS:
            share = parse_quantity(amounts.get(name, "0"))
            whole = share * self.replicas_per_pod
            if whole % 1:
                raise InvalidSpecError(
                    f"resources.limits: {self.replicas_per_pod} replicas of a Pod with {amounts[name]} {name} each make"
                    f" {whole}, and a Pod gets whole ones; write workers.replicasPerPod: {share.as_integer_ratio()[1]}"
                )


def groups_of(template: VersionTemplate) -> tuple[WorkerGroup, ...]:
    """The worker groups of what a version runs, in the order of spec; what a deployment leaves out is the version's."""
    named = named_deployments(template)
    if not named:
        name = MODEL_GROUP if template.model else APP_GROUP
        return (_group(name, template, AppDeployment(name=name, concurrency=template.concurrency)),)
    return tuple(_group(deployment.name, template, deployment) for deployment in named)


def named_deployments(template: VersionTemplate) -> tuple[AppDeployment, ...]:
    """The deployments of an application that spec gives Pods of their own."""
    return tuple((template.app and template.app.deployments) or ())


def _group(name: str, template: VersionTemplate, deployment: AppDeployment) -> WorkerGroup:
    workers = deployment.workers or template.workers
    return WorkerGroup(
        name=name,
        replicas_per_pod=workers.replicas_per_pod if workers else 1,
        resources=deployment.resources or template.resources,
        placement=deployment.placement or template.placement,
        concurrency=deployment.concurrency,
        pod_template=next(
            (w.pod_template for w in (deployment.workers, template.workers) if w and w.pod_template), None
        ),
    )


def part_of(whole: int, replicas: int, of: int) -> int:
    """How many of `whole` a group has while its version has `replicas` instead of `of`: rounded up.

    A candidate that answers a share of the requests so has that share of everything, and a version without replicas has
    none at all.
    """
    if not replicas:
        return 0
    return whole if replicas >= of else math.ceil(whole * replicas / of)

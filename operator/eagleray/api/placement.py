"""Where Pods run and what they may use: resources, placement, workers and head."""

import re
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema

from eagleray.api.base import (
    INT_OR_STRING,
    ApiModel,
    Later,
    Preserved,
    Quantity,
    Rule,
    count_or_share,
    map_list,
    quantity_text,
)
from eagleray.api.pod_template import PodTemplate
from eagleray.api.units import parse_quantity

RESOURCE_NAMES = Rule(
    "self.all(name, name in ['cpu', 'memory', 'ephemeral-storage'] || name.contains('/'))",
    "name cpu, memory, ephemeral-storage or a device with its vendor, such as nvidia.com/gpu",
    python=lambda names: all(n in {"cpu", "memory", "ephemeral-storage"} or "/" in n for n in names),
)
GPUS = ("nvidia.com/gpu", "amd.com/gpu")
"""Devices that Ray counts as GPUs: replicas of one Pod may share one of them."""
_SHARE = r"^[0-9]+([.][0-9]{1,4})?$"
WHOLE_DEVICES = Rule(
    f"self.all(name, !name.contains('/') || name in {list(GPUS)} || string(self[name]).matches('^[0-9]+$'))",
    "write devices with their vendor, but for nvidia.com/gpu and amd.com/gpu, as whole numbers",
    python=lambda amounts: all("/" not in n or n in GPUS or str(v).isdigit() for n, v in amounts.items()),
)
SHARED_GPUS = Rule(
    f"self.all(name, !(name in {list(GPUS)}) || string(self[name]).matches('{_SHARE}'))",
    "write GPUs as whole numbers, or as a share that replicas of one Pod add up to whole ones, such as 0.5",
    python=lambda amounts: all(n not in GPUS or re.search(_SHARE, str(v)) for n, v in amounts.items()),
)
Resources = Annotated[dict[str, Quantity], Field(max_length=8), RESOURCE_NAMES, WHOLE_DEVICES, SHARED_GPUS]


def _below_limit(name: str) -> Rule:
    """Make the rule for one resource; a rule over all of them costs more than Kubernetes allows."""
    given = f"has(self.requests) && has(self.limits) && '{name}' in self.requests && '{name}' in self.limits"
    request, limit = f"string(self.requests['{name}'])", f"string(self.limits['{name}'])"
    return Rule(
        f"!({given} && isQuantity({request}) && isQuantity({limit})) || "
        f"!quantity({request}).isGreaterThan(quantity({limit}))",
        f"the request for {name} is above its limit; raise limits.{name} or lower requests.{name}",
        python=lambda resources: resources.fits(name),
    )


class ResourceRequirements(ApiModel):
    """CPU, memory and devices of one replica."""

    cel_rules = (_below_limit("cpu"), _below_limit("memory"))

    requests: Resources | None = None
    """What a replica is sure to get: `cpu`, `memory`, devices."""
    limits: Resources | None = None
    """What a replica may use at most; devices such as `nvidia.com/gpu` are written here. With
    `workers.replicasPerPod: 2` and `nvidia.com/gpu: "0.5"` two replicas share a GPU."""

    def fits(self, name: str) -> bool:
        """Tell whether the request for resource `name`, if it has one, is within its limit."""
        request, limit = (self.requests or {}).get(name), (self.limits or {}).get(name)
        return request is None or limit is None or parse_quantity(request) <= parse_quantity(limit)


class Toleration(ApiModel):
    """A taint that the Pods accept, as in a Pod."""

    key: str | None = Field(None, max_length=317)
    """Key of the taint; left out with `operator: Exists` it means every taint."""
    operator: Literal["Exists", "Equal"] | None = None
    """How the key is compared with the value; `Equal` where it is left out."""
    value: str | None = Field(None, max_length=63)
    """Value of the taint."""
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = None
    """Effect of the taint; every effect where it is left out."""
    toleration_seconds: int | None = Field(None, ge=0, le=2**31 - 1)
    """How long a Pod stays after a NoExecute taint appears, in seconds."""


class Spread(ApiModel):
    """How the Pods are spread over zones and nodes."""

    topology_key: str = Field(max_length=317)
    """Label of the nodes that tells the domains apart."""
    max_skew: int = Field(ge=1, le=1000)
    """Largest difference between two domains."""
    when_unsatisfiable: Literal["DoNotSchedule", "ScheduleAnyway"]
    """What happens to a Pod that would break the spread."""


OnDemandMin = Annotated[
    str,
    WithJsonSchema(INT_OR_STRING),
    count_or_share("onDemandMin as a number of worker Pods"),
    BeforeValidator(quantity_text),
]
"""A number of worker Pods, or a share of them: `2`, `25%`."""


class Placement(ApiModel):
    """Nodes that the model's Pods run on."""

    cel_rules = (
        Rule(
            "!has(self.onDemandMin) || (has(self.spot) && self.spot in ['Allow', 'Prefer'])",
            "placement.onDemandMin keeps some Pods off spot nodes where others may run; write spot: Allow or "
            "spot: Prefer with it, or leave it out",
            field_path=".onDemandMin",
            python=lambda p: p.on_demand_min is None or p.spot in {"Allow", "Prefer"},
        ),
    )

    node_selector: dict[str, Annotated[str, Field(max_length=63)]] | None = Field(None, max_length=32)
    """Labels that a node must carry."""
    tolerations: list[Toleration] | None = Field(None, max_length=32)
    """Taints that the Pods accept."""
    accelerator: str | None = Field(None, max_length=63)
    """Kind of accelerator that a node must have, by the operator's list (`nodes.accelerators` of the chart), such as
    `nvidia-a10g`; taints of such nodes are accepted. How many a replica gets is in `resources.limits`."""
    affinity: Preserved | None = None
    """Affinity, as in a Pod; what the API server refuses of it is told by the condition."""
    spread: Annotated[list[Spread], map_list("topology_key", "when_unsatisfiable")] | None = Field(None, max_length=8)
    """How the Pods of a revision, or of one of its worker groups, are spread over zones and nodes; over nodes, where
    that can be had, if it is left out and `spot` prefers none. `[]` spreads nothing."""
    priority_class_name: str | None = Field(None, max_length=253)
    """Priority class of the Pods, and of the head that they depend on."""
    spot: Literal["Forbid", "Allow", "Prefer", "Require"] | None = None
    """Whether workers run on spot nodes, by the operator's list of their labels and taints. `Forbid`: never, nor does
    the head. `Allow`: their taints are accepted. `Prefer`: rather than on others. `Require`: nowhere else. Where it is
    left out, spot nodes are nodes like others."""
    on_demand_min: OnDemandMin | None = None
    """Worker Pods of a revision, or of each of its worker groups, that run on no spot node: `2`, or `25%` of them,
    rounded up. None where it is left out."""


class Workers(ApiModel):
    """Pods that the replicas run in."""

    replicas_per_pod: int = Field(1, ge=1, le=64)
    """Replicas that share one Pod."""
    pod_template: PodTemplate | None = None
    """Metadata and PodSpec merged last over what the operator builds."""


class HeadStorage(ApiModel):
    """Disk that a head keeps the cluster's state on."""

    size: Quantity
    """Size of the volume."""
    storage_class_name: str | None = Field(None, max_length=253)
    """Storage class of the volume."""


HEAD_MEMORY = "1536Mi"
"""The least memory of a head: with less Serve's API hangs while an application starts."""


def _enough(kind: str) -> Rule:
    amount = f"self.resources.{kind}['memory']"
    given = f"has(self.resources) && has(self.resources.{kind}) && 'memory' in self.resources.{kind}"

    def enough(head: "Head") -> bool:
        amounts = (head.resources and getattr(head.resources, kind)) or {}
        return "memory" not in amounts or parse_quantity(amounts["memory"]) >= parse_quantity(HEAD_MEMORY)

    return Rule(
        f"!({given} && isQuantity(string({amount})))"
        f" || quantity(string({amount})).compareTo(quantity('{HEAD_MEMORY}')) >= 0",
        f"a head starts no application with less memory than {HEAD_MEMORY}; write so much, or leave memory out",
        field_path=".resources",
        python=enough,
    )


class Head(ApiModel):
    """The Ray head of a revision."""

    cel_rules = (_enough("requests"), _enough("limits"))

    resources: ResourceRequirements | None = None
    """Requests and limits of the head, each over what it has by itself: 250m CPU and 1536Mi, 2Gi at most."""
    pod_template: PodTemplate | None = None
    """Metadata and PodSpec merged last over what the operator builds."""
    storage: Annotated[HeadStorage | None, Later] = None
    """Disk for the cluster's state, so that a new head goes on where the old one stopped."""

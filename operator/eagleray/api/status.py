"""What the operator reports. All that must survive a restart of the operator is here."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from eagleray.api.base import ApiModel, Later, Preserved, Timestamp, map_list
from eagleray.api.conditions import ConditionType

Message = Annotated[str, Field(max_length=4096)]
Name = Annotated[str, Field(max_length=63)]


class Condition(ApiModel):
    """One fact about the object, as kstatus and Argo CD read it."""

    type: str = Field(max_length=64)
    """What the fact is about."""
    status: Literal["True", "False", "Unknown"]
    """Whether it holds."""
    reason: str = Field(max_length=64)
    """Why, in one constant word."""
    message: Message = ""
    """Why, in a sentence: the Pod, the cause and the next step."""
    observed_generation: int = Field(0, ge=0)
    """Generation of `spec` that the fact is about."""
    last_transition_time: Timestamp
    """When `status` changed last."""


class Failure(ApiModel):
    """Why a revision does not answer, kept while it is tried again."""

    reason: str = Field(max_length=64)
    """Why, in one constant word."""
    message: Message = ""
    """Why, in a sentence."""
    at: Timestamp
    """When it happened last."""
    count: int = Field(1, ge=0)
    """How often it happened in a row."""


class VersionStatus(ApiModel):
    """One version as it is served now."""

    name: Name
    """Name of the version."""
    weight: int = Field(ge=0, le=100)
    """Share of the requests that is wanted, in percent."""
    effective_weight: int = Field(0, ge=0, le=100)
    """Share of the requests that it gets now, in percent."""
    stable: Name | None = None
    """Revision that answers users' requests."""
    candidate: Name | None = None
    """Revision that is to replace the stable one."""
    replicas: int = Field(0, ge=0)
    """Replicas that exist."""
    ready_replicas: int = Field(0, ge=0)
    """Replicas that answer."""
    message: Message | None = None
    """What the version waits for."""


class Outcome(StrEnum):
    """What became of a revision."""

    PENDING = "Pending"
    """It has not answered yet."""
    SERVING = "Serving"
    """It answers users' requests."""
    REPLACED = "Replaced"
    """A newer revision, or an older one again, took its place."""
    FAILED = "Failed"
    """It never answered and was given up."""


class RevisionStatus(ApiModel):
    """One version at one content."""

    name: Name
    """`<deployment>-<version>-<hash>`."""
    version: Name
    """Version that it belongs to."""
    hash: str = Field(max_length=16)
    """Hash of its content, without scale and weight."""
    image: str | None = Field(None, max_length=1024)
    """Image that its Pods run, with its digest as soon as that is known."""
    uri: str | None = Field(None, max_length=2048)
    """Where its model lies."""
    created_at: Timestamp
    """When the operator saw this content first."""
    outcome: str | None = Field(None, max_length=32)
    """What became of it: `Pending`, `Serving`, `Replaced` or `Failed`."""
    answered_at: Timestamp | None = None
    """When that cluster first answered a real request."""
    incarnation: int = Field(0, ge=0)
    """Number of its Ray cluster, from 1; a lost head is followed by the next cluster."""
    answered_incarnation: int | None = Field(None, ge=1)
    """Number of the Ray cluster that answered a real request last."""
    failure: Failure | None = None
    """Why it does not answer."""
    removing_since: Timestamp | None = None
    """When it was taken out of the traffic to be removed."""


class RolloutStatus(ApiModel):
    """A rollout under way."""

    version: Name
    """Version that moves."""
    from_: Name | None = Field(None, alias="from")
    """Stable revision."""
    to: Name
    """Candidate."""
    step: int = Field(0, ge=0)
    """Step that is being done, from 0."""
    weight: int = Field(0, ge=0, le=100)
    """Share of the version's requests that the candidate gets, in percent."""
    started_at: Timestamp
    """When it started."""
    paused: bool = False
    """Whether it waits for somebody to promote."""
    analysis: list[Preserved] | None = Field(None, max_length=32)
    """Last measurements."""


class ScalingStatus(ApiModel):
    """What scaling decided last, and why."""

    version: Name
    """Version that is scaled."""
    deployment: Name
    """Serve deployment that is scaled."""
    desired: int = Field(0, ge=0)
    """Replicas that it wants."""
    last_decision: Message | None = None
    """Why, in a sentence."""
    history: list[Preserved] | None = Field(None, max_length=32)
    """Decisions before."""


class ModelDeploymentStatus(ApiModel):
    """What the operator sees."""

    observed_generation: int = Field(0, ge=0)
    """Generation of `spec` that the status is about."""
    conditions: Annotated[list[Condition], map_list("type")] = Field(default_factory=list, max_length=16)
    """Ready, Progressing, Degraded and Stalled."""
    url: str | None = Field(None, max_length=2048)
    """Where the model answers inside the cluster."""
    replicas: int = Field(0, ge=0)
    """Replicas that exist, over all versions."""
    ready_replicas: int = Field(0, ge=0)
    """Replicas that answer, over all versions."""
    ready: str | None = Field(None, max_length=32)
    """`2/4`: replicas that answer, of replicas that are wanted."""
    selector: str | None = Field(None, max_length=1024)
    """Label selector of the worker Pods, for the scale subresource."""
    traffic: str | None = Field(None, max_length=256)
    """Who gets the requests now, in short: `default 100%`."""
    rollout: str | None = Field(None, max_length=256)
    """What is being replaced, in short; absent when nothing is."""
    versions: Annotated[list[VersionStatus], map_list("name")] = Field(default_factory=list, max_length=16)
    """Each version as it is served now."""
    revisions: Annotated[list[RevisionStatus], map_list("name")] = Field(default_factory=list, max_length=64)
    """Each revision that exists or is remembered."""
    rollouts: Annotated[list[RolloutStatus] | None, Later, map_list("version")] = Field(None, max_length=16)
    """Rollouts under way."""
    scaling: Annotated[list[ScalingStatus] | None, Later] = Field(None, max_length=64)
    """What scaling decided last, and why."""

    def condition(self, condition_type: ConditionType) -> Condition | None:
        """Give the condition of this type, if it was ever set."""
        return next((c for c in self.conditions if c.type == condition_type), None)

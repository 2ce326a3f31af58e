"""What the operator reports. All that must survive a restart of the operator is here."""

from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import Field

from eagleray.api.base import ApiModel, Timestamp, map_list
from eagleray.api.conditions import ConditionType
from eagleray.api.mirror_status import MirrorStatus
from eagleray.api.scaling_status import ScalingStatus
from eagleray.api.start_status import StartStatus

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
    wanted: Name | None = None
    """Revision that spec asks for; after a rollback it is not the stable one."""
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
    """It served once; a newer revision, or an older one again, took its place."""
    FAILED = "Failed"
    """It does not answer, or was taken back: `failure` or the rollout says why."""
    ABANDONED = "Abandoned"
    """Its content was changed again before it had taken over."""


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
    """What became of it: `Pending`, `Serving`, `Replaced`, `Failed` or `Abandoned`."""
    last_active_at: Timestamp | None = None
    """When it was last part of what runs; absent while it is."""
    served_at: Timestamp | None = None
    """When it first took over its version; back at such a revision, a rollout needs no steps."""
    attempts: int = Field(0, ge=0)
    """How often a rollout to it was begun."""
    answered_at: Timestamp | None = None
    """When its present cluster first answered a real request."""
    incarnation: int = Field(0, ge=0)
    """Number of its Ray cluster, from 1; a lost head is followed by the next cluster."""
    answered_incarnation: int | None = Field(None, ge=1)
    """Number of the Ray cluster that answered a real request last."""
    start: StartStatus | None = None
    """How its last start went, or goes."""
    failure: Failure | None = None
    """Why it does not answer."""
    removing_since: Timestamp | None = None
    """When it was taken out of the traffic to be removed."""


class MetricStatus(ApiModel):
    """How one figure of a rollout's analysis stands."""

    name: str = Field(max_length=64)
    """Name of the metric."""
    verdict: Literal["Successful", "Failed", "Inconclusive", "NoData"]
    """What the last measurement says. `NoData`: too few requests to say anything."""
    message: Message = ""
    """The last measurement in a sentence: value, limit and number of requests."""
    measured_at: Timestamp
    """When it was taken."""
    successful: int = Field(0, ge=0)
    """Measurements that passed since the share changed last."""
    failed: int = Field(0, ge=0)
    """Measurements that failed since the rollout began."""
    inconclusive: int = Field(0, ge=0)
    """Measurements that were above the limit without proof since the share changed last."""


class RolloutPhase(StrEnum):
    """Where a rollout stands."""

    PROGRESSING = "Progressing"
    """It goes on by itself."""
    PAUSED = "Paused"
    """It waits for a person."""
    ABORTED = "Aborted"
    """It was taken back; the stable revision has all requests of the version."""


class RolloutStatus(ApiModel):
    """A rollout under way, or one that was taken back."""

    version: Name
    """Version that moves."""
    from_: Name = Field(alias="from")
    """Stable revision."""
    to: Name
    """Candidate."""
    attempt: int = Field(1, ge=1)
    """How often this candidate was tried, from 1; verbs name it, so that each counts once."""
    direct: bool = False
    """Whether the candidate takes over without steps, as it has served before."""
    phase: RolloutPhase = RolloutPhase.PROGRESSING
    """`Progressing`, `Paused` or `Aborted`."""
    step: int = Field(0, ge=0)
    """Step that is being done, from 0; the number of steps when all are done."""
    steps: int = Field(0, ge=0)
    """Number of steps."""
    steps_hash: str = Field("", max_length=16)
    """Hash of the steps; with other steps the rollout begins anew with the first, keeping its share until then."""
    weight: int = Field(0, ge=0, le=100)
    """Share of the version's requests that the candidate is to get at this step, in percent."""
    effective_weight: int = Field(0, ge=0, le=100)
    """Share that it gets now: 0 while none of its replicas answers, 100 while none of the stable revision does."""
    replicas: int = Field(0, ge=0)
    """Replicas that the candidate is to have for now."""
    message: Message = ""
    """What it does, waits for, or why it was taken back."""
    started_at: Timestamp
    """When it started."""
    step_started_at: Timestamp
    """When its present step began."""
    weight_changed_at: Timestamp | None = None
    """When every router had taken over the present weight; absent until then."""
    waiting_since: Timestamp | None = None
    """Since when the candidate has too few answering replicas; the deadline counts from here."""
    interruptions: int = Field(0, ge=0)
    """How often none of its replicas answered while it had a share."""
    aborted_at: Timestamp | None = None
    """When it was taken back."""
    analysis: Annotated[list[MetricStatus], map_list("name")] | None = Field(None, max_length=16)
    """Last measurements of the figures of the whole rollout."""
    step_analysis: Annotated[list[MetricStatus], map_list("name")] | None = Field(None, max_length=16)
    """Last measurements of the figures of the present step, where it has some of its own."""


class ShareStatus(ApiModel):
    """A part of the callers, and who answers them."""

    revision: Name
    """Revision that answers."""
    slots: int = Field(ge=1, le=10_000)
    """How many of the 10,000 parts that callers are sorted into."""


class ModelDeploymentStatus(ApiModel):
    """What the operator sees."""

    observed_generation: int = Field(0, ge=0)
    """Generation of `spec` that the status is about."""
    conditions: Annotated[list[Condition], map_list("type")] = Field(default_factory=list, max_length=16)
    """Ready, Progressing, Degraded and Stalled."""
    url: str | None = Field(None, max_length=2048)
    """Where the model answers: from outside, where it is known to, or else inside the cluster."""
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
    revisions: Annotated[list[RevisionStatus], map_list("name")] = Field(default_factory=list, max_length=256)
    """Each revision that exists or is remembered."""
    rollouts: Annotated[list[RolloutStatus], map_list("version")] | None = Field(None, max_length=16)
    """Rollouts under way, and those that were taken back while their content is still what spec says."""
    split: list[ShareStatus] | None = Field(None, max_length=256)
    """With `traffic.sticky`: which callers go where, in order; kept so that a change moves as few as it can."""
    mirror: MirrorStatus | None = None
    """With `traffic.mirror.compare`: how far the mirrored version agrees."""
    scaling: Annotated[list[ScalingStatus], map_list("revision", "deployment")] | None = Field(None, max_length=160)
    """With `autoscaling`: what was decided last about each revision that answers, and why."""

    def as_written(self) -> dict[str, Any]:
        """Give the status as it is applied: without what is absent or empty.

        Server-side apply turns a map or a list that loses its last entry into null, which the schema refuses
        (kubernetes/kubernetes#135841); what is left out is removed.
        """
        return _without_empty(self.model_dump(mode="json", by_alias=True, exclude_none=True))

    def condition(self, condition_type: ConditionType) -> Condition | None:
        """Give the condition of this type, if it was ever set."""
        return next((c for c in self.conditions if c.type == condition_type), None)

    def version(self, name: str) -> VersionStatus | None:
        """Give the version of this name, if there is one."""
        return next((v for v in self.versions if v.name == name), None)

    def revision(self, name: str) -> RevisionStatus | None:
        """Give the revision of this name, if it exists or is remembered."""
        return next((r for r in self.revisions if r.name == name), None)

    def rollout_of(self, version: str) -> RolloutStatus | None:
        """Give the rollout of a version, if there is one."""
        return next((r for r in self.rollouts or [] if r.version == version), None)

    def scaling_of(self, revision: str, deployment: str = "") -> ScalingStatus | None:
        """Give what was decided last about a revision's number of replicas, if it is scaled.

        Args:
            revision: the revision.
            deployment: a Serve deployment that is scaled on its own; "" for the revision as a whole.
        """
        return next((s for s in self.scaling or [] if (s.revision, s.deployment) == (revision, deployment)), None)


def _without_empty(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: _inside(value) for name, value in fields.items() if value not in ({}, [])}


def _inside(value: object) -> object:
    if isinstance(value, dict):
        return _without_empty(value)
    return [_inside(entry) for entry in value] if isinstance(value, list) else value

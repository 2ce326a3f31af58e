"""All that is remembered of one ModelDeployment, and all that is said of it."""

from dataclasses import dataclass
from datetime import datetime

from eagleray.api.conditions import ConditionType
from eagleray.api.mirror_status import MirrorSample
from eagleray.api.status import Condition
from eagleray.domain.state.revision import RevisionState
from eagleray.domain.state.rollout import RolloutState
from eagleray.domain.state.scaling import ScalingState


@dataclass(frozen=True, slots=True)
class VersionState:
    """One version as it is served.

    Attributes:
        name: its name.
        weight: share of the requests that is wanted, in percent.
        effective_weight: share that it gets.
        wanted: the revision that spec asks for.
        stable: the revision that answers users.
        candidate: the revision that is to replace the stable one.
        replicas: replicas that exist.
        ready_replicas: replicas that answer.
        message: what it waits for.
    """

    name: str
    weight: int
    effective_weight: int = 0
    wanted: str | None = None
    stable: str | None = None
    candidate: str | None = None
    replicas: int = 0
    ready_replicas: int = 0
    message: str | None = None


@dataclass(frozen=True, slots=True)
class ShareState:
    """A part of the callers.

    Attributes:
        revision: who answers them.
        slots: how many of the 10,000 parts.
    """

    revision: str
    slots: int


@dataclass(frozen=True, slots=True)
class MirrorState:
    """How far a mirrored version agrees with what users got.

    Attributes:
        version: the mirrored version.
        revision: the mirrored revision.
        at: when the figures were read.
        compared: answers that were compared.
        agreed: those of them that said the same.
        agreement: the share that agreed; None before the first.
        failed: copies that no replica answered.
        skipped: exchanges that could not be compared.
        latency: mean time to the user's answer.
        mirror_latency: the same of the mirrored version's.
        samples: the last that differed, the latest first.
    """

    version: str
    revision: str
    at: datetime
    compared: int = 0
    agreed: int = 0
    agreement: str | None = None
    failed: int = 0
    skipped: int = 0
    latency: str | None = None
    mirror_latency: str | None = None
    samples: tuple[MirrorSample, ...] = ()


@dataclass(frozen=True, slots=True)
class State:
    """One ModelDeployment; the fields are those of its status.

    Attributes:
        observed_generation: generation of the spec that it is about.
        conditions: its conditions.
        url: where the model answers.
        replicas: replicas that exist.
        ready_replicas: replicas that answer.
        ready: both of them for a column.
        selector: label selector of the worker Pods.
        traffic: who gets the requests, in short.
        rollout: what is being replaced, in short.
        versions: each version.
        revisions: each revision that exists or is remembered.
        rollouts: rollouts under way, and those that were taken back.
        split: which callers go where.
        mirror: how far a mirrored version agrees.
        scaling: what was decided about each revision that is scaled.
    """

    observed_generation: int = 0
    conditions: tuple[Condition, ...] = ()
    url: str | None = None
    replicas: int = 0
    ready_replicas: int = 0
    ready: str | None = None
    selector: str | None = None
    traffic: str | None = None
    rollout: str | None = None
    versions: tuple[VersionState, ...] = ()
    revisions: tuple[RevisionState, ...] = ()
    rollouts: tuple[RolloutState, ...] = ()
    split: tuple[ShareState, ...] = ()
    mirror: MirrorState | None = None
    scaling: tuple[ScalingState, ...] = ()

    def condition(self, condition_type: ConditionType) -> Condition | None:
        """The condition of this type, if it was ever set."""
        return next((c for c in self.conditions if c.type == condition_type), None)

    def version(self, name: str) -> VersionState | None:
        """The version of this name, if there is one."""
        return next((v for v in self.versions if v.name == name), None)

    def revision(self, name: str) -> RevisionState | None:
        """The revision of this name, if it exists or is remembered."""
        return next((r for r in self.revisions if r.name == name), None)

    def rollout_of(self, version: str) -> RolloutState | None:
        """The rollout of a version, if there is one."""
        return next((r for r in self.rollouts if r.version == version), None)

    def scaling_of(self, revision: str, deployment: str = "") -> ScalingState | None:
        """What was decided last about a revision, or about a Serve deployment of it, if it is scaled."""
        return next((s for s in self.scaling if (s.revision, s.deployment) == (revision, deployment)), None)

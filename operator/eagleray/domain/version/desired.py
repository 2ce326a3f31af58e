"""What the user asks for: a ModelDeployment's manifest turned into versions and their revisions."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from eagleray.api.spec import Lane, ModelDeploymentSpec
from eagleray.api.template import VersionTemplate
from eagleray.api.units import parse_duration
from eagleray.domain.actions.router_config import DEFAULT_TIMEOUT_SECONDS, StreamClock
from eagleray.domain.facts.problem import InvalidSpecError
from eagleray.domain.goals.groups import named_deployments
from eagleray.domain.goals.installation import Installation
from eagleray.domain.goals.revision import Revision, restarted_at, revision_name
from eagleray.domain.goals.shares import replicas_by_weight
from eagleray.domain.goals.verbs import Verbs, read_verbs
from eagleray.domain.goals.wanted import WantedVersion
from eagleray.domain.state.observed import Observed
from eagleray.domain.version.asked import AskedSpec, read_asked, usable

DEFAULT_HISTORY_LIMIT = 10


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
        accepted: the last spec that could be read, for the next time.
        refused: what spec asks for and is not given, and why; "" where all of it is.
        lacking: names of the versions that have nothing to run, as all that spec asks for is refused.
        stand_ins: by name, revisions that serve and cannot be read.
    """

    name: str
    namespace: str
    uid: str
    generation: int
    spec: ModelDeploymentSpec
    versions: tuple[WantedVersion, ...]
    verbs: Verbs
    logged_percent: float = 100.0
    accepted: ModelDeploymentSpec | None = None
    refused: str = ""
    lacking: frozenset[str] = frozenset()
    stand_ins: Mapping[str, Revision] = field(default_factory=dict)

    @property
    def request_timeout(self) -> float:
        """Longest time for one request, in seconds."""
        text = self.spec.request_timeout
        return parse_duration(text) if text else DEFAULT_TIMEOUT_SECONDS

    @property
    def stream(self) -> StreamClock | None:
        """What bounds answers that may go on for longer; None where `requestTimeout` does."""
        given = self.spec.stream_timeout
        if given is None:
            return None
        silence = parse_duration(given.silence) if given.silence else self.request_timeout
        first = parse_duration(given.first_byte) if given.first_byte else self.request_timeout
        return StreamClock(first_byte=min(first, silence), silence=silence)

    @property
    def history_limit(self) -> int:
        """How many replaced revisions of each version are remembered."""
        limit = self.spec.revision_history_limit
        return DEFAULT_HISTORY_LIMIT if limit is None else limit


def parse(
    manifest: Mapping[str, Any],
    installation: Installation,
    observed: Observed,
    accepted: ModelDeploymentSpec | None = None,
) -> Desired:
    """Parse a ModelDeployment as read from the API server.

    Only what is new can be refused. A version whose content this operator does not serve keeps the revision that it
    has; of a spec that cannot be read at all the last one that could be counts, or else what the status says is there.

    Args:
        manifest: the object.
        installation: what the operator's settings say.
        observed: what was seen: revisions that exist are checked no more, and keep the image that they were made with.
        accepted: the last spec that could be read, if one is remembered.
    """
    meta = manifest["metadata"]
    asked = read_asked(manifest.get("spec") or {}, observed, accepted)
    stand_ins = _stand_ins(asked, meta, observed)
    lanes = _LaneResolver(
        meta, installation, {**observed.revisions, **stand_ins}, observed, read_verbs(meta.get("annotations") or {})
    )
    shared = replicas_by_weight(asked.spec.replicas, {lane.name: lane.weight for lane in asked.lanes if _shares(lane)})
    outcomes = [
        lanes.resolve(lane, shared.get(lane.name, lane.replicas or 0), as_is=asked.as_is) for lane in asked.lanes
    ]
    refusals = [asked.refused, installation.servers.refusal(asked.spec), *(outcome.refused for outcome in outcomes)]
    return Desired(
        name=meta["name"],
        namespace=meta["namespace"],
        uid=meta["uid"],
        generation=meta["generation"],
        spec=asked.spec,
        versions=tuple(outcome.version for outcome in outcomes if outcome.version),
        verbs=lanes.verbs,
        logged_percent=installation.logged_percent,
        accepted=asked.accepted,
        refused="; ".join(dict.fromkeys(filter(None, refusals))),
        lacking=frozenset(
            lane.name for lane, outcome in zip(asked.lanes, outcomes, strict=True) if not outcome.version
        ),
        stand_ins=stand_ins,
    )


def _shares(lane: Lane) -> bool:
    return lane.replicas is None and lane.template.autoscaling is None


def _stand_ins(asked: AskedSpec, meta: Mapping[str, Any], observed: Observed) -> dict[str, Revision]:
    """What serves and cannot be read is at least known by name; its Pods are taken for those that spec asks for."""
    templates = {lane.name: lane.template for lane in asked.lanes}
    return {
        version.stable: Revision(
            name=version.stable,
            model=meta["name"],
            namespace=meta["namespace"],
            version=version.name,
            template=templates.get(version.name, VersionTemplate()),
            image="",
        )
        for version in observed.status.versions
        if version.stable and version.stable in observed.unreadable
    }


@dataclass(frozen=True, slots=True)
class _Resolved:
    """A lane as it is served: by nothing where all that there is of it is refused."""

    version: WantedVersion | None
    refused: str = ""


@dataclass(frozen=True, slots=True)
class _LaneResolver:
    """What lanes are resolved with."""

    meta: Mapping[str, Any]
    installation: Installation
    revisions: Mapping[str, Revision]
    observed: Observed
    verbs: Verbs

    def resolve(self, lane: Lane, replicas: int, *, as_is: bool) -> _Resolved:
        """Find the revision that a lane is to run, or the one that it keeps.

        Args:
            lane: the lane.
            replicas: how many it is to have.
            as_is: whether it is to go on with what it has, whatever its content.
        """
        if as_is:
            return self._resolved(lane, replicas, self._kept(lane.name), "")
        try:
            return self._resolved(lane, replicas, self._asked_for(lane), "")
        except InvalidSpecError as e:
            return self._resolved(lane, replicas, self._kept(lane.name), str(e))

    def _resolved(self, lane: Lane, replicas: int, revision: Revision | None, refused: str) -> _Resolved:
        template, schedules = usable(lane.template)
        refused = "; ".join(filter(None, (refused, schedules)))
        if revision is None:
            return _Resolved(None, refused)
        version = WantedVersion(
            name=lane.name,
            weight=lane.weight,
            replicas=replicas,
            revision=revision,
            wanted=self._name(lane),
            autoscaling=template.autoscaling,
            deployments=named_deployments(template),
        )
        return _Resolved(version, refused)

    def _name(self, lane: Lane) -> str:
        return revision_name(self.meta["name"], lane.name, lane.template, self._restarted_at)

    @property
    def _restarted_at(self) -> str:
        return restarted_at(self.meta.get("annotations") or {})

    def _asked_for(self, lane: Lane) -> Revision:
        name = self._name(lane)
        return self._earlier(lane, name) or self.revisions.get(name) or self._new(lane, name)

    def _earlier(self, lane: Lane, wanted: str) -> Revision | None:
        """The revision that a person went back to."""
        earlier = self.revisions.get(self.verbs.rolled_back_from(wanted) or "")
        return earlier if earlier is not None and earlier.version == lane.name else None

    def _new(self, lane: Lane, name: str) -> Revision:
        self.installation.check(lane.template)
        return Revision(
            name=name,
            model=self.meta["name"],
            namespace=self.meta["namespace"],
            version=lane.name,
            template=lane.template,
            image=self.installation.image(lane.template),
            restarted_at=self._restarted_at,
        )

    def _kept(self, version: str) -> Revision | None:
        before = self.observed.status.version(version)
        names = (before.stable, before.candidate) if before else ()
        return next((self.revisions[name] for name in names if name and name in self.revisions), None)

"""All that one look is decided on: what was seen of an object's world, and what is remembered."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from eagleray.domain.facts.entrances import Entrance
from eagleray.domain.facts.pods import Pod
from eagleray.domain.facts.probe import ProbeResult
from eagleray.domain.facts.problem import PartOutcome, PeerTrouble
from eagleray.domain.facts.progress import Progress
from eagleray.domain.facts.providers.query import Readings
from eagleray.domain.facts.ray_nodes import NodeState, NodeUse
from eagleray.domain.facts.routers import RouterPod
from eagleray.domain.facts.samples import Sample
from eagleray.domain.facts.serve import ServeState
from eagleray.domain.goals.revision import Revision
from eagleray.domain.state.model import State


@dataclass(frozen=True, slots=True)
class Observed:
    """Everything that a plan may depend on beside the object and the time.

    Attributes:
        status: what is remembered: the status as last written.
        pods: every Ray Pod of the object.
        revisions: by name, the revisions that exist (each kept in a ControllerRevision).
        services: names of the revisions that have a Service; only those have more than their content.
        serve: by head Pod, what its Serve REST API says; a head that does not answer is not in it.
        serve_errors: by head Pod, why it gave no answer or refused the last request.
        unprotected: by head Pod, that its Ray takes requests without a token, in a sentence.
        unreadable: by revision, why its content cannot be read: another version of the operator wrote it.
        nodes: by worker Pod, its Ray node's state; asked for only while there are Pods to remove.
        routers: every router Pod that is not being deleted.
        router_version: version of the router's configuration that was written last, "" before the first.
        probes: by revision, the last probe's outcome.
        samples: what the routers said at this look and at those before, the latest last.
        readings: what others answered last.
        use: by worker Pod, what its replicas use and do; asked for only where that is a metric.
        progress: by worker Pod, how far its download, or a constructor there, is; of one Pod of each revision at most.
        outcomes: by part of the plan, how the last try to do it ended, where it did not end well.
        created_at: when the object was created; older Pods were left to it by one of its name. None where unknown.
        entrances: what leads to its routers, the router's own Service included.
        overdue: Pods that should have gone; `set_apart` takes them out of `pods`.
    """

    status: State
    pods: tuple[Pod, ...] = ()
    revisions: Mapping[str, Revision] = field(default_factory=dict)
    services: frozenset[str] = frozenset()
    serve: Mapping[str, ServeState] = field(default_factory=dict)
    serve_errors: Mapping[str, PeerTrouble] = field(default_factory=dict)
    unprotected: Mapping[str, str] = field(default_factory=dict)
    unreadable: Mapping[str, str] = field(default_factory=dict)
    nodes: Mapping[str, NodeState] = field(default_factory=dict)
    routers: tuple[RouterPod, ...] = ()
    router_version: str = ""
    probes: Mapping[str, ProbeResult] = field(default_factory=dict)
    samples: tuple[Sample, ...] = ()
    readings: Readings = field(default_factory=dict)
    use: Mapping[str, NodeUse] = field(default_factory=dict)
    progress: Mapping[str, Progress] = field(default_factory=dict)
    outcomes: Mapping[str, PartOutcome] = field(default_factory=dict)
    created_at: datetime | None = None
    entrances: tuple[Entrance, ...] = ()
    overdue: tuple[Pod, ...] = ()


def set_apart(observed: Observed, now: datetime) -> Observed:
    """Take the Pods that should have gone out of those that count: they only hold their names.

    Args:
        observed: what was seen.
        now: the time of the decision.
    """
    overdue = tuple(p for p in observed.pods if p.overdue(now))
    return replace(observed, pods=tuple(p for p in observed.pods if p not in overdue), overdue=overdue)


def routers_confirm(observed: Observed, revisions: Iterable[str]) -> bool:
    """Whether every router Pod is known to run what was written last, the endpoints of `revisions` included.

    One that is not ready gets no requests, and will begin with what was written last.
    """
    names = tuple(revisions)
    ready = [r for r in observed.routers if r.ready]
    return bool(ready) and all(r.stats is not None and r.stats.runs(observed.router_version, names) for r in ready)

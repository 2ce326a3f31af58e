"""Who gets the requests: the router's configuration as it follows from versions, weights and rollouts."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from eagleray.api.conditions import Reason
from eagleray.api.router import Router
from eagleray.api.traffic import Tolerance, Traffic
from eagleray.domain.actions.router_config import (
    DEFAULT_ABSOLUTE_TOLERANCE,
    DEFAULT_MAX_HEADER_BYTES,
    DEFAULT_MAX_HEADERS,
    DEFAULT_MAX_REQUEST_BYTES,
    DEFAULT_RELATIVE_TOLERANCE,
    DEFAULT_RETRY_BODY_BYTES,
    SLOTS,
    RouterConfig,
    RouterLane,
    RouterMirror,
    RouterTarget,
    Share,
)
from eagleray.domain.facts.pods import Pod, Role
from eagleray.domain.facts.ports import CALLS_FIRST, REPLICA_FIRST, replica_ports
from eagleray.domain.goals.revision import Revision
from eagleray.domain.goals.shares import apportion
from eagleray.domain.revision.revision_view import RevisionView
from eagleray.domain.state.observed import Observed
from eagleray.domain.traffic.access import access, limits
from eagleray.domain.traffic.clients import cors
from eagleray.domain.traffic.entrances import prefixes
from eagleray.domain.traffic.size import size
from eagleray.domain.traffic.slots import resplit
from eagleray.domain.version.desired import Desired
from eagleray.domain.version.leaving import Leaving
from eagleray.domain.version.scaling.sleep import hold_seconds
from eagleray.domain.version.version_view import Versions, VersionView


def route(
    desired: Desired,
    versions: Versions,
    weights: Mapping[str, int],
    leaving: tuple[Leaving, ...],
    observed: Observed,
) -> RouterConfig:
    """Configure the router.

    A candidate before its first step, and a revision that leaves, are there without a share.

    Args:
        desired: the parsed object.
        versions: its versions as they stand.
        weights: their effective weights.
        leaving: revisions that are still to go.
        observed: what was seen.
    """
    traffic, router = desired.spec.traffic or Traffic(), desired.spec.router or Router()
    copied = traffic.mirror.version if traffic.mirror and not traffic.mirror.compare else None
    targets = [replace(_target(v, view), copied=v.lane.name == copied) for v in versions for view in v.views]
    names = {v.lane.name for v in versions}
    idles = [v.autoscaling.idle for v in desired.versions if v.autoscaling and v.autoscaling.idle]
    targets += [
        _endpoints(observed.revisions[gone.record.name], gone.pods)
        for gone in leaving
        if gone.pods and gone.record.answered_at is not None
    ]
    return RouterConfig(
        name=desired.name,
        namespace=desired.namespace,
        targets=tuple(targets),
        split=_split(traffic, versions, weights, observed),
        lanes=tuple(RouterLane(v.lane.name, _lane(v)) for v in versions),
        rules=tuple(rule for rule in traffic.rules or () if rule.version in names),
        sticky=traffic.sticky,
        mirror=_mirror(traffic, versions, weights),
        compares=compares(traffic),
        version_header=traffic.version_header != "Disabled",
        answer_headers=traffic.answer_headers != "Disabled",
        request_timeout=desired.request_timeout,
        stream=desired.stream,
        max_request_bytes=router.max_request_bytes or DEFAULT_MAX_REQUEST_BYTES,
        max_header_bytes=router.max_header_bytes or DEFAULT_MAX_HEADER_BYTES,
        max_headers=router.max_headers or DEFAULT_MAX_HEADERS,
        trusted_hops=router.trusted_hops or 0,
        cors=cors(router.cors),
        unavailable=_unavailable(desired, versions),
        model=all(v.revision.template.model for v in desired.versions),
        holds=bool(idles),
        hold_timeout=max(map(hold_seconds, idles), default=0.0),
        ignored=tuple(dict.fromkeys(each for idle in idles for each in idle.ignore or ())),
        logged_percent=desired.logged_percent,
        access=access(router),
        limits=limits(router),
        size=size(router.resources),
        retry_body_bytes=DEFAULT_RETRY_BODY_BYTES if router.retry_body_bytes is None else router.retry_body_bytes,
        prefixes=prefixes(router),
    )


def effective_weights(versions: Versions, observed: Observed) -> dict[str, int]:
    """Share of the requests that each version is given now, in percent: 100 in all, or nothing where nothing serves.

    A version without an answering replica gets none, and its share goes to the others in proportion. Where none has an
    answering replica all keep theirs, so that the first replica to come back is asked at once, operator or not. While
    no router can be asked everything stays as it was. While versions are there that spec has no more, those that had
    requests keep them: the new ones are not ready before.
    """
    none = {v.lane.name: 0 for v in versions}
    before = {v.name: v.effective_weight for v in observed.status.versions}
    departs = any(v.departing for v in versions)
    lanes = [v for v in versions if v.departing or before.get(v.lane.name) or not departs]
    serving = {v.lane.name: v.lane.weight for v in lanes if _has_replicas(v) and v.lane.weight}
    if not serving:
        return none
    able = {v.lane.name for v in lanes if _able(v, before)}
    weights = {name: weight for name, weight in serving.items() if name in able} or serving
    return none | apportion(100, weights)


def _has_replicas(version: VersionView) -> bool:
    wanted = version.hold is not None or any(view.wanted > 0 for view in version.serving)
    return version.stable is not None and wanted


def _able(version: VersionView, before: Mapping[str, int]) -> bool:
    if version.hold is not None:
        return True
    if all(view.serves is None for view in version.serving):
        return bool(before.get(version.lane.name))
    return any(view.serves for view in version.serving)


def _split(traffic: Traffic, versions: Versions, weights: Mapping[str, int], observed: Observed) -> tuple[Share, ...]:
    """Share the requests out between revisions, in `SLOTS` parts.

    With sticky callers the places that they have are kept as far as the weights allow.
    """
    parts = {s.revision: s.slots * weights[v.lane.name] // 100 for v in versions for s in _lane(v)}
    shares = {revision: slots for revision, slots in parts.items() if slots}
    if not shares:
        return ()
    before = [Share(s.revision, s.slots) for s in observed.status.split] if traffic.sticky else []
    return resplit(before, shares)


def _lane(version: VersionView) -> tuple[Share, ...]:
    """How a version's revisions share its own requests; nobody before the first has answered."""
    stable, part = version.stable, SLOTS * version.share // 100
    if stable is None or not _has_replicas(version):
        return ()
    if version.candidate is None or not part:
        return (Share(stable.revision.name, SLOTS),)
    both = (Share(stable.revision.name, SLOTS - part), Share(version.candidate.revision.name, part))
    return tuple(share for share in both if share.slots)


def compares(traffic: Traffic) -> bool:
    """Whether a mirrored version's answers are compared; only the user's word counts, not who answers."""
    return bool(traffic.mirror and traffic.mirror.compare)


def _mirrored(named: VersionView, versions: Versions, weights: Mapping[str, int]) -> RevisionView | None:
    """Who gets copies: the candidate while it has no requests of its own, else the stable revision.

    The only version that answers users gets none but for its candidate: it would be compared with itself.
    """
    candidate = named.candidate
    if candidate is not None and candidate.answered and not named.aborted and not named.share:
        return candidate
    others = any(weights[v.lane.name] for v in versions if v is not named)
    return named.stable if others else None


def _mirror(traffic: Traffic, versions: Versions, weights: Mapping[str, int]) -> RouterMirror | None:
    if traffic.mirror is None:
        return None
    named = next((v for v in versions if v.lane.name == traffic.mirror.version), None)
    mirrored = _mirrored(named, versions, weights) if named else None
    if mirrored is None or mirrored.serves is False:
        return None
    allowed = traffic.mirror.tolerance or Tolerance()
    return RouterMirror(
        revision=mirrored.revision.name,
        percent=traffic.mirror.percent,
        relative=DEFAULT_RELATIVE_TOLERANCE if allowed.relative is None else allowed.relative,
        absolute=DEFAULT_ABSOLUTE_TOLERANCE if allowed.absolute is None else allowed.absolute,
        bodies=bool(traffic.mirror.bodies),
    )


def _target(version: VersionView, view: RevisionView) -> RouterTarget:
    """The endpoints of a revision: of its present incarnation, and of earlier ones until that has taken over.

    Revisions that share a version's requests stand in for each other.
    """
    name = view.revision.name
    sharing = [share.revision for share in _lane(version)]
    hold = version.hold if view is version.stable else None
    fallback = next((r for r in sharing if r != name), "") if name in sharing and not version.hold else ""
    every = view.hands_over or not view.answered
    pods = [p for p in view.cluster.pods if every or p.incarnation == view.cluster.incarnation]
    return replace(_endpoints(view.revision, pods), hold=hold, fallback=fallback)


def _endpoints(revision: Revision, pods: Iterable[Pod]) -> RouterTarget:
    """A Pod that is being deleted stays: its replicas finish, and its health checks say when it takes no more."""
    addresses = {p.ip for p in pods if p.role is Role.WORKER and p.ip and not p.terminated}
    return RouterTarget(
        revision=revision.name,
        version=revision.version,
        addresses=tuple(sorted(addresses)),
        ports=replica_ports(revision.most_per_pod, CALLS_FIRST if revision.calls else REPLICA_FIRST),
        calls=revision.calls,
        model=revision.template.model is not None,
    )


def _unavailable(desired: Desired, versions: Versions) -> str:
    if desired.spec.suspend:
        return f"{Reason.SUSPENDED}: spec.suspend is true"
    if all(v.goal.replicas == 0 for v in versions if v.lane.weight):
        return f"{Reason.SCALED_TO_ZERO}: spec.replicas is 0"
    if any(v.stable and v.stable.wanted == 0 for v in versions):
        return f"{Reason.ROLLOUT_IN_PROGRESS}: the old revision has gone, the new one starts"
    return f"{Reason.STARTING}: no revision has answered yet"

"""Who gets the requests: the router's configuration as it follows from the revisions."""

from collections.abc import Iterable

from eagleray.api.conditions import Reason
from eagleray.domain.desired import Desired
from eagleray.domain.observed import Observed, Pod, Role
from eagleray.domain.ports import replica_ports
from eagleray.domain.revision_state import RevisionView
from eagleray.domain.revisions import Revision
from eagleray.domain.rollout import Leaving, VersionView
from eagleray.domain.router import RouterConfig, RouterTarget


def route(
    desired: Desired, versions: tuple[VersionView, ...], leaving: tuple[Leaving, ...], observed: Observed
) -> RouterConfig:
    """Configure the router: all traffic goes to the stable revision.

    A candidate, and a revision that leaves, are there at weight 0.
    """
    targets = [_target(view, _weight(version, view)) for version in versions for view in version.views]
    targets += [
        _endpoints(observed.revisions[gone.record.name], 0, gone.pods)
        for gone in leaving
        if gone.pods and gone.record.answered_at is not None
    ]
    return RouterConfig(
        name=desired.name,
        namespace=desired.namespace,
        targets=tuple(targets),
        request_timeout=desired.request_timeout,
        unavailable=_unavailable(versions),
    )


def _weight(version: VersionView, view: RevisionView) -> int:
    return version.version.weight if view is version.stable and view.wanted > 0 else 0


def _target(view: RevisionView, weight: int) -> RouterTarget:
    """The endpoints of a revision: of its present incarnation, and of earlier ones until that has answered."""
    pods = [p for p in view.cluster.pods if p.incarnation == view.cluster.incarnation or not view.answered]
    return _endpoints(view.revision, weight, pods)


def _endpoints(revision: Revision, weight: int, pods: Iterable[Pod]) -> RouterTarget:
    """A Pod that is being deleted stays: its replicas finish, and its health checks say when it takes no more."""
    addresses = {p.ip for p in pods if p.role is Role.WORKER and p.ip and not p.terminated}
    return RouterTarget(
        revision=revision.name,
        version=revision.version,
        weight=weight,
        addresses=tuple(sorted(addresses)),
        ports=replica_ports(revision.replicas_per_pod),
        retry_in_flight=revision.template.model is not None,
    )


def _unavailable(versions: tuple[VersionView, ...]) -> str:
    if any(v.stable and v.stable.wanted == 0 for v in versions):
        return f"{Reason.SCALED_TO_ZERO}: spec.replicas is 0"
    return f"{Reason.STARTING}: no revision has answered yet"

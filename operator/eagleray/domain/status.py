"""What the operator says on the object."""

from datetime import datetime

from eagleray.api.status import Condition, ModelDeploymentStatus, RevisionStatus, VersionStatus
from eagleray.domain import conditions
from eagleray.domain.desired import Desired
from eagleray.domain.labels import selector
from eagleray.domain.observed import Observed
from eagleray.domain.revision_state import RevisionView
from eagleray.domain.rollout import Leaving, VersionView


def describe(
    desired: Desired,
    versions: tuple[VersionView, ...],
    leaving: tuple[Leaving, ...],
    observed: Observed,
    now: datetime,
) -> ModelDeploymentStatus:
    """Describe the object as it stands.

    Args:
        desired: the parsed object.
        versions: its versions as they stand.
        leaving: revisions that are still to go.
        observed: what was seen, the status written before included.
        now: the time of the decision.
    """
    pods_to_go = sum(len(gone.pods) for gone in leaving)
    verdicts = conditions.serving(versions[0], pods_to_go)
    said = tuple(_version(v) for v in versions)
    wanted = sum(v.version.replicas for v in versions)
    ready = sum(v.ready_replicas for v in said)
    return ModelDeploymentStatus(
        observed_generation=desired.generation,
        conditions=conditions.write(verdicts, observed.status.conditions, desired.generation, now),
        url=f"http://{desired.name}.{desired.namespace}.svc",
        replicas=sum(v.replicas for v in said),
        ready_replicas=ready,
        ready=f"{ready}/{wanted}",
        selector=selector(desired.name),
        traffic=" · ".join(f"{v.name} {v.effective_weight}%" for v in said),
        rollout=_rollout(versions),
        versions=list(said),
        revisions=[_outcome(view, v) for v in versions for view in v.views] + [gone.record for gone in leaving],
    )


def unchanged_but(before: ModelDeploymentStatus, generation: int, written: list[Condition]) -> ModelDeploymentStatus:
    """The status as it was, with new conditions."""
    return before.model_copy(update={"observed_generation": generation, "conditions": written})


def _version(version: VersionView) -> VersionStatus:
    stable, candidate = version.stable, version.candidate
    moving = candidate or stable
    ready = _answering(stable)
    return VersionStatus(
        name=version.version.name,
        weight=version.version.weight,
        effective_weight=version.version.weight if ready else 0,
        stable=stable.revision.name if stable else None,
        candidate=candidate.revision.name if candidate else None,
        replicas=max(stable.running if stable else 0, ready),
        ready_replicas=ready,
        message=_message(moving),
    )


def _message(view: RevisionView | None) -> str | None:
    if view is None:
        return None
    return view.problem.message if view.problem else view.waiting or None


def _answering(view: RevisionView | None) -> int:
    return min(view.answering or 0, view.wanted) if view else 0


def _outcome(view: RevisionView, version: VersionView) -> RevisionStatus:
    if view is version.stable:
        return view.record.model_copy(update={"outcome": "Serving"})
    return view.record.model_copy(update={"outcome": "Failed" if view.problem else "Pending"})


def _rollout(versions: tuple[VersionView, ...]) -> str | None:
    moving = [v.candidate for v in versions if v.candidate and v.stable]
    if not moving:
        return None
    return "; ".join(f"to {v.revision.name}: {v.problem.reason if v.problem else 'in progress'}" for v in moving)

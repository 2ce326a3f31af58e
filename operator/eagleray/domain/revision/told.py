"""What Serve is told of an application once it knows its deployments: how long to wait for their replicas."""

from collections.abc import Mapping
from dataclasses import replace

from eagleray.domain.actions.actions import PutApplication
from eagleray.domain.facts.patience import SERVES_OWN, Patience, patience_for
from eagleray.domain.facts.serve import Application, AppStatus, ServeDeployment
from eagleray.domain.goals.groups import named_deployments
from eagleray.domain.revision.revision_view import RevisionView
from eagleray.domain.state.observed import Observed


def be_patient(view: RevisionView, request_timeout: float, observed: Observed) -> RevisionView:
    """Have Serve wait as long as a request may take, unless the code has chosen a time of its own.

    Serve takes no word about a deployment before it has built the application. Then it takes this one in place: no
    replica is started anew. It sets numbers of replicas anew with each PUT, so that they must be settled.

    Args:
        view: the revision as it stands.
        request_timeout: longest time for one request, in seconds.
        observed: what was seen.
    """
    wanted = patience_for(request_timeout)
    view = _from_the_first(view, wanted)
    head = view.cluster.head
    state = observed.serve.get(head.name) if head else None
    application = state.application(view.revision.model) if state else None
    if head is None or application is None or not view.room or view.app.actions:
        return view
    if application.status is not AppStatus.RUNNING or not any(_differs(d, wanted) for d in application.deployments):
        return view
    numbers = _numbers(view, application)
    if not all(numbers[d.name] == d.target_num_replicas >= 1 for d in application.deployments if d.name in numbers):
        return view
    told = {d.name: _ours(d, wanted) for d in application.deployments}
    put = PutApplication(view.revision.name, head.name, numbers, told)
    return replace(view, actions=(*view.actions, put))


def _from_the_first(view: RevisionView, wanted: Patience) -> RevisionView:
    """Have the first PUT say it where the deployments are ours: their names are known, and they choose no time."""
    if not view.revision.template.model:
        return view
    told = {group.name: wanted for group in view.revision.groups}
    puts = (replace(a, patience=told) if isinstance(a, PutApplication) else a for a in view.actions)
    return replace(view, actions=tuple(puts))


def _differs(deployment: ServeDeployment, wanted: Patience) -> bool:
    ours, seen = _ours(deployment, wanted), deployment.patience
    return ours.shutdown not in {None, seen.shutdown} or ours.health not in {None, seen.health}


def _ours(deployment: ServeDeployment, wanted: Patience) -> Patience:
    """What of it is ours to say: what the code has chosen stays."""
    seen, told = deployment.patience, deployment.told
    return Patience(
        shutdown=wanted.shutdown if told.shutdown is not None or seen.shutdown == SERVES_OWN.shutdown else None,
        health=wanted.health if told.health is not None or seen.health == SERVES_OWN.health else None,
    )


def _numbers(view: RevisionView, application: Application) -> Mapping[str, int]:
    """Replicas by deployment; of those that share their Pods, only the one that answers has its number from us."""
    template, ingress = view.revision.template, application.ingress()
    if template.model or named_deployments(template) or ingress is None:
        return view.room
    return {ingress.name: next(iter(view.room.values()))}

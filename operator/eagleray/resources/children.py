"""The table of children: every kind of object that is made for a ModelDeployment beside its Pods, and how.

What is in it is made, kept as it is and taken down; the chart's rules and the watches are checked against it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from eagleray.api.exposure import RouterService
from eagleray.api.pod_template import RouterPodTemplate
from eagleray.domain.actions.router_config import RouterConfig
from eagleray.domain.actions.router_files import RouterFiles
from eagleray.domain.goals.revision import Revision
from eagleray.resources.exposure import EntranceContext, build_http_route, build_ingress, build_service
from eagleray.resources.names import budget_name, service_name
from eagleray.resources.pdb import build_worker_pdb
from eagleray.resources.pod import PodSettings
from eagleray.resources.pod_template import with_router_templates
from eagleray.resources.revision import build_controller_revision
from eagleray.resources.router import (
    BOOTSTRAP_FILE,
    build_config_map,
    build_deployment,
    build_disruption_budget,
    router_labels,
)
from eagleray.resources.router_credentials import build_router_secret
from eagleray.resources.secret import build_auth_secret
from eagleray.resources.service import build_revision_service

C = TypeVar("C")


@dataclass(frozen=True, slots=True)
class RouterContext:
    """What the router's children follow from.

    Attributes:
        config: what the router is to do.
        rendered: the same as Envoy's files.
        image: the router image.
        owner: reference to the ModelDeployment.
        pods: the operator's settings for Pods.
        token: the token by which the operator asks through the router.
        pod_template: what the object has merged into the router's Pods.
        service: what the object says of the router's Service.
    """

    config: RouterConfig
    rendered: RouterFiles
    image: str
    owner: dict[str, Any]
    pods: PodSettings
    token: str = ""
    pod_template: RouterPodTemplate | None = None
    service: RouterService | None = None

    @property
    def bootstrap(self) -> str:
        """The file that router Pods read once, when they start."""
        return self.rendered.files[BOOTSTRAP_FILE]


@dataclass(frozen=True, slots=True)
class RevisionContext:
    """What a revision's children follow from.

    Attributes:
        revision: the revision.
        owner: reference to what owns them.
        min_available: worker Pods that a voluntary disruption must leave.
        token: the token of its Ray cluster.
    """

    revision: Revision
    owner: dict[str, Any]
    min_available: int = 0
    token: str = ""


@dataclass(frozen=True, slots=True)
class Child(Generic[C]):
    """One kind of child.

    Attributes:
        kind: its kind, as in manifests.
        build: makes its manifest.
        retired: names the child of a revision that goes when that has no Pods left; None for what stays.
    """

    kind: str
    build: Callable[[C], dict[str, Any]]
    retired: Callable[[str], str] | None = None


def _deployment(c: RouterContext) -> dict[str, Any]:
    built = build_deployment(c.config, c.rendered.files[BOOTSTRAP_FILE], c.image, c.owner, c.pods)
    return with_router_templates(built, c.pods.defaults.templates.router, c.pod_template)


ROUTER_CHILDREN: tuple[Child[RouterContext], ...] = (
    Child("ConfigMap", lambda c: build_config_map(c.config, c.rendered, c.owner)),
    Child("Deployment", _deployment),
    Child("PodDisruptionBudget", lambda c: build_disruption_budget(c.config, c.owner)),
    # A cluster may refuse the type that the user asks for, and all else of the router is still made and healed.
    Child("Service", lambda c: build_service(c.config, c.owner, c.service)),
)
"""Owned by the ModelDeployment, in the order in which they are made."""

ENTRANCES: tuple[Child[EntranceContext], ...] = (
    Child("Ingress", build_ingress),
    Child("HTTPRoute", build_http_route),
)
"""Owned by the ModelDeployment while spec asks for them, each a part of its own; both lead to the router's Service."""

ROUTER_TOKEN: Child[RouterContext] = Child(
    "Secret", lambda c: build_router_secret(c.config, c.token, c.owner, router_labels(c.config.name))
)
"""Owned by the ModelDeployment, of a router that asks who asks; made, as `TOKEN`, whenever a Pod may need it."""

RECORD: Child[RevisionContext] = Child("ControllerRevision", lambda c: build_controller_revision(c.revision, c.owner))
"""A revision's content, owned by the ModelDeployment; it owns what is in `REVISION_CHILDREN`."""

REVISION_CHILDREN: tuple[Child[RevisionContext], ...] = (
    Child("PodDisruptionBudget", lambda c: build_worker_pdb(c.revision, c.owner, c.min_available), budget_name),
    # The last to go: while it is there, what is left of the revision is looked at again.
    Child("Service", lambda c: build_revision_service(c.revision, c.owner), service_name),
)
"""Kept as they are, and taken down in this order."""

TOKEN: Child[RevisionContext] = Child("Secret", lambda c: build_auth_secret(c.revision, c.token, c.owner))
"""Owned by the ControllerRevision too. The operator may read no Secret: it is made whenever a Pod may need it."""

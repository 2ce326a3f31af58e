"""Names of children; each follows from what it belongs to, so that a repeated creation meets itself."""

from eagleray.domain.facts.ports import HEAD_GCS
from eagleray.domain.goals.revision import Revision


def router_name(model: str) -> str:
    """Name the router's Deployment, ConfigMap and PodDisruptionBudget."""
    return f"{model}-router"


def router_secret_name(model: str) -> str:
    """Name the Secret with the token by which the operator asks through the router."""
    return f"{router_name(model)}-auth"


def service_name(revision: str) -> str:
    """Name the headless Service that gives the heads of the revision of this name their host names."""
    return revision


def budget_name(revision: str) -> str:
    """Name the PodDisruptionBudget of the workers of the revision of this name."""
    return revision


def secret_name(revision: Revision) -> str:
    """Name the Secret with a revision's Ray token."""
    return f"{revision.name}-auth"


def head_name(revision: Revision, incarnation: int) -> str:
    """Name the head Pod of an incarnation."""
    return f"{revision.name}-head-{incarnation}"


def worker_name(revision: Revision, incarnation: int, index: int) -> str:
    """Name a worker Pod of an incarnation."""
    return f"{revision.name}-w{incarnation}-{index}"


def head_hostname(incarnation: int) -> str:
    """Name the head's host within the headless Service."""
    return f"head-{incarnation}"


def head_address(revision: Revision, incarnation: int) -> str:
    """Where the workers of an incarnation find their head's GCS.

    A name and not an address: the head may not have its address yet when its workers start.
    """
    host = f"{head_hostname(incarnation)}.{service_name(revision.name)}.{revision.namespace}.svc"
    return f"{host}:{HEAD_GCS}"

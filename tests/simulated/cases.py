"""What the named cases are made of, and where they are found."""

from collections.abc import Awaitable, Callable
from typing import Any

from eagleray.domain.facts.pods import Role
from eagleray.kube.kinds import Manifest
from simulated.cluster import Cluster
from simulated.faults import Call

Case = Callable[[Cluster], Awaitable[None]]
CASES: dict[str, Case] = {}


def case(work: Case) -> Case:
    """Name a case by its function."""
    assert work.__name__ not in CASES
    CASES[work.__name__] = work
    return work


def model(number: object = 1) -> dict[str, Any]:
    """A model's spec; another number is another content."""
    return {"framework": "sklearn", "uri": f"pvc://models/m/{number}"}


async def served(cluster: Cluster, **spec: Any) -> None:
    """An operator runs, and a model is served."""
    cluster.apply("m", **({} if "versions" in spec else {"model": model()}) | spec)
    cluster.start_operator()
    await cluster.until(cluster.ready)


def workers(cluster: Cluster, revision: str = "") -> list[Manifest]:
    """The worker Pods of the model, of one revision."""
    return [p for p in cluster.pods(Role.WORKER) if revision in {"", cluster.revision_of(p)}]


def creates_pod(part: str) -> Callable[[Call], bool]:
    """The creation of a Pod whose name has `part` in it."""
    return lambda call: (call.verb, call.target) == ("create", "Pod") and part in call.name


def said(cluster: Cluster) -> str:
    """Every message of the status."""
    return str(cluster.model().get("status", {}))

"""Whether routers reach a revision, as they see it themselves."""

from eagleray.domain.facts.problem import Problem
from eagleray.domain.state.observed import Observed


def answering(revision: str, observed: Observed) -> int | None:
    """Endpoints of `revision` that answer, as seen by the router Pod that sees fewest; None where none can be asked."""
    return min(_seen(revision, observed), default=None)


def serves(revision: str, observed: Observed) -> bool | None:
    """Whether a router Pod sees an endpoint of `revision` answering; None where none can be asked.

    What one of them does not see is not gone yet: a share is taken away only where none sees any.
    """
    seen = _seen(revision, observed)
    return any(seen) if seen else None


def _seen(revision: str, observed: Observed) -> list[int]:
    return [r.stats.of(revision).healthy_endpoints for r in observed.routers if r.ready and r.stats is not None]


def router_problem(observed: Observed) -> Problem | None:
    """Why nobody can reach the model, where no router Pod does its work."""
    if any(r.stats is not None for r in observed.routers):
        return None
    return next((r.problem for r in observed.routers if r.problem), None)

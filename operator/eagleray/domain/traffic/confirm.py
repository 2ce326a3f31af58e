"""What the routers are known to run, as opposed to what they were told."""

from collections.abc import Iterable

from eagleray.domain.observed import Observed


def routers_confirm(observed: Observed, revisions: Iterable[str]) -> bool:
    """Whether every router Pod is known to run what was written last, the endpoints of `revisions` included.

    One that is not ready gets no requests, and will begin with what was written last.
    """
    names = tuple(revisions)
    ready = [r for r in observed.routers if r.ready]
    return bool(ready) and all(r.stats is not None and r.stats.runs(observed.router_version, names) for r in ready)

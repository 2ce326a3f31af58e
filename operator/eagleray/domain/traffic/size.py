"""What a router Pod may use: the user's resources over what it has by itself."""

from eagleray.api.placement import ResourceRequirements
from eagleray.domain.actions.router_size import LIMITS, REQUESTS, RouterSize
from eagleray.domain.goals.own_resources import over_own


def size(asked: ResourceRequirements | None) -> RouterSize:
    """What Envoy's container of a router Pod may use."""
    found = over_own(asked, {"requests": dict(REQUESTS), "limits": dict(LIMITS)})
    return RouterSize(*(tuple(sorted(found[kind].items())) for kind in ("requests", "limits")))

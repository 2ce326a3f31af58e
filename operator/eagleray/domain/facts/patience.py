"""How long a request is waited for: what ends a replica, a Pod or a health check follows from `requestTimeout`."""

import math
from dataclasses import dataclass

# A request that may take longer is not waited for where its replica leaves: no node that is to go waits for ever. An
# hour is the most that managed Kubernetes gives a Pod of a node that it renews.
LONGEST_SECONDS = 3600.0
# A replica that is asked to stop answers 503 to health checks at once, and goes on serving for this long: the router,
# which checks each second, is sure to have seen it.
MIN_DRAIN_SECONDS = 5
# A worker that is deleted waits until its replicas have moved. Serve begins to stop them this long before the time is
# over that their requests may take: so long replacements may take to start elsewhere.
REPLACE_SECONDS = 30
# Serve gives a replica up at the third health check in a row that is not answered, and so does the router: no request
# that computes where the checks are answered is the end of its replica.
CHECKS_IN_A_ROW = 3
_SERVES_HEALTH_SECONDS = 30.0
# The router only asks others meanwhile, where Serve makes the replica anew, which takes longer than most requests.
_ROUTERS_HEALTH_SECONDS = 5.0
_SPARE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Patience:
    """How long Serve waits for a replica of a deployment, in seconds; None where nobody says.

    Attributes:
        shutdown: for its requests, once it is stopped (`graceful_shutdown_timeout_s`).
        health: for its answer to a health check (`health_check_timeout_s`).
    """

    shutdown: float | None = None
    health: float | None = None


UNKNOWN = Patience()
"""Where nobody says anything."""
SERVES_OWN = Patience(shutdown=20.0, health=_SERVES_HEALTH_SECONDS)
"""What Serve does where neither the code nor a PUT says anything."""


def patience_for(request_timeout: float) -> Patience:
    """How long Serve is to wait.

    Args:
        request_timeout: the longest time for one request, in seconds.
    """
    # A replica is given requests until the router has seen that it stops.
    return Patience(MIN_DRAIN_SECONDS + _bounded(request_timeout), health_seconds(request_timeout))


def health_seconds(request_timeout: float) -> float:
    """How long one of Serve's health checks of a replica may take, in seconds: half of the longest request."""
    return max(_SERVES_HEALTH_SECONDS, _bounded(request_timeout) / (CHECKS_IN_A_ROW - 1))


def router_health_seconds(request_timeout: float) -> float:
    """How long one of the router's health checks may take, in seconds: all in a row, hardly longer than a request."""
    return max(_ROUTERS_HEALTH_SECONDS, _bounded(request_timeout) / CHECKS_IN_A_ROW + _SPARE_SECONDS)


def drain_seconds(request_timeout: float) -> int:
    """How long a worker that is deleted may take until its replicas have moved and ended."""
    return math.ceil(MIN_DRAIN_SECONDS + _bounded(request_timeout)) + REPLACE_SECONDS


def _bounded(request_timeout: float) -> float:
    return min(request_timeout or LONGEST_SECONDS, LONGEST_SECONDS)

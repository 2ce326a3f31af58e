"""How much of a cluster may be in progress at once."""

from typing import Any


def limits(priority: str, requests: int) -> dict[str, Any]:
    """Envoy's thresholds for so many requests of a priority; its own are 1024, and three retries."""
    return {
        "priority": priority,
        # At its most connections Envoy lets further requests wait for one, in place of counting them.
        "max_connections": 2 * requests,
        "max_pending_requests": requests,
        "max_requests": requests,
        "max_retries": requests,
    }

"""How much of a cluster may be in progress at once."""

from typing import Any

# Replicas bound their own queues (concurrency); this only keeps a runaway from taking the router's memory.
MANY = 10_000


def limits(priority: str, requests: int) -> dict[str, Any]:
    """Envoy's thresholds for so many requests of a priority; its own are 1024, and three retries."""
    return {
        "priority": priority,
        "max_connections": requests,
        "max_pending_requests": requests,
        "max_requests": requests,
        "max_retries": requests // 10,
    }

"""What Envoy does when its heap fills all the same: by the budget alone it never does (`budget.py`)."""

from typing import Any

from eagleray.router.budget import BUFFER_BYTES, MIB, REFUSING, Budget
from eagleray.router.xds import extension, typed

_MONITORS = "envoy.resource_monitors"
_HEAP = f"{_MONITORS}.fixed_heap"
_MESSAGES = "envoy.extensions.resource_monitors"
# A connection waits so long for its next request where memory is short.
SHORT_IDLE = "5s"
ALLOCATOR = {
    # Memory that was freed goes back to the system, or else the container is charged for it.
    "bytes_to_release": str(16 * MIB),
    "memory_release_interval": "1s",
    # On a node of 64 CPUs the caches of each, 1.5 MiB, would take a fifth of the container.
    "max_per_cpu_cache_size_bytes": 256 * 1024,
}
"""Envoy's MemoryAllocatorManager."""


def overload_manager(bounds: Budget) -> dict[str, Any]:
    """Envoy's OverloadManager, which watches its heap and counts connections of clients."""
    return {
        # Within it a client may send what the network carries.
        "refresh_interval": "0.05s",
        "resource_monitors": [
            extension(_HEAP, f"{_MESSAGES}.fixed_heap.v3.FixedHeapConfig", max_heap_size_bytes=str(bounds.heap)),
            extension(
                f"{_MONITORS}.global_downstream_max_connections",
                f"{_MESSAGES}.downstream_connections.v3.DownstreamConnectionsConfig",
                max_active_downstream_connections=str(bounds.connections),
            ),
        ],
        # Streams of HTTP/2 are told by what is buffered for them, from a buffer on.
        "buffer_factory_config": {"minimum_account_to_track_power_of_two": BUFFER_BYTES.bit_length() - 1},
        "actions": [
            _at(
                "shrink_heap",
                0.7,
                **_config("ShrinkHeapConfig", timer_interval="1s", max_unfreed_memory_bytes=16 * MIB),
            ),
            _between("reduce_timeouts", (0.8, 0.9), **_shorter()),
            _between("reset_high_memory_stream", (0.9, REFUSING)),
            _at("stop_accepting_requests", REFUSING),
            _at("reject_incoming_connections", 0.97),
        ],
    }


def _shorter() -> dict[str, Any]:
    idle = {"timer": "HTTP_DOWNSTREAM_CONNECTION_IDLE", "min_timeout": SHORT_IDLE}
    return _config("ScaleTimersOverloadActionConfig", timer_scale_factors=[idle])


def _config(message: str, **fields: Any) -> dict[str, Any]:  # noqa: ANN401 -- JSON values
    return {"typed_config": typed(f"envoy.config.overload.v3.{message}", **fields)}


def _at(action: str, value: float, **config: Any) -> dict[str, Any]:  # noqa: ANN401 -- JSON values
    return _action(action, {"threshold": {"value": value}}, config)


def _between(action: str, ends: tuple[float, float], **config: Any) -> dict[str, Any]:  # noqa: ANN401 -- JSON values
    return _action(action, {"scaled": {"scaling_threshold": ends[0], "saturation_threshold": ends[1]}}, config)


def _action(name: str, trigger: dict[str, Any], config: dict[str, Any]) -> dict[str, Any]:
    return {"name": f"envoy.overload_actions.{name}", "triggers": [{"name": _HEAP, **trigger}], **config}

"""A router's files without what keeps hostile clients off: the bounds that routers had before."""

import json
from typing import Any

MIB = 1024 * 1024
_CIRCUIT = dict.fromkeys(("max_connections", "max_pending_requests", "max_requests"), 10_000)
_BOUNDS = {
    "per_connection_buffer_limit_bytes": MIB,
    "request_body_buffer_limit": str(4 * MIB),
    "initial_stream_window_size": MIB // 4,
    "max_concurrent_streams": 256,
    "max_active_downstream_connections": "20000",
}
_NONE = {
    *("bypass_overload_manager", "ignore_global_conn_limit", "request_timeout", "idle_timeout"),
    *("max_connection_duration", "http1_safe_max_connection_duration", "transport_socket_connect_timeout"),
    *("memory_allocator_manager", "buffer_factory_config", "layered_runtime"),
}
_ACTIONS = {"envoy.overload_actions.shrink_heap": 0.85, "envoy.overload_actions.stop_accepting_requests": 0.95}


def before(name: str, text: str) -> str:
    """A file of the router as it was.

    Args:
        name: of the file.
        text: the file as it is now.
    """
    return json.dumps(_without(json.loads(text))) if name.endswith(".json") else text


def _without(value: Any) -> Any:
    if isinstance(value, list):
        return [_without(item) for item in value if not _is_new(item)]
    if not isinstance(value, dict):
        return value
    if value.get("priority") == "HIGH" and "max_requests" in value:
        return {**value, **_CIRCUIT, "max_retries": 1000}
    if value.get("name") in _ACTIONS and "triggers" in value:
        monitor = value["triggers"][0]["name"]
        return {"name": value["name"], "triggers": [{"name": monitor, "threshold": {"value": _ACTIONS[value["name"]]}}]}
    return {key: _BOUNDS.get(key, _without(below)) for key, below in value.items() if key not in _NONE}


def _is_new(item: Any) -> bool:
    name = item.get("name", "") if isinstance(item, dict) else ""
    return name.startswith("envoy.overload_actions.") and name not in _ACTIONS

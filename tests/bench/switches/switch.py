"""The switches: what Ray Serve has by itself, and what `RAY_SERVE_THROUGHPUT_OPTIMIZED` makes of it."""

from collections.abc import Mapping
from dataclasses import dataclass

DIRECT = {"RAY_SERVE_ENABLE_DIRECT_INGRESS": "1", "RAY_SERVE_ENABLE_HA_PROXY": "0"}
"""Every replica of the operator's."""
TUNED = {"RAY_SERVE_THROUGHPUT_OPTIMIZED": "1"}
"""Those of our own server."""


@dataclass(frozen=True, slots=True)
class Switch:
    """One switch.

    Attributes:
        title: what it does, for the table.
        default: variables that say what Serve does by itself.
        tuned: those that say what it does for throughput.
        proxied: whether requests come through Serve's proxy where it is turned, whoever turns it.
    """

    title: str
    default: Mapping[str, str]
    tuned: Mapping[str, str]
    proxied: bool = False


def _both(title: str, *variables: tuple[str, str, str]) -> Switch:
    default = {f"RAY_SERVE_{name}": value for name, value, _ in variables}
    return Switch(title, default, {f"RAY_SERVE_{name}": value for name, _, value in variables})


_PROXY = {"RAY_SERVE_ENABLE_DIRECT_INGRESS": "0"}
SWITCHES = (
    Switch("direct ingress (`ENABLE_DIRECT_INGRESS`)", _PROXY, _PROXY, proxied=True),
    _both("all of those below (`THROUGHPUT_OPTIMIZED`)", ("THROUGHPUT_OPTIMIZED", "0", "1")),
    _both("user code in a thread of its own (`RUN_USER_CODE_IN_SEPARATE_THREAD`)", (
        "RUN_USER_CODE_IN_SEPARATE_THREAD", "1", "0",
    )),
    _both("handles in a loop of their own (`RUN_ROUTER_IN_SEPARATE_LOOP`)", ("RUN_ROUTER_IN_SEPARATE_LOOP", "1", "0")),
    _both("handles by gRPC (`USE_GRPC_BY_DEFAULT`)", ("USE_GRPC_BY_DEFAULT", "0", "1")),
    _both(
        "logs written at once, and to stderr (`REQUEST_PATH_LOG_BUFFER_SIZE`, `LOG_TO_STDERR`)",
        ("REQUEST_PATH_LOG_BUFFER_SIZE", "1", "1000"),
        ("LOG_TO_STDERR", "1", "0"),
    ),
    _both("what is there at the start kept out of collections (`FREEZE_GC_ON_STARTUP`)", (
        "FREEZE_GC_ON_STARTUP", "0", "1",
    )),
)  # fmt: skip

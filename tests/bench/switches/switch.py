"""The switches: what Ray Serve has by itself, and what `RAY_SERVE_THROUGHPUT_OPTIMIZED` makes of it."""

from collections.abc import Mapping
from dataclasses import dataclass

PREFIX = "RAY_SERVE_"
DIRECT = {f"{PREFIX}ENABLE_DIRECT_INGRESS": "1", f"{PREFIX}ENABLE_HA_PROXY": "0"}
"""Every replica of the operator's."""
TUNED = {f"{PREFIX}THROUGHPUT_OPTIMIZED": "1"}
"""Those of our own server."""


@dataclass(frozen=True, slots=True)
class Switch:
    """One switch.

    Attributes:
        title: what it is about.
        default: variables that say what Serve does by itself.
        tuned: those that say what it does for throughput.
        proxied: whether requests come through Serve's proxy where it is turned, whichever way.
    """

    title: str
    default: Mapping[str, str]
    tuned: Mapping[str, str]
    proxied: bool = False


def label(switch: Switch, variables: Mapping[str, str]) -> str:
    """A switch as it is turned, for the table.

    Args:
        switch: the switch.
        variables: `default` or `tuned` of it.
    """
    told = (f"`{name.removeprefix(PREFIX)}={value}`" for name, value in variables.items())
    return f"{switch.title}: {', '.join(told)}"


def _switch(title: str, *variables: tuple[str, str, str]) -> Switch:
    """One switch, of name, default and tuned value of each of its variables."""
    default = {f"{PREFIX}{name}": value for name, value, _ in variables}
    return Switch(title, default, {f"{PREFIX}{name}": value for name, _, value in variables})


_PROXY = {f"{PREFIX}ENABLE_DIRECT_INGRESS": "0"}
SWITCHES = (
    Switch("through Serve's proxy", _PROXY, _PROXY, proxied=True),
    _switch("all of those below", ("THROUGHPUT_OPTIMIZED", "0", "1")),
    _switch("user code in a thread of its own", ("RUN_USER_CODE_IN_SEPARATE_THREAD", "1", "0")),
    _switch("handles in a loop of their own", ("RUN_ROUTER_IN_SEPARATE_LOOP", "1", "0")),
    _switch("handles by gRPC", ("USE_GRPC_BY_DEFAULT", "0", "1")),
    _switch("logs", ("REQUEST_PATH_LOG_BUFFER_SIZE", "1", "1000"), ("LOG_TO_STDERR", "1", "0")),
    _switch("what is there at the start never collected", ("FREEZE_GC_ON_STARTUP", "0", "1")),
)

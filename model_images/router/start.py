"""Starts Envoy in a router Pod with what is different from node to node: one configuration is there for all of them.

It listens on the addresses of both families, or of IPv4 where the kernel has no IPv6: Envoy refuses a listener
altogether that it cannot bind. And it takes no more connections than the node lets it open files.
"""

import argparse
import json
import os
import resource
import socket
from typing import Any

# Name of the listener of clients.
CLIENTS = "http"
# For health checks, files, and what the operator and programs beside it ask.
OWN_DESCRIPTORS = 1024


def has_ipv6() -> bool:
    """Whether a listener can be bound to the addresses of IPv6."""
    try:
        with socket.socket(socket.AF_INET6) as trial:
            trial.bind(("::", 0))
    except OSError:
        return False
    return True


def most_connections() -> int | None:
    """How many connections of clients this node has file descriptors for, each with one to a replica; None: any number.

    Envoy raises its soft limit to the hard one, and ends where it cannot open a socket.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return None if hard == resource.RLIM_INFINITY else max(1, (hard - OWN_DESCRIPTORS) // 2)


def of_this_node(ipv4_listeners: str) -> dict[str, Any]:
    """What is different on this node, as a part of Envoy's Bootstrap.

    Args:
        ipv4_listeners: the file with the listeners for IPv4 alone.
    """
    found: dict[str, Any] = {}
    if ipv4_listeners and not has_ipv6():
        found["dynamic_resources"] = {"lds_config": {"path_config_source": {"path": ipv4_listeners}}}
    if (most := most_connections()) is not None:
        limit = {f"envoy.resource_limits.listener.{CLIENTS}.connection_limit": most}
        found["layered_runtime"] = {"layers": [{"name": "node", "static_layer": limit}]}
    return found


def main() -> None:
    """Become Envoy."""
    parser = argparse.ArgumentParser(description=__doc__, add_help=False, allow_abbrev=False)
    parser.add_argument("--ipv4-listeners", default="")
    args, given = parser.parse_known_args()
    config = json.dumps(of_this_node(args.ipv4_listeners))
    os.execvp("envoy", ["envoy", *given, "--config-yaml", config])  # noqa: S606, S607 -- the image's PATH


if __name__ == "__main__":
    main()

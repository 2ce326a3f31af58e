"""Starts Envoy in a router Pod: it listens on the addresses of both families, or of IPv4 where the kernel has no IPv6.

Envoy refuses a listener altogether that it cannot bind, and one configuration is there for all nodes.
"""

import argparse
import json
import os
import socket


def has_ipv6() -> bool:
    """Whether a listener can be bound to the addresses of IPv6."""
    try:
        with socket.socket(socket.AF_INET6) as trial:
            trial.bind(("::", 0))
    except OSError:
        return False
    return True


def arguments(given: list[str], ipv4_listeners: str) -> list[str]:
    """Envoy's arguments on this node.

    Args:
        given: those that hold on every node.
        ipv4_listeners: the file with the listeners for IPv4 alone.
    """
    if has_ipv6() or not ipv4_listeners:
        return given
    source = {"path_config_source": {"path": ipv4_listeners}}
    return [*given, "--config-yaml", json.dumps({"dynamic_resources": {"lds_config": source}})]


def main() -> None:
    """Become Envoy."""
    parser = argparse.ArgumentParser(description=__doc__, add_help=False, allow_abbrev=False)
    parser.add_argument("--ipv4-listeners", default="")
    args, given = parser.parse_known_args()
    os.execvp("envoy", ["envoy", *arguments(given, args.ipv4_listeners)])  # noqa: S606, S607 -- the image's PATH


if __name__ == "__main__":
    main()

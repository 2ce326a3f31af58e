"""Ports of loopback for servers of tests."""

import contextlib
import itertools
import os
import socket

# Below Linux's range for connections, whose next one could take a port between here and Envoy's own bind; and for each
# of pytest's processes its own. Envoy does not end when it cannot bind a listener: it never answers.
_PORTS_EACH = 1000
_FIRST_PORT = 10_000 + _PORTS_EACH * int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
_PORTS = itertools.cycle(range(_FIRST_PORT, _FIRST_PORT + _PORTS_EACH))


def free_port() -> int:
    """A port of loopback that nobody listens on, and that nobody else will be given."""
    for port in itertools.islice(_PORTS, _PORTS_EACH):
        with socket.socket() as s, contextlib.suppress(OSError):
            s.bind(("127.0.0.1", port))
            return port
    raise AssertionError(f"no port is free from {_FIRST_PORT} on")

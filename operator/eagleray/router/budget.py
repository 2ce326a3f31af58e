"""How much a router holds at one time: every bound follows from the memory that Envoy's container may use.

What clients send never ends a router: the most requests, each with the most that Envoy keeps for one, and the most
connections fit into its heap together (docs/adr/0039-a-routers-budget.md, with what was measured).
"""

from dataclasses import dataclass

from eagleray.domain.actions.router_config import KIB, RouterConfig, RouterTarget

MIB = 1024 * KIB
# The rest is the program itself, stacks, and pages that were freed and are not given back yet.
HEAP_SHARE = 0.78
# Of the heap: from here on new requests are refused, which is not meant to happen. The bounds below end before.
REFUSING = 0.95
# What Envoy has without a client: 7 MiB, and more with many replicas and rules.
IDLE_BYTES = 40 * MIB
CONNECTIONS_SHARE = 0.25
# A connection of a client that waits for its next request.
CONNECTION_BYTES = 16 * KIB
TLS_CONNECTION_BYTES = 64 * KIB
# A request without body, on its way: streams, filters, both connections.
REQUEST_BYTES = 48 * KIB
# What is read of a connection, or waits to be written to it, beyond which its source is not read; Envoy's own advice
# for proxies at the edge.
BUFFER_BYTES = 32 * KIB
STREAM_WINDOW_BYTES = 64 * KIB
CONNECTION_WINDOW_BYTES = MIB
STREAMS = 100
# Larger bodies are not copied, nor those that do not say their length. Envoy stops reading from the user while the
# mirror's connection holds more than its buffer, so that a mirror that does not read would stall the upload.
COPY_BODY_BYTES = 960 * KIB
COPIED_BUFFER_BYTES = MIB
# Copies for a mirror that does not keep up are dropped beyond so many, and take at most as many times a copy's body.
COPIES = 64


@dataclass(frozen=True, slots=True)
class Budget:
    """What one router Pod holds at most.

    Attributes:
        heap: bytes of Envoy's heap.
        connections: connections of clients.
        requests: bytes for requests in progress, of all revisions.
        parts: into how many parts these bytes are shared: each revision may fill one.
    """

    heap: int
    connections: int
    requests: int
    parts: int


def budget(config: RouterConfig) -> Budget:
    """The bounds of the routers of an object.

    They follow from spec, and not from weights, endpoints or revisions: a change of them is a change of every cluster.
    """
    heap = int(config.size.memory * HEAP_SHARE)
    connections = int(heap * CONNECTIONS_SHARE)
    copies = COPIES * COPY_BODY_BYTES if any(t.copied for t in config.targets) else 0
    each = TLS_CONNECTION_BYTES if config.access.tls else CONNECTION_BYTES
    return Budget(
        heap=heap,
        connections=connections // each,
        requests=int(heap * REFUSING) - IDLE_BYTES - connections - copies,
        # A version may have a candidate beside its stable revision; who waits in the holder is at none yet.
        parts=max(1, len(config.lanes)) + 1 + config.holds,
    )


def buffer_bytes(target: RouterTarget) -> int:
    """What is kept of a connection to a replica, in either direction."""
    return COPIED_BUFFER_BYTES if target.copied else BUFFER_BYTES


def requests_at_once(config: RouterConfig, target: RouterTarget) -> int:
    """How many requests may be in progress at one revision."""
    return _requests(config, buffer_bytes(target))


def requests_on_hold(config: RouterConfig) -> int:
    """How many requests may wait in the holder."""
    return _requests(config, 0)


def _requests(config: RouterConfig, buffered: int) -> int:
    most = REQUEST_BYTES + config.max_header_bytes + retry_bytes(config) + STREAM_WINDOW_BYTES + buffered
    bounds = budget(config)
    return max(1, bounds.requests // bounds.parts // most)


def retry_bytes(config: RouterConfig) -> int:
    """Bodies up to here are kept until the answer begins, for a second attempt."""
    return min(config.retry_body_bytes, config.max_request_bytes)

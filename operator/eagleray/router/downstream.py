"""Who asks a router: clients that nobody controls, of any version of HTTP, and the proxies in front of it."""

from typing import Any

from eagleray.domain.actions.router_config import KIB, RouterConfig
from eagleray.router.budget import CONNECTION_WINDOW_BYTES, MIB, STREAM_WINDOW_BYTES, STREAMS
from eagleray.router.xds import extension, seconds

WEBSOCKET = "websocket"
# What says who asked, and by what URL, before the router did; RFC 7239, what proxies really send, and names that
# servers of the kind of WSGI take for these.
FORWARDED = "(?i)(x[-_]forwarded[-_].*|forwarded|x[-_]real[-_]ip)"
# Who the client is, which the router alone says: nothing that a client wrote there is matched, logged or sent on.
CLIENT = "(?i)x[-_]eagleray[-_]client"
WINDOWS = {
    "initial_stream_window_size": STREAM_WINDOW_BYTES,
    "initial_connection_window_size": CONNECTION_WINDOW_BYTES,
}
"""How much either side of HTTP/2 sends without being read, as fields of Envoy's Http2ProtocolOptions."""
# Load balancers keep connections for ten minutes (Google's) and must not be the last to hear that one was closed.
IDLE_SECONDS = 620
# Then a connection is closed after its next answer, and whoever asks finds a router that is less busy.
CONNECTION_SECONDS = 3600
MIN_BODY_SECONDS = 60.0
# On top of it for each MiB that a body may have.
SECONDS_PER_MIB = 1.0
# By this, where no client may name a revision, the operator's requests are told from theirs.
OPERATOR = "(?i)x[-_]warmup[-_]token"
# A connection whose other end vanished without a word is let go of after some two minutes of silence.
_KEEPALIVE = {
    "SO_KEEPALIVE": (1, 9, 1),
    "TCP_KEEPIDLE": (6, 4, 60),
    "TCP_KEEPINTVL": (6, 5, 10),
    "TCP_KEEPCNT": (6, 6, 6),
}


def any_client(config: RouterConfig, *, operator: bool = False) -> dict[str, Any]:
    """Fields of the HttpConnectionManager for clients as they come.

    Args:
        config: what the router is to do.
        operator: whether they must have the operator's token.
    """
    return {
        "http_protocol_options": {
            # nginx as it comes, ab and old health checks speak HTTP/1.0, some without a Host.
            "accept_http_10": True,
            "default_host_for_http_10": f"{config.name}.{config.namespace}",
            # Clients offer TLS or HTTP/2 with every request (Apache's HttpClient, Java's own); servers may ignore it.
            "ignore_http_11_upgrade": [{"safe_regex": {"regex": anything_but(WEBSOCKET)}}],
        },
        "http2_protocol_options": {"max_concurrent_streams": STREAMS, **WINDOWS},
        "common_http_protocol_options": {
            "max_headers_count": config.max_headers,
            "idle_timeout": seconds(IDLE_SECONDS),
            "max_connection_duration": seconds(CONNECTION_SECONDS),
        },
        "http1_safe_max_connection_duration": True,
        "request_timeout": seconds(body_seconds(config)),
        "max_request_headers_kb": config.max_header_bytes // KIB,
        **_forwarded(config, operator=operator),
    }


def body_seconds(config: RouterConfig) -> float:
    """How long a request may take to come, with its body; 0 where it may come for as long as the answer goes on."""
    if not config.request_timeout or config.stream or any(target.calls for target in config.targets):
        return 0
    size = config.max_request_bytes / MIB * SECONDS_PER_MIB
    return max(MIN_BODY_SECONDS, config.request_timeout) + config.hold_timeout + size


def keepalive_options() -> list[dict[str, Any]]:
    """Options of a listener's sockets, which its connections take over."""
    return [
        {"description": name, "level": str(level), "name": str(number), "int_value": str(value)}
        for name, (level, number, value) in _KEEPALIVE.items()
    ]


def anything_but(word: str) -> str:
    """A regular expression, as RE2 reads it, for any text but `word` in any case."""
    others = [f"{word[:n]}[^{letter}].*" for n, letter in enumerate(word)]
    shorter = [word[:n] for n in range(len(word))]
    return f"(?i)({'|'.join([*shorter, *others, f'{word}.+'])})"


def _forwarded(config: RouterConfig, *, operator: bool) -> dict[str, Any]:
    trusted_hops = config.trusted_hops
    # Whoever asks is the client: Envoy then writes X-Forwarded-For and -Proto by itself.
    forged = [*([] if trusted_hops else [FORWARDED]), *([] if operator or config.version_header else [OPERATOR])]
    mutations = [{"remove_on_match": {"key_matcher": {"safe_regex": {"regex": r}}}} for r in (CLIENT, *forged)]
    message = "envoy.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation"
    strip = extension("envoy.http.early_header_mutation.header_mutation", message, mutations=mutations)
    hops = {"xff_num_trusted_hops": trusted_hops} if trusted_hops else {}
    return {**hops, "early_header_mutation_extensions": [strip]}

"""gRPC through the router: unary calls become HTTP requests with one message, which replicas answer with one.

So a call is routed, held, mirrored, retried and counted as any other request, and replicas need no second port. Envoy's
gRPC HTTP/1.1 reverse bridge takes it apart; a replica tells the call's status by headers, since HTTP/1.1 servers of
Python have no trailers.
"""

from typing import Any

from eagleray.router.xds import extension, header_mutation, set_header

# As in eagleray_serving/calls.py. Envoy's own replies to calls have it too, which the bridge would refuse otherwise.
CONTENT_TYPE = "application/grpc"


def call_filters() -> list[dict[str, Any]]:
    """The HTTP filters, before any that removes headers that routes match.

    The bridge has the route chosen once more, by the first filter after it that asks for it: the last one here.
    """
    return [header_mutation(response_trailers_mutations=_status_of_replica()), _bridge(), header_mutation()]


def _bridge() -> dict[str, Any]:
    return extension(
        "envoy.filters.http.grpc_http1_reverse_bridge",
        "envoy.extensions.filters.http.grpc_http1_reverse_bridge.v3.FilterConfig",
        content_type=CONTENT_TYPE,
        withhold_grpc_frames=True,
    )


def _status_of_replica() -> list[dict[str, Any]]:
    """Puts what the answer's headers say in place of the status that the bridge derives from HTTP's."""
    return [{"append": set_header(name, f"%RESP({name})%")} for name in ("grpc-status", "grpc-message")]

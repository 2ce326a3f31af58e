"""gRPC through the router: unary calls become HTTP requests with one message, which replicas answer with one.

So a call is routed, held, mirrored, retried and counted as any other request, and replicas need no second port. Envoy's
gRPC HTTP/1.1 reverse bridge takes it apart; a replica tells the call's status by headers, since HTTP/1.1 servers of
Python have no trailers. Calls for an application with servicers of its own pass as they are, by HTTP/2
(docs/adr/0029-grpc-services-of-an-application.md).
"""

from typing import Any

from eagleray.router.bodies import BODY_LIMIT
from eagleray.router.xds import extension, header_mutation, set_header, typed

# As in eagleray_serving/calls.py. Envoy's own replies to calls have it too, which the bridge would refuse otherwise.
CONTENT_TYPE = "application/grpc"
_BRIDGE = "envoy.filters.http.grpc_http1_reverse_bridge"
_STATUS = "status-of-replica"
_LENGTH = "x-eagleray-answer-length"
_COUNTER = "envoy.filters.http.grpc_stats"
_HEALTH_PATH = "/ray.serve.RayServeAPIService/Healthz"
_NO_FIELDS = bytes(5)
# What Serve answers for a replica that takes requests; one that drains says DRAINING.
_WELL = b"success"


def call_filters() -> list[dict[str, Any]]:
    """The HTTP filters, before any that removes headers that routes match.

    The bridge has the route chosen once more, by the first filter after it that asks for it: the last one here.
    """
    told = {"response_mutations": [{"remove": _LENGTH}], "response_trailers_mutations": _status_of_replica()}
    status = {**header_mutation(**told), "name": _STATUS}
    return [status, _bridge(), header_mutation(response_mutations=_length()), _counter()]


def passed_as_they_are() -> dict[str, Any]:
    """What a share says whose replicas speak gRPC themselves, as `typed_per_filter_config`.

    Its messages come and go one by one, for as long as it takes: nothing waits for the end of a body, or bounds all.
    """
    route = "envoy.config.route.v3.FilterConfig"
    off = {name: typed(route, disabled=True) for name in (_STATUS, _BRIDGE, BODY_LIMIT)}
    return {**off, _COUNTER: typed(route, config={})}


def call_health_check() -> dict[str, Any]:
    """How a replica that speaks gRPC is asked for its health, as Envoy's HttpHealthCheck.

    Serve has no `grpc.health.v1`, and its own call answers 200 whatever it says: what counts is the message.
    """
    headers = {"content-type": CONTENT_TYPE, "te": "trailers"}
    return {
        "path": _HEALTH_PATH,
        "method": "POST",
        "codec_client_type": "HTTP2",
        "request_headers_to_add": [set_header(key, value) for key, value in headers.items()],
        "send": {"text": _NO_FIELDS.hex()},
        "receive": [{"text": _WELL.hex()}],
    }


def _bridge() -> dict[str, Any]:
    return extension(
        _BRIDGE,
        "envoy.extensions.filters.http.grpc_http1_reverse_bridge.v3.FilterConfig",
        content_type=CONTENT_TYPE,
        withhold_grpc_frames=True,
        # By its length an answer passes as it comes; without, the bridge keeps all of it.
        response_size_header=_LENGTH,
    )


def _counter() -> dict[str, Any]:
    """Counts statuses of calls, which are HTTP's 200; those that the bridge takes apart have HTTP's."""
    message = "envoy.extensions.filters.http.grpc_stats.v3.FilterConfig"
    return {**extension(_COUNTER, message, stats_for_all_methods=False), "disabled": True}


def _length() -> list[dict[str, Any]]:
    """Tells the bridge how long an answer is; Envoy's own to calls have no body, and do not say so."""
    none = {"header": {"key": _LENGTH, "value": "0"}, "append_action": "ADD_IF_ABSENT"}
    return [{"append": set_header(_LENGTH, "%RESP(content-length)%")}, {"append": none}]


def _status_of_replica() -> list[dict[str, Any]]:
    """Puts what the answer's headers say in place of the status that the bridge derives from HTTP's."""
    return [{"append": set_header(name, f"%RESP({name})%")} for name in ("grpc-status", "grpc-message")]

"""One line of JSON on standard output for every request."""

from typing import Any

from eagleray.domain.actions.router_config import RouterConfig
from eagleray.domain.facts.router_layout import CLIENT_HEADER
from eagleray.router.errors import REFUSED_FOR_WHO_ASKS, REFUSED_FOR_WHO_ASKS_BEGIN, expression
from eagleray.router.xds import extension

# Envoy wants a name under which the figure might be changed while it runs; nobody does.
_KEY = "eagleray.request_log"
_WHO_ASKS = " || ".join(
    [
        f"response.code_details in {list(REFUSED_FOR_WHO_ASKS)}",
        *(f"response.code_details.startsWith('{begin}')" for begin in REFUSED_FOR_WHO_ASKS_BEGIN),
    ]
)
_NOT_OK = {"statuses": ["OK"], "exclude": True}


def access_log(percent: float) -> dict[str, Any]:
    """Who asked what, which revision answered what, how long it took and what went wrong (Envoy's response flags).

    The query string is left out: it may carry what does not belong in a log.

    Args:
        percent: share of the requests that get a line, to a hundredth. What went wrong always gets one: statuses from
            400 on, calls of gRPC that failed, whatever Envoy has a flag for.
    """
    fields = {
        "time": "%START_TIME(%Y-%m-%dT%H:%M:%E3SZ)%",
        "method": "%REQ(:METHOD)%",
        "path": "%PATH(NQ)%",
        "protocol": "%PROTOCOL%",
        "status": "%RESPONSE_CODE%",
        "flags": "%RESPONSE_FLAGS%",
        "details": "%RESPONSE_CODE_DETAILS%",
        "duration_ms": "%DURATION%",
        "replica_ms": "%RESPONSE_DURATION%",
        "bytes_received": "%BYTES_RECEIVED%",
        "bytes_sent": "%BYTES_SENT%",
        "revision": "%UPSTREAM_CLUSTER_RAW%",
        "replica": "%UPSTREAM_HOST%",
        "attempts": "%UPSTREAM_REQUEST_ATTEMPT_COUNT%",
        # Who asked, also through the proxies that are trusted to say so.
        "client": "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%",
        # By the key or the token.
        "client_name": f"%REQ({CLIENT_HEADER})%",
        "connection": "%CONNECTION_ID%",
        "request_id": "%REQ(X-REQUEST-ID)%",
    }
    return extension(
        "envoy.access_loggers.stdout",
        "envoy.extensions.access_loggers.stream.v3.StdoutAccessLog",
        log_format={"json_format": fields},
    ) | _filter(percent)


def refused_log(config: RouterConfig) -> list[dict[str, Any]]:
    """Counts the requests that are refused for who asks: `refused_requests`, by client and by Envoy's detail.

    A client is one of the Secret's, which bounds the names. Tokens may name anybody: then no client is told apart.
    """
    if not config.access.known_by and not config.limits.requests:
        return []
    tags = [
        {"name": "cause", "value_format": "%RESPONSE_CODE_DETAILS%"},
        *([] if config.access.issuers else [{"name": "client", "value_format": f"%REQ({CLIENT_HEADER})%"}]),
    ]
    counter = {"stat": {"name": "requests", "tags": tags}, "value_fixed": "1"}
    message = "envoy.extensions.access_loggers.stats.v3.Config"
    log = extension("envoy.access_loggers.stats", message, stat_prefix="refused", counters=[counter])
    return [log | {"filter": expression(_WHO_ASKS)}]


def _filter(percent: float) -> dict[str, Any]:
    if percent == 100:
        return {}
    of_grpc = {"name": "content-type", "string_match": {"prefix": "application/grpc"}}
    failed_calls = {"filters": [{"header_filter": {"header": of_grpc}}, {"grpc_status_filter": _NOT_OK}]}
    sampled = {"numerator": round(percent * 100), "denominator": "TEN_THOUSAND"}
    logged = [
        {"status_code_filter": {"comparison": {"op": "GE", "value": {"default_value": 400, "runtime_key": _KEY}}}},
        {"response_flag_filter": {}},
        {"and_filter": failed_calls},
        # By chance alone: who asks could choose the request's id.
        {"runtime_filter": {"runtime_key": _KEY, "percent_sampled": sampled, "use_independent_randomness": True}},
    ]
    return {"filter": {"or_filter": {"filters": logged}}}

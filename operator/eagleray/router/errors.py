"""The body of every answer that the router gives by itself: `{"error": {"reason": ..., "message": ...}}`."""

from typing import Any

_REQUEST_ID = "%REQ(X-REQUEST-ID)%"
# Envoy's response flags (config/observability/access_log): what went wrong, reason, sentence.
_BY_FLAG = (
    ("UH", "NoHealthyReplica", "no replica of this revision answers its health check"),
    ("UF", "ReplicaUnreachable", "no connection to a replica could be made"),
    ("UC", "ReplicaConnectionLost", "the replica closed the connection before it answered"),
    ("UR", "ReplicaConnectionLost", "the replica reset the connection before it answered"),
    ("UT", "RequestTimeout", "no complete answer within the request timeout"),
    ("UO", "RouterOverflow", "too many requests are waiting for this revision"),
    ("OM", "RouterOverloaded", "the router is short of memory"),
    ("NC", "RevisionGone", "the revision is just being removed"),
)


def error_replies() -> dict[str, Any]:
    """Envoy's LocalReplyConfig."""
    mappers = [_mapper({"response_flag_filter": {"flags": [flag]}}, *words) for flag, *words in _BY_FLAG]
    return {
        "mappers": [*mappers, *(_by_status(*row) for row in _BY_STATUS)],
        "body_format": _body("%RESPONSE_CODE_DETAILS%", "%LOCAL_REPLY_BODY%"),
    }


_BY_STATUS = ((413, "RequestTooLarge"), (404, "NotFound"), (503, "NotReady"))


def _by_status(status: int, reason: str) -> dict[str, Any]:
    comparison = {"op": "EQ", "value": {"default_value": status, "runtime_key": f"eagleray.status_{status}"}}
    return _mapper({"status_code_filter": {"comparison": comparison}}, reason, "%LOCAL_REPLY_BODY%")


def _mapper(condition: dict[str, Any], reason: str, message: str) -> dict[str, Any]:
    return {"filter": condition, "body_format_override": _body(reason, message)}


def _body(reason: str, message: str) -> dict[str, Any]:
    error = {"reason": reason, "message": message, "request_id": _REQUEST_ID}
    return {"json_format": {"error": error}}

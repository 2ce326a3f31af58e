"""The body of every answer that the router gives by itself: `{"error": {"reason": ..., "message": ...}}`.

But for one that is no error: what those are told who watch a model that sleeps.
"""

from typing import Any

_REQUEST_ID = "%REQ(X-REQUEST-ID)%"
# What whoever answers has to say.
_SAID = "%LOCAL_REPLY_BODY%"
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
    mappers = [_mapper({"response_flag_filter": {"flags": [flag]}}, _error(*words)) for flag, *words in _BY_FLAG]
    return {
        "mappers": [_by_status(200, _ASLEEP), *mappers, *(_by_status(s, _error(reason)) for s, reason in _BY_STATUS)],
        "body_format": _error("%RESPONSE_CODE_DETAILS%"),
    }


_BY_STATUS = ((413, "RequestTooLarge"), (404, "NotFound"), (503, "NotReady"))
_ASLEEP = {"json_format": {"state": "Asleep", "message": _SAID}}


def _by_status(status: int, body: dict[str, Any]) -> dict[str, Any]:
    comparison = {"op": "EQ", "value": {"default_value": status, "runtime_key": f"eagleray.status_{status}"}}
    return _mapper({"status_code_filter": {"comparison": comparison}}, body)


def _mapper(condition: dict[str, Any], body: dict[str, Any]) -> dict[str, Any]:
    return {"filter": condition, "body_format_override": body}


def _error(reason: str, message: str = _SAID) -> dict[str, Any]:
    return {"json_format": {"error": {"reason": reason, "message": message, "request_id": _REQUEST_ID}}}

"""The body of every answer that the router gives by itself: `{"error": {"reason", "message", "request_id"}}`.

But for one that is no error: what those are told who watch a model that sleeps. Envoy says why it answers by response
flags, and in detail by its response code details; both have their sentence here.
"""

from dataclasses import dataclass
from typing import Any

from eagleray.domain.actions.router_config import RouterConfig
from eagleray.router.permissions import DENIED
from eagleray.router.xds import extension, set_header

# What whoever answers has to say.
_SAID = "%LOCAL_REPLY_BODY%"
_HAS_ID = "'x-request-id' in request.headers"
# A request that could not be read has no id; the log names its connection.
_REQUEST_ID = f"%CEL({_HAS_ID} ? request.headers['x-request-id'] : 'connection-')%%CEL({_HAS_ID} ? '' : connection.id)%"
_ASLEEP = {"json_format": {"state": "Asleep", "message": _SAID}}
_NO_HTTP = (
    "the request is no HTTP/1.0, 1.1 or 2 that can be read; send it without TLS, its path percent-encoded, and no"
    " control characters"
)
_TWO_LENGTHS = (
    "the request says its body's length twice, or in a way that this router cannot follow; send Content-Length"
)


@dataclass(frozen=True, slots=True)
class Refusal:
    """What one is told who is refused for a cause.

    Attributes:
        reason: the cause as one word.
        message: a sentence, as Envoy formats it, with what to do.
        details: Envoy's response code details that mean it; or
        beginnings: what such details begin with; or
        flags: its response flags that do.
        status: the status in place of Envoy's, or 0.
        headers: what the answer has on top.
    """

    reason: str
    message: str
    details: tuple[str, ...] = ()
    beginnings: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    status: int = 0
    headers: tuple[tuple[str, str], ...] = ()

    @property
    def mapper(self) -> dict[str, Any]:
        """What is told, as Envoy's ResponseMapper."""
        status = {"status_code": self.status} if self.status else {}
        headers = {"headers_to_add": [set_header(*header) for header in self.headers]} if self.headers else {}
        return {**_mapper(self.condition, _error(self.reason, self.message)), **status, **headers}

    @property
    def condition(self) -> dict[str, Any]:
        """Which answers these are, as Envoy's AccessLogFilter."""
        told = [expression(f"response.code_details in {list(self.details)}")] if self.details else []
        told += [expression(f"response.code_details.startsWith('{beginning}')") for beginning in self.beginnings]
        told += [{"response_flag_filter": {"flags": [*self.flags]}}] if self.flags else []
        return told[0] if len(told) == 1 else {"or_filter": {"filters": told}}


def refusals(config: RouterConfig) -> tuple[Refusal, ...]:
    """Every cause that Envoy has to refuse a request with this configuration; the first that is met counts."""
    return (*_of_sizes(config), *_OF_REQUESTS, *_OF_STRANGERS, *_OF_LIMITS, *_OF_THE_ROUTER, *_OF_REPLICAS)


def _of_sizes(config: RouterConfig) -> tuple[Refusal, ...]:
    return (
        Refusal(
            "RequestTooLarge",
            f"the request's body has more than {config.max_request_bytes} bytes; send less at a time, or raise"
            " spec.router.maxRequestBytes",
            details=("request_payload_too_large",),
        ),
        Refusal(
            "HeadersTooLarge",
            f"the request's headers are more than {config.max_headers}, or than {config.max_header_bytes} bytes; send"
            " fewer, such as smaller cookies, or raise spec.router.maxHeaders and maxHeaderBytes",
            details=("http1.headers_too_large", "http1.too_many_headers"),
        ),
    )


# A request that is read in two ways by two servers may hide another one.
_LENGTHS = (
    "http1.content_length_and_chunked_not_allowed",
    "http1.content_length_not_allowed",
    "http1.invalid_transfer_encoding",
    "http1.transfer_encoding_not_allowed",
    "http1.body_disallowed",
)
_PATHS = (
    "missing_path_rejected",
    "path_normalization_failed",
    "http1.invalid_url",
    "invalid_path",
)
_UNREADABLE = ("http1.codec_error", "http1.connection_header_rejected", "http1.invalid_characters")
_NO_PATH = "the request's path is none that can be taken; write one that begins with / and has no #"
_OF_REQUESTS = (
    Refusal("BadRequest", _TWO_LENGTHS, details=_LENGTHS),
    Refusal("BadRequest", "the request names no host; send the header Host", details=("missing_host_header",)),
    Refusal("BadRequest", _NO_PATH, details=_PATHS),
    Refusal(
        "BadRequest",
        "the request's URL begins with https, and this port has no TLS; write http, or a path alone",
        details=("http1.https_url_on_plaintext_connection", "http1.invalid_scheme"),
    ),
    Refusal(
        "UpgradeRefused",
        "the request wants to change the protocol; here that is WebSocket alone, from HTTP/1.1",
        details=("upgrade_failed", "early_connect_data"),
    ),
    Refusal(
        "RequestTimeout",
        "the request's headers did not come in time; send them at once",
        details=("request_header_timeout", "downstream_header_timeout"),
    ),
    Refusal(
        "RequestTimeout",
        "the request's body did not come in time; send it faster, or less of it",
        details=("request_overall_timeout",),
    ),
    Refusal("BadRequest", "the call has no message of gRPC", details=("grpc_bridge_data_too_small",)),
    Refusal("BadRequest", _NO_HTTP, details=_UNREADABLE, flags=("DPE",)),
)
TOKEN_DENIED = "jwt_authn_access_denied"  # noqa: S105 -- Envoy's word
_ASKED_FOR = (("www-authenticate", "Bearer"),)
_OF_STRANGERS = (
    Refusal(
        "KeyMissing",
        "the request has no key; send one as Authorization: Bearer, or as x-api-key",
        details=("missing_api_key",),
        headers=_ASKED_FOR,
    ),
    Refusal(
        "KeyUnknown",
        "the request's key is none that this model knows; ask those who keep its keys for one",
        details=("unknown_api_key",),
        headers=_ASKED_FOR,
    ),
    Refusal(
        "KeyMissing",
        "the request has no token; send one of an issuer that this model knows as Authorization: Bearer",
        beginnings=(f"{TOKEN_DENIED}{{Jwt_is_missing",),
    ),
    Refusal(
        "TokenRefused",
        "the request's token is not let in: %LOCAL_REPLY_BODY%; send another one of an issuer that this model knows",
        beginnings=(TOKEN_DENIED,),
    ),
    Refusal(
        "NotAllowed",
        "this client is known and may not ask this, as spec.router.auth.allow says",
        beginnings=(DENIED,),
    ),
    Refusal(
        "NoKeys",
        "this model asks for a key and knows none; the condition Degraded of its ModelDeployment says why",
        details=("missing_credentials",),
        status=503,
    ),
    Refusal(
        "NoKeys",
        "the router cannot read the keys that it is to ask for; its container credentials says why in its log",
        flags=("NFCF",),
        status=503,
    ),
)
_OF_LIMITS = (
    Refusal(
        "TooManyRequests",
        "this client has asked more than spec.router.limits.perClient allows; ask again after the seconds that the"
        " header x-ratelimit-reset says",
        details=("local_rate_limited",),
    ),
)
REFUSED_FOR_WHO_ASKS = tuple(detail for refusal in (*_OF_STRANGERS, *_OF_LIMITS) for detail in refusal.details)
REFUSED_FOR_WHO_ASKS_BEGIN = (TOKEN_DENIED, DENIED)
_OF_THE_ROUTER = (
    Refusal("NotReady", _SAID, details=("ext_authz_denied",)),
    Refusal(
        "HolderUnreachable",
        "the version sleeps or starts, and what lets requests wait for it does not answer; ask again",
        flags=("UAEX",),
    ),
    Refusal(
        "NotReady", "the router has not read its routes yet; ask again", details=("route_configuration_not_found",)
    ),
    Refusal("NotFound", _NO_PATH, details=("absolute_path_rejected",), flags=("NR",)),
    Refusal("RouterOverloaded", "the router is short of memory; ask again", details=("overload",), flags=("OM",)),
    Refusal("StreamIdle", "the request or its answer stood still for longer than the router waits", flags=("SI",)),
)
_OF_REPLICAS = (
    Refusal(
        "ReplicaConnectionLost",
        "the replica was lost while the request's body came, of which too much is gone to send it again; ask again",
        details=("request_payload_exceeded_retry_buffer_limit",),
    ),
    Refusal(
        "NoCalls",
        "the answer does not say its length, which a call of gRPC is told before it; ask by HTTP",
        details=("grpc_bridge_content_length_missing", "grpc_bridge_content_length_wrong"),
    ),
    Refusal(
        "NoCalls",
        "what is asked does not answer calls of gRPC (%RESPONSE_CODE_DETAILS%: %LOCAL_REPLY_BODY%); ask by HTTP",
        details=("grpc_bridge_content_type_wrong",),
    ),
    Refusal(
        "WebSocketRefused",
        "what is asked does not take a WebSocket at this path",
        details=("websocket_handshake_unsuccessful",),
    ),
    Refusal("NoHealthyReplica", "no replica of this revision answers its health check", flags=("UH",)),
    Refusal("ReplicaUnreachable", "no connection to a replica could be made", flags=("UF",)),
    Refusal("ReplicaConnectionLost", "the replica closed the connection before it answered", flags=("UC",)),
    Refusal("ReplicaConnectionLost", "the replica reset the connection before it answered", flags=("UR",)),
    Refusal("RequestTimeout", "no complete answer within the request timeout", flags=("UT",)),
    Refusal(
        "RouterOverflow",
        "as many requests are in progress at this revision as a router Pod has memory for; ask again, or raise"
        " spec.router.resources",
        flags=("UO",),
    ),
    Refusal("RevisionGone", "the revision is just being removed", flags=("NC",)),
    Refusal("ReplicaProtocolError", "the replica's answer is no HTTP/1.1 that can be read", flags=("UPE",)),
    Refusal("ReplicaConnectionLost", "the router gave the request to the replica up", flags=("LR", "URX")),
)
# What the route table answers, and a word for it; the sentence is there.
_OWN_ANSWERS = ((404, "NotFound"), (503, "NotReady"))


def error_replies(config: RouterConfig) -> dict[str, Any]:
    """Envoy's LocalReplyConfig."""
    own = [_mapper(_own(status), _error(reason, _SAID)) for status, reason in _OWN_ANSWERS]
    known = [refusal.mapper for refusal in refusals(config)]
    unknown = f"the router refused the request (%RESPONSE_CODE_DETAILS%): {_SAID}"
    return {"mappers": [_mapper(_own(200), _ASLEEP), *own, *known], "body_format": _error("Refused", unknown)}


def _own(status: int) -> dict[str, Any]:
    return expression(f"response.code_details == 'direct_response' && response.code == {status}")


def expression(text: str) -> dict[str, Any]:
    """A condition, as Envoy's AccessLogFilter, in Envoy's attributes (Common Expression Language)."""
    message = "envoy.extensions.access_loggers.filters.cel.v3.ExpressionFilter"
    return {"extension_filter": extension("envoy.access_loggers.extension_filters.cel", message, expression=text)}


def _mapper(condition: dict[str, Any], body: dict[str, Any]) -> dict[str, Any]:
    return {"filter": condition, "body_format_override": body}


def _error(reason: str, message: str) -> dict[str, Any]:
    return {"json_format": {"error": {"reason": reason, "message": message, "request_id": _REQUEST_ID}}}

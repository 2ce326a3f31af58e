"""The gRPC face of the models: the unary calls of the Open Inference Protocol, as the router brings them.

The router takes a call apart: what arrives is an HTTP POST with one message, what leaves is one message. Its status
and message are headers here, which the router makes the call's trailers.
"""

from typing import Final
from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from eagleray_serving import __version__
from eagleray_serving.bodies import Bodies
from eagleray_serving.protocols import messages
from eagleray_serving.service import Models, Prediction

SERVICE: Final = "/inference.GRPCInferenceService"
"""Paths of the calls begin with it."""
CONTENT_TYPE: Final = "application/grpc"
"""Of both bodies; the router asks for it."""
STATUS_HEADER: Final = "grpc-status"
"""Response header: the call's status, a number; there is none where all is well."""
MESSAGE_HEADER: Final = "grpc-message"
"""Response header: what went wrong, percent-encoded as gRPC has it."""

# https://grpc.github.io/grpc/core/md_doc_statuscodes.html
_INVALID_ARGUMENT, _NOT_FOUND, _RESOURCE_EXHAUSTED, _UNIMPLEMENTED, _INTERNAL, _UNAVAILABLE = 3, 5, 8, 12, 13, 14
_STATUSES = {
    400: _INVALID_ARGUMENT,
    404: _NOT_FOUND,
    413: _RESOURCE_EXHAUSTED,
    422: _INVALID_ARGUMENT,
    501: _UNIMPLEMENTED,
    503: _UNAVAILABLE,
}
# What gRPC leaves as it is in a message: printable ASCII but the percent sign.
_PLAIN = "".join(chr(code) for code in range(0x20, 0x7F) if chr(code) != "%")


def is_call(request: Request) -> bool:
    """Whether a request is a call."""
    return request.headers.get("content-type") == CONTENT_TYPE


def refusal(status: int, message: str) -> Response:
    """The answer to a call that failed.

    Args:
        status: The HTTP status that a request would have been answered with.
        message: What is wrong, for people.
    """
    code = str(_STATUSES.get(status, _INTERNAL))
    headers = {STATUS_HEADER: code, MESSAGE_HEADER: quote(message, safe=_PLAIN)}
    return Response(b"", status_code=status, headers=headers, media_type=CONTENT_TYPE)


class Calls:
    """Answers calls.

    Args:
        models: The models that they are for.
        bodies: What parses their messages.
    """

    def __init__(self, models: Models, bodies: Bodies) -> None:
        self._models = models
        self._bodies = bodies

    async def answer(self, method: str, request: Request) -> tuple[bytes, Prediction | None]:
        """Answer one call.

        Args:
            method: Its name.
            request: What brought it; its body is the message.

        Returns:
            The answer's message, and the prediction in it, if it is one.

        Raises:
            HTTPException: There is no such method, or the message is compressed.
            ServingError: As `Models.asked` and `Service.predict`; or the message lacks something.
        """
        if request.headers.get("grpc-encoding", "identity") != "identity":
            raise HTTPException(501, "compressed messages are not taken; send them without compression")
        if method == "ModelInfer":
            return await self._infer(request)
        return await self._about(method, await self._bodies.parsed(request, bytes)), None

    async def _infer(self, request: Request) -> tuple[bytes, Prediction]:
        name, version, call = await self._bodies.parsed(request, messages.parse_call)
        async with self._models.asked(name, version) as service:
            told = (service.signature, service.output_names, service.own_names)
            asked = await self._bodies.aside(call.ByteSize(), lambda: messages.parse_infer(call, *told))
            prediction = await service.predict(asked.rows)
        outputs = prediction.outputs
        message = await self._bodies.written(outputs, lambda: messages.infer_response(name, outputs, asked))
        return message, prediction

    async def _about(self, method: str, body: bytes) -> bytes:
        if method == "ServerLive":
            return messages.live()
        if method == "ServerReady":
            return messages.ready(ready=self._models.healthy)
        if method == "ServerMetadata":
            return messages.server_metadata("eagleray", __version__)
        if method not in {"ModelReady", "ModelMetadata"}:
            raise HTTPException(501, f"there is no method {method}; this serves the Open Inference Protocol")
        name, version = messages.parse_asked(body)
        if method == "ModelReady":
            return messages.ready(ready=self._models.state(name, version).ready)
        async with self._models.asked(name, version) as service:
            return messages.metadata(service.name, service.platform, service.signature, service.outputs)

"""The holder's two doors, both on loopback: Envoy's question whether a request may pass, and how many wait (HTTP)."""

import grpc
from aiohttp import web

from eagleray_hold.holder import Holder, RefusedError
from eagleray_hold.proto.ext_authz_pb2 import CheckRequest, CheckResponse

HELD_PATH = "/held"
REVISION = "revision"
_LOOPBACK = "127.0.0.1"
_SERVICE = "envoy.service.auth.v3.Authorization"
_UNAVAILABLE = 503


class Server:
    """Serves until `stop`.

    Args:
        holder: what decides.
        checks_port: where Envoy asks.
        held_port: where it is read how many wait.
    """

    def __init__(self, holder: Holder, checks_port: int, held_port: int) -> None:
        self._holder = holder
        self._grpc = grpc.aio.server()
        handler = grpc.unary_unary_rpc_method_handler(
            self._check, request_deserializer=CheckRequest.FromString, response_serializer=_serialized
        )
        self._grpc.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(_SERVICE, {"Check": handler})])
        self._grpc.add_insecure_port(f"{_LOOPBACK}:{checks_port}")
        app = web.Application()
        app.router.add_get(HELD_PATH, self._held)
        self._web = web.AppRunner(app, access_log=None)
        self._held_port = held_port

    async def start(self) -> None:
        """Open both doors."""
        await self._web.setup()
        await web.TCPSite(self._web, _LOOPBACK, self._held_port).start()
        await self._grpc.start()

    async def stop(self) -> None:
        """Close them; Envoy, which ends before, has let go of every request that waited."""
        await self._grpc.stop(None)
        await self._web.cleanup()

    async def _check(self, request: CheckRequest, _: grpc.aio.ServicerContext) -> CheckResponse:
        try:
            await self._holder.check(request.attributes.context_extensions[REVISION])
        except RefusedError as e:
            return _refusal(str(e), e.retry_after)
        return CheckResponse()

    async def _held(self, request: web.Request) -> web.Response:
        try:
            wait = float(request.query.get("wait", "0"))
        except ValueError:
            raise web.HTTPBadRequest(text="wait is a number of seconds") from None
        if wait > 0:
            await self._holder.somebody(wait)
        return web.json_response({"held": self._holder.held})


def _refusal(message: str, retry_after: int) -> CheckResponse:
    response = CheckResponse()
    response.status.code = grpc.StatusCode.UNAVAILABLE.value[0]
    response.denied_response.status.code = _UNAVAILABLE
    response.denied_response.body = message
    header = response.denied_response.headers.add().header
    header.key, header.value = "retry-after", str(retry_after)
    return response


def _serialized(response: CheckResponse) -> bytes:
    serialized: bytes = response.SerializeToString()
    return serialized

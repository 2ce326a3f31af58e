"""The comparer's two doors, both on loopback: exchanges from Envoy (gRPC), and what was found (HTTP)."""

from collections.abc import AsyncIterator
from typing import Any

import grpc
from aiohttp import web

from eagleray_compare.comparer import Comparer, client
from eagleray_compare.exchange import ORDER_METADATA, Order
from eagleray_compare.proto.ext_proc_pb2 import ProcessingRequest

REPORT_PATH = "/mirror"
PROMETHEUS_PATH = "/mirror/prometheus"
_LOOPBACK = "127.0.0.1"
_SERVICE = "envoy.service.ext_proc.v3.ExternalProcessor"
# Envoy asks every second whether this process still reads; gRPC's own bounds take that for an attack.
_OPTIONS = (("grpc.http2.max_ping_strikes", 0), ("grpc.http2.min_recv_ping_interval_without_data_ms", 500))


class Server:
    """Serves until `stop`.

    Args:
        exchanges_port: where Envoy streams exchanges to.
        report_port: where the figures are read.
        copies_port: where the router takes copies for the mirrored version.
    """

    def __init__(self, exchanges_port: int, report_port: int, copies_port: int) -> None:
        self._session = client()
        self._comparer = Comparer(self._session, f"http://{_LOOPBACK}:{copies_port}")
        self._grpc = grpc.aio.server(options=_OPTIONS)
        handler = grpc.stream_stream_rpc_method_handler(
            self._process, request_deserializer=ProcessingRequest.FromString
        )
        self._grpc.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(_SERVICE, {"Process": handler})])
        self._grpc.add_insecure_port(f"{_LOOPBACK}:{exchanges_port}")
        app = web.Application()
        app.router.add_get(REPORT_PATH, self._report)
        app.router.add_get(PROMETHEUS_PATH, self._prometheus)
        self._web = web.AppRunner(app, access_log=None)
        self._report_port = report_port

    async def start(self) -> None:
        """Open both doors."""
        await self._web.setup()
        await web.TCPSite(self._web, _LOOPBACK, self._report_port).start()
        await self._grpc.start()

    async def stop(self) -> None:
        """Close them; exchanges under way are given up."""
        await self._grpc.stop(None)
        await self._web.cleanup()
        await self._session.close()

    async def _process(self, pieces: AsyncIterator[ProcessingRequest], context: grpc.aio.ServicerContext) -> None:
        metadata: dict[str, Any] = dict(context.invocation_metadata() or ())
        try:
            order = Order.read(metadata.get(ORDER_METADATA, ""))
        except (ValueError, KeyError, TypeError) as e:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"{ORDER_METADATA}: {e}")
        await self._comparer.observe(order, pieces)

    async def _report(self, _: web.Request) -> web.Response:
        return web.json_response(self._comparer.tallies.report())

    async def _prometheus(self, _: web.Request) -> web.Response:
        return web.Response(text=self._comparer.tallies.prometheus(), content_type="text/plain", charset="utf-8")

"""A gRPC server of one service, on a port of its own."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import grpc


@asynccontextmanager
async def serving(service: str, handlers: Mapping[str, grpc.RpcMethodHandler]) -> AsyncIterator[str]:
    """Serve while the block runs.

    Args:
        service: The service's full name.
        handlers: Its methods by name.

    Yields:
        The server's address.
    """
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    yield f"127.0.0.1:{port}"
    await server.stop(None)

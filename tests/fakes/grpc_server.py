"""A gRPC server, on a port of its own."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import grpc


@asynccontextmanager
async def serving(services: Mapping[str, Mapping[str, grpc.RpcMethodHandler]]) -> AsyncIterator[str]:
    """Serve while the block runs.

    Args:
        services: Of each service, by its full name, the methods by name.

    Yields:
        The server's address.
    """
    server = grpc.aio.server()
    handlers = (grpc.method_handlers_generic_handler(name, methods) for name, methods in services.items())
    server.add_generic_rpc_handlers(tuple(handlers))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    yield f"127.0.0.1:{port}"
    await server.stop(None)

"""Runs a program beside Envoy in a router Pod: again whenever it ends, until the Pod does.

A container that ends takes the readiness of its Pod, and with it the users' requests; so this one does not end because
the program does.
"""

import asyncio
import logging
import signal
import subprocess
import threading
from typing import Protocol

PAUSE_SECONDS = 1.0
_log = logging.getLogger(__name__)


class Server(Protocol):
    """What a program does."""

    async def start(self) -> None:
        """Open its doors."""

    async def stop(self) -> None:
        """Close them."""


async def serve(server: Server) -> None:
    """Serve until SIGTERM."""
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    await server.start()
    await stopped.wait()
    await server.stop()


def supervise(command: list[str]) -> None:
    """Run `command` again and again until SIGTERM."""
    stopped = threading.Event()
    child: subprocess.Popen[bytes] | None = None

    def stop(*_: object) -> None:
        stopped.set()
        if child is not None:
            child.terminate()

    signal.signal(signal.SIGTERM, stop)
    while not stopped.is_set():
        child = subprocess.Popen(command)  # noqa: S603 -- the program itself
        if stopped.is_set():
            child.terminate()
        status = child.wait()
        if not stopped.wait(PAUSE_SECONDS):
            _log.warning("%s ended with %s and starts again", " ".join(command[1:3]), status)

"""Run the comparer, again whenever it ends.

A container that ends takes the readiness of its Pod, and with it the users' requests; so this one does not end because
the comparer does, and the comparer gets less memory than the container.
"""

import argparse
import asyncio
import logging
import resource
import signal
import subprocess
import sys
import threading

from eagleray_compare.server import Server

PAUSE_SECONDS = 1.0
MAX_DATA_BYTES = 384 * 1024 * 1024
_log = logging.getLogger("eagleray_compare")


async def work(server: Server) -> None:
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
        child = subprocess.Popen(command)  # noqa: S603 -- this program itself
        if stopped.is_set():
            child.terminate()
        status = child.wait()
        if not stopped.wait(PAUSE_SECONDS):
            _log.warning("the comparer ended with %s and starts again", status)


async def _serve(exchanges: int, report: int, copies: int) -> None:
    await work(Server(exchanges, report, copies))


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--exchanges-port", type=int, required=True)
    parser.add_argument("--report-port", type=int, required=True)
    parser.add_argument("--copies-port", type=int, required=True)
    parser.add_argument("--worker", action="store_true", help="what the supervisor runs")
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    if args.worker:
        resource.setrlimit(resource.RLIMIT_DATA, (MAX_DATA_BYTES, MAX_DATA_BYTES))
        asyncio.run(_serve(args.exchanges_port, args.report_port, args.copies_port))
    else:
        supervise([sys.executable, "-m", "eagleray_compare", *sys.argv[1:], "--worker"])


if __name__ == "__main__":
    main()

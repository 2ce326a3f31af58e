"""Run the comparer, again whenever it ends; it gets less memory than its container."""

import argparse
import asyncio
import logging
import resource
import sys

from eagleray_compare.server import Server
from eagleray_sidecar import serve, supervise

MAX_DATA_BYTES = 384 * 1024 * 1024


async def _serve(exchanges: int, report: int, copies: int) -> None:
    await serve(Server(exchanges, report, copies))


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

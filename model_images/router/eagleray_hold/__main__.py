"""Run the holder, again whenever it ends."""

import argparse
import asyncio
import logging
import sys
from pathlib import Path

from eagleray_hold.holder import Holder
from eagleray_hold.server import Server
from eagleray_sidecar import serve, supervise


async def _serve(file: Path, checks: int, held: int) -> None:
    await serve(Server(Holder(file), checks, held))


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--file", type=Path, required=True, help="which revisions are on hold")
    parser.add_argument("--checks-port", type=int, required=True)
    parser.add_argument("--held-port", type=int, required=True)
    parser.add_argument("--worker", action="store_true", help="what the supervisor runs")
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    if args.worker:
        asyncio.run(_serve(args.file, args.checks_port, args.held_port))
    else:
        supervise([sys.executable, "-m", "eagleray_hold", *sys.argv[1:], "--worker"])


if __name__ == "__main__":
    main()

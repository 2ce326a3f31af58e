"""Run the program, again whenever it ends; once before Envoy starts, which refuses to without its files."""

import argparse
import asyncio
import logging
import sys
from pathlib import Path

from eagleray_credentials.maker import Maker
from eagleray_credentials.server import Server
from eagleray_sidecar import serve, supervise


async def _serve(maker: Maker, port: int) -> None:
    await serve(Server(maker, port))


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--order", type=Path, required=True, help="what to make of what")
    parser.add_argument("--made", type=Path, required=True, help="folder of the files that Envoy reads")
    parser.add_argument("--port", type=int, default=0, help="where it is read what is wrong")
    parser.add_argument("--once", action="store_true", help="make the files and end")
    parser.add_argument("--worker", action="store_true", help="what the supervisor runs")
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    maker = Maker(args.order, args.made)
    if args.once:
        maker.make()
    elif args.worker:
        asyncio.run(_serve(maker, args.port))
    else:
        supervise([sys.executable, "-m", "eagleray_credentials", *sys.argv[1:], "--worker"])


if __name__ == "__main__":
    main()

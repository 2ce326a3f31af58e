"""Finds the replicas that listen: python replicas.py FIRST LAST HOST [HOST ...] prints their addresses, one a line."""

import sys
import urllib.request


def healthy(address: str) -> bool:
    """Whether a replica answers its health check there."""
    try:
        with urllib.request.urlopen(f"http://{address}/-/healthz", timeout=2) as response:
            return bool(response.status == 200)
    except OSError:
        return False


def main() -> None:
    """Run the command."""
    first, last, *hosts = sys.argv[1:]
    addresses = [f"{host}:{port}" for host in hosts for port in range(int(first), int(last) + 1)]
    for address in filter(healthy, addresses):
        sys.stdout.write(f"{address}\n")


if __name__ == "__main__":
    main()

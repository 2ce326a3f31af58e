"""A router Pod's preStop hook: returns when Envoy may be stopped without losing a request.

Readiness fails first and every answer says `connection: close` from then on, while new connections are still taken:
other nodes hear of a Pod that leaves only after seconds. When nobody comes any more, the listeners close and the
requests in progress are waited for.
"""

import argparse
import sys
import time
import urllib.request

_STATS = "/stats?filter=^http%5C.ingress%5C.downstream_rq_(active|total)$"


class _Admin:
    def __init__(self, port: int) -> None:
        self._base = f"http://127.0.0.1:{port}"

    def post(self, path: str) -> None:
        request = urllib.request.Request(self._base + path, method="POST")  # noqa: S310 -- loopback, http
        with urllib.request.urlopen(request, timeout=5):  # noqa: S310
            pass

    def requests(self) -> tuple[int, int]:
        """Requests in progress, and requests ever taken."""
        with urllib.request.urlopen(self._base + _STATS, timeout=5) as answer:  # noqa: S310
            lines = answer.read().decode().splitlines()
        values = dict(line.rsplit(": ", 1) for line in lines)
        return (
            int(values["http.ingress.downstream_rq_active"]),
            int(values["http.ingress.downstream_rq_total"]),
        )


def drain(admin: _Admin, settle: float, quiet: float, deadline: float, poll: float = 0.2) -> bool:
    """Drain Envoy.

    Args:
        admin: Envoy's admin interface.
        settle: seconds for which new requests are expected in any case.
        quiet: seconds without a new request after which nobody comes any more.
        deadline: seconds after which it ends whatever is in progress.
        poll: seconds between two looks.

    Returns:
        Whether nothing was in progress at the end.
    """
    start = last_new = time.monotonic()
    admin.post("/healthcheck/fail")
    active, total = admin.requests()
    closed = False
    while time.monotonic() - start < deadline:
        now = time.monotonic()
        if not closed and now - start >= settle and now - last_new >= quiet:
            admin.post("/drain_listeners")
            closed = True
        elif closed and not active:
            return True
        time.sleep(poll)
        active, seen = admin.requests()
        if seen != total:
            total, last_new = seen, time.monotonic()
    return not active


def main() -> int:
    """Run the hook."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--admin-port", type=int, default=9901)
    parser.add_argument("--settle", type=float, default=5.0)
    parser.add_argument("--quiet", type=float, default=2.0)
    parser.add_argument("--deadline", type=float, required=True)
    args = parser.parse_args()
    return 0 if drain(_Admin(args.admin_port), args.settle, args.quiet, args.deadline) else 1


if __name__ == "__main__":
    sys.exit(main())

"""How many requests wait at a router Pod for a revision to start."""

from collections.abc import Hashable, Mapping
from typing import Final

from eagleray.peers.address import http_url
from eagleray.peers.http import ROUTERS, STREAMS, Http, Request
from eagleray.peers.shape import loads, mapping, text, whole
from eagleray.router.hold import HELD_PATH

SECONDS: Final = 2.0
"""How long an answer may take that is not put off."""


async def held(http: Http, owner: Hashable, ip: str, port: int) -> Mapping[str, int]:
    """Read how many requests wait, by the revision that they wait for.

    Args:
        http: asks.
        owner: the object whose budget it is.
        ip: the router Pod's address.
        port: its ops port.

    Raises:
        PeerError: one of its kinds, by what went wrong.
    """
    request = Request(peer=_name(ip), url=http_url(ip, port, HELD_PATH), seconds=SECONDS)
    return await http.ask(ROUTERS, owner, request, parse_held)


async def await_held(http: Http, owner: Hashable, ip: str, port: int, seconds: float) -> Mapping[str, int]:
    """The same, as soon as a request waits, or after `seconds`."""
    url = http_url(ip, port, HELD_PATH, {"wait": f"{seconds:g}"})
    request = Request(peer=_name(ip), url=url, seconds=seconds + SECONDS)
    return await http.ask(STREAMS, owner, request, parse_held)


def parse_held(body: bytes) -> dict[str, int]:
    """Read a holder's answer.

    Raises:
        ShapeError: it is not a holder's.
    """
    counts = mapping(mapping(loads(body), "it").get("held"), "held")
    return {text(revision, "held"): whole(count, "held") for revision, count in counts.items()}


def _name(ip: str) -> str:
    return f"holder {ip}"

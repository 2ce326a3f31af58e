"""What is wrong with the Secrets and ConfigMaps that a router Pod mounts."""

from collections.abc import Hashable
from typing import Final

from eagleray.domain.facts.routers import Credentials
from eagleray.domain.facts.text import clean
from eagleray.peers.address import http_url
from eagleray.peers.http import ROUTERS, Http, Request
from eagleray.peers.shape import items, loads, mapping, text
from eagleray.router.made import CREDENTIALS_PATH

SECONDS: Final = 2.0
MOST: Final = 20
LONGEST: Final = 300


async def credentials(http: Http, owner: Hashable, ip: str, port: int) -> Credentials:
    """Read what is wrong with what a router Pod mounts.

    Args:
        http: asks.
        owner: the object whose budget it is.
        ip: the Pod's address.
        port: its ops port.

    Raises:
        PeerError: one of its kinds, by what went wrong.
    """
    request = Request(peer=f"credentials of router {ip}", url=http_url(ip, port, CREDENTIALS_PATH), seconds=SECONDS)
    return await http.ask(ROUTERS, owner, request, parse_credentials)


def parse_credentials(body: bytes) -> Credentials:
    """Read the answer of the program beside Envoy.

    Raises:
        ShapeError: it is none.
    """
    answer = mapping(loads(body), "it")
    problems = items(answer.get("problems"), "problems", MOST)
    told = tuple(clean(text(problem, "problems[]"), LONGEST) for problem in problems)
    return Credentials(told, closed=answer.get("closed") is True)

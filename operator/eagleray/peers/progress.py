"""How far what takes long in a Pod is, as the Pod tells it."""

from collections.abc import Hashable
from typing import Final

from eagleray.domain.facts.progress import Progress
from eagleray.peers.address import http_url
from eagleray.peers.http import NODES, Http, Request
from eagleray.peers.shape import loads, mapping, number, text, whole

SECONDS: Final = 3.0
_PATH: Final = "/progress"
_MOST_SAID: Final = 200


async def progress(http: Http, owner: Hashable, ip: str, port: int) -> Progress:
    """Read how far it is.

    Args:
        http: asks.
        owner: the object whose budget it is.
        ip: the Pod's address.
        port: where it listens.

    Raises:
        PeerError: one of its kinds, by what went wrong.
    """
    request = Request(peer=f"progress of {ip}", url=http_url(ip, port, _PATH), seconds=SECONDS)
    return await http.ask(NODES, owner, request, parse_progress)


def parse_progress(body: bytes) -> Progress:
    """Read what a Pod answers.

    Raises:
        ShapeError: it is not one's.
    """
    told = mapping(loads(body), "it")
    total, said = told.get("total"), told.get("said")
    return Progress(
        done=whole(told.get("done"), "done"),
        total=None if total is None else whole(total, "total"),
        rate=number(told.get("rate"), "rate"),
        still=number(told.get("still"), "still"),
        said=None if said is None else text(said, "said", _MOST_SAID),
    )

"""How far the download of a model is, as the init container of its Pod tells it."""

from collections.abc import Hashable
from typing import Final

from eagleray.domain.facts.download import Download
from eagleray.peers.address import http_url
from eagleray.peers.http import NODES, Http, Request
from eagleray.peers.shape import loads, mapping, number, whole

SECONDS: Final = 3.0
_PATH: Final = "/download"


async def download(http: Http, owner: Hashable, ip: str, port: int) -> Download:
    """Read how far it is.

    Args:
        http: asks.
        owner: the object whose budget it is.
        ip: the Pod's address.
        port: where its init container listens.

    Raises:
        PeerError: one of its kinds, by what went wrong.
    """
    request = Request(peer=f"download {ip}", url=http_url(ip, port, _PATH), seconds=SECONDS)
    return await http.ask(NODES, owner, request, parse_download)


def parse_download(body: bytes) -> Download:
    """Read an init container's answer.

    Raises:
        ShapeError: it is not one's.
    """
    told = mapping(loads(body), "it")
    total = told.get("total")
    return Download(
        done=whole(told.get("done"), "done"),
        total=None if total is None else whole(total, "total"),
        rate=number(told.get("rate"), "rate"),
        still=number(told.get("still"), "still"),
    )

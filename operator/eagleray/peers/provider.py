"""Asks Prometheus and users' own servers for figures."""

import math
from collections.abc import Hashable
from functools import partial
from typing import Final

import orjson
from yarl import URL

from eagleray.domain.facts.providers.query import NoValueError, ProviderQuery
from eagleray.peers.errors import RejectedError
from eagleray.peers.http import PROVIDERS, Http, Request
from eagleray.peers.shape import ShapeError, loads

SECONDS: Final = 5.0


async def ask(http: Http, owner: Hashable, query: ProviderQuery) -> float:
    """Ask for a number.

    Args:
        http: asks.
        owner: the object whose budget it is.
        query: whom, and what.

    Raises:
        PeerError: there was no number; the message says why, and nothing of what the server wrote.
    """
    order = query.request()
    url = _url(order.url)
    http.fence.check(url)
    request = Request(
        peer=url.host or "",
        url=url.update_query(order.params),
        seconds=SECONDS,
        method=order.method,
        headers={} if order.body is None else {"Content-Type": "application/json"},
        body=None if order.body is None else orjson.dumps(dict(order.body)),
    )
    return await http.ask(PROVIDERS, owner, request, partial(parse_value, query))


def _url(written: str) -> URL:
    """Refuse what says more than where a server is; the message has nothing of it, which may be a password."""
    try:
        url = URL(written)
        host = url.host
    except ValueError as e:
        raise RejectedError("the address of the server is no URL") from e
    if url.scheme not in {"http", "https"} or not host:
        raise RejectedError("the address of the server is no URL that begins with http:// or https://")
    if url.raw_user is not None or url.raw_password is not None:
        raise RejectedError(f"{host}: the address of the server has a user or password, which everybody could read")
    if url.raw_fragment or url.raw_query_string:
        raise RejectedError(f"{host}: the address of the server has a query or fragment (?…, #…); leave it out")
    return url


def parse_value(query: ProviderQuery, body: bytes) -> float:
    """The number in an answer.

    Raises:
        ShapeError: there is none, or it is not finite.
    """
    try:
        value = query.value(loads(body))
    except NoValueError as e:
        raise ShapeError(str(e)) from e
    if not math.isfinite(value):
        raise ShapeError(f"its value is {value}")
    return value

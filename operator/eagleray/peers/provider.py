"""Asks Prometheus and users' own servers for figures."""

import math
from collections.abc import Hashable
from typing import Any, Final

import orjson
from yarl import URL

from eagleray.domain.rollout.evidence import ProviderQuery
from eagleray.peers.errors import RejectedError
from eagleray.peers.http import PROVIDERS, Http, Request
from eagleray.peers.shape import ShapeError, loads

SECONDS: Final = 5.0


async def ask(http: Http, owner: Hashable, query: ProviderQuery) -> float:
    """Ask for a number.

    Prometheus: https://prometheus.io/docs/prometheus/latest/querying/api/#instant-queries.

    Args:
        http: asks.
        owner: the object whose budget it is.
        query: whom, and what.

    Raises:
        PeerError: there was no number; the message says why, and nothing of what the server wrote.
    """
    url = _url(query.url)
    peer = url.host or ""
    if query.promql:
        url = (url / "api/v1/query").with_query(query=query.promql)
        return await http.ask(PROVIDERS, owner, Request(peer=peer, url=url, seconds=SECONDS), _of_prometheus)
    request = Request(
        peer=peer,
        url=url,
        seconds=SECONDS,
        method="POST",
        headers={"Content-Type": "application/json"},
        body=orjson.dumps(dict(query.about)),
    )
    return await http.ask(PROVIDERS, owner, request, lambda body: _at(query.path, loads(body)))


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
    if url.raw_fragment:
        raise RejectedError(f"{host}: the address of the server has a fragment (#…); leave it out")
    return url


def _of_prometheus(body: bytes) -> float:
    try:
        data = loads(body)["data"]
        kind, result = data["resultType"], data["result"]
        points = [result] if kind == "scalar" else [series["value"] for series in result[:2]]
        values = [float(value) for _, value in points]
        count = 1 if kind == "scalar" else len(result)
    except ShapeError:
        raise
    except (KeyError, IndexError, TypeError, ValueError) as e:
        raise ShapeError("write a query for an instant vector or a scalar") from e
    if len(values) != 1:
        raise ShapeError(f"{count} series; write a query that gives one, as sum(…) does")
    return _finite(values[0])


def _at(path: str, value: Any) -> float:  # noqa: ANN401 -- JSON
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    if not isinstance(value, int | float):
        raise ShapeError(f"no number at {path}")
    return _finite(float(value))


def _finite(value: float) -> float:
    if not math.isfinite(value):
        raise ShapeError(f"it is {value}")
    return value

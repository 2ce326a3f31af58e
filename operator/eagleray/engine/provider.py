"""Asks Prometheus and users' own servers for figures."""

import asyncio
import json
import math
from typing import Any

import aiohttp

from eagleray.domain.rollout.evidence import ProviderQuery

DEADLINE_SECONDS = 5.0
LIMIT_BYTES = 2**20


class NoValueError(Exception):
    """There was no number; the message says why, and nothing of what the server wrote."""


async def ask(session: aiohttp.ClientSession, query: ProviderQuery) -> float:
    """Ask for a number.

    Prometheus: https://prometheus.io/docs/prometheus/latest/querying/api/#instant-queries.

    Args:
        session: the client to ask with.
        query: whom, and what.

    Raises:
        NoValueError: no answer within `DEADLINE_SECONDS`, or not one number.
    """
    where = query.url.partition("://")[2].partition("/")[0]
    try:
        async with asyncio.timeout(DEADLINE_SECONDS):
            if query.promql:
                url = f"{query.url.rstrip('/')}/api/v1/query"
                value = _of_prometheus(await _json(session, "GET", url, params={"query": query.promql}))
            else:
                value = _at(query.path, await _json(session, "POST", query.url, json=dict(query.about)))
    except TimeoutError as e:
        raise NoValueError(f"{where} gave no answer within {DEADLINE_SECONDS:.0f} s") from e
    except (aiohttp.ClientError, OSError) as e:
        raise NoValueError(f"{where} gave no answer: {type(e).__name__}") from e
    except NoValueError as e:
        raise NoValueError(f"{where} {e}") from e
    if not math.isfinite(value):
        raise NoValueError(f"{where} answered {value}")
    return value


async def _json(session: aiohttp.ClientSession, method: str, url: str, **request: Any) -> Any:  # noqa: ANN401 -- JSON
    # Nobody may lead the operator to another address than the one that spec names.
    async with session.request(method, url, allow_redirects=False, **request) as response:
        if response.status != 200:
            raise NoValueError(f"answered {response.status}")
        body = bytearray()
        async for part in response.content.iter_any():
            body += part
            if len(body) > LIMIT_BYTES:
                raise NoValueError(f"answered more than {LIMIT_BYTES >> 20} MiB")
    try:
        return json.loads(body)
    except ValueError as e:
        raise NoValueError("answered with no JSON") from e


def _of_prometheus(said: Any) -> float:  # noqa: ANN401 -- JSON
    try:
        kind, result = said["data"]["resultType"], said["data"]["result"]
        found = [result] if kind == "scalar" else [series["value"] for series in result]
        values = [float(value) for _, value in found]
    except (KeyError, TypeError, ValueError) as e:
        raise NoValueError("did not answer as Prometheus does; write a query for an instant vector or a scalar") from e
    if len(values) != 1:
        raise NoValueError(f"answered {len(values)} series; write a query that gives one, as sum(…) does")
    return values[0]


def _at(path: str, said: Any) -> float:  # noqa: ANN401 -- JSON
    for name in path.split("."):
        said = said.get(name) if isinstance(said, dict) else None
    if not isinstance(said, int | float):
        raise NoValueError(f"answered with no number at {path}")
    return float(said)

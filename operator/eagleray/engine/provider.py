"""Asks Prometheus and users' own servers for figures."""

import asyncio
import json
import math
from typing import Any

import aiohttp

from eagleray.domain.providers.query import NoValueError, ProviderQuery, ProviderRequest

DEADLINE_SECONDS = 5.0
LIMIT_BYTES = 2**20


async def ask(session: aiohttp.ClientSession, query: ProviderQuery) -> float:
    """Ask for a number.

    Args:
        session: the client to ask with.
        query: whom, and what.

    Raises:
        NoValueError: no answer within `DEADLINE_SECONDS`, or not one number.
    """
    where = query.url.partition("://")[2].partition("/")[0]
    try:
        async with asyncio.timeout(DEADLINE_SECONDS):
            value = query.value(await _json(session, query.request()))
    except TimeoutError as e:
        raise NoValueError(f"{where} gave no answer within {DEADLINE_SECONDS:.0f} s") from e
    except (aiohttp.ClientError, OSError) as e:
        raise NoValueError(f"{where} gave no answer: {type(e).__name__}") from e
    except NoValueError as e:
        raise NoValueError(f"{where} {e}") from e
    if not math.isfinite(value):
        raise NoValueError(f"{where} answered {value}")
    return value


async def _json(session: aiohttp.ClientSession, request: ProviderRequest) -> Any:  # noqa: ANN401 -- JSON
    # Nobody may lead the operator to another address than the one that spec names.
    asked = session.request(
        request.method, request.url, params=request.params, json=request.body, allow_redirects=False
    )
    async with asked as response:
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

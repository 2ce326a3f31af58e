"""Client for the requests that wait at a router Pod for a revision to start."""

import asyncio

import aiohttp
from yarl import URL

from eagleray.domain.traffic.router import OPS_PORT
from eagleray.router.hold import HELD_PATH

DEADLINE_SECONDS = 1.0


class HolderError(Exception):
    """A holder gave no usable answer; how many wait there is not known."""


async def fetch_held(
    session: aiohttp.ClientSession, pod_ip: str, *, wait: float = 0, port: int = OPS_PORT
) -> dict[str, int]:
    """Read how many requests wait, by the revision that they wait for.

    Args:
        session: the client to ask with.
        pod_ip: the router Pod's address.
        wait: seconds for which the answer may be put off until one waits.
        port: its ops port.

    Raises:
        HolderError: no answer within `wait` and `DEADLINE_SECONDS`, or not one of a holder.
    """
    query = {"wait": f"{wait:g}"} if wait else {}
    url = URL.build(scheme="http", host=pod_ip, port=port, path=HELD_PATH, query=query)
    try:
        async with asyncio.timeout(wait + DEADLINE_SECONDS), session.get(url) as response:
            response.raise_for_status()
            said = await response.json()
        return {str(revision): int(count) for revision, count in said["held"].items()}
    except TimeoutError as e:
        raise HolderError(f"holder at {pod_ip} gave no answer within {wait + DEADLINE_SECONDS} s") from e
    except (aiohttp.ClientError, OSError, ValueError, KeyError, TypeError, AttributeError) as e:
        raise HolderError(f"holder at {pod_ip}: {e!r}") from e

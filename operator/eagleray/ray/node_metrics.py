"""What the processes of a Ray node use, as its agent exports it (Ray 2.60, `dashboard/modules/reporter`)."""

import asyncio
import re
from typing import Final

import aiohttp
from yarl import URL

from eagleray.ray.errors import RejectedError, UnreachableError

DEADLINE_SECONDS: Final = 2.0
# One line for each kind of process; 100 is one core. The node's own figure is a share of the whole machine's cores.
_LINE = re.compile(r'ray_component_cpu_percentage\{.*?Component="ray::ServeReplica:[^"]*".*\} (\S+)')


async def fetch_replica_cores(session: aiohttp.ClientSession, pod_ip: str, port: int) -> float:
    """Read how many cores the replicas in a worker Pod use.

    Args:
        session: the client to ask with.
        pod_ip: the Pod's address.
        port: where its agent exports.

    Raises:
        UnreachableError: no answer within `DEADLINE_SECONDS`.
        RejectedError: an answer that is not one of Ray's agent.
    """
    url = URL.build(scheme="http", host=pod_ip, port=port, path="/metrics")
    try:
        async with asyncio.timeout(DEADLINE_SECONDS), session.get(url) as response:
            response.raise_for_status()
            text = await response.text()
    except TimeoutError as e:
        raise UnreachableError(f"Ray's agent at {pod_ip} gave no metrics within {DEADLINE_SECONDS} s") from e
    except (aiohttp.ClientError, OSError) as e:
        raise UnreachableError(f"Ray's agent at {pod_ip}: {e}") from e
    return parse_replica_cores(text)


def parse_replica_cores(text: str) -> float:
    """Add up what the replicas' processes use.

    Raises:
        RejectedError: no process of a node is in it: it is not Ray's, or its agent has not looked yet.
    """
    lines = [line for line in text.splitlines() if line.startswith("ray_component_cpu_percentage{")]
    if not lines:
        raise RejectedError("Ray's agent tells no use of CPU yet")
    return sum(float(found.group(1)) for line in lines if (found := _LINE.fullmatch(line))) / 100

"""Client for what a router Pod's comparer found."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import aiohttp
from yarl import URL

from eagleray.api.mirror_status import MirrorSample
from eagleray.domain.rollout.comparison import Comparison
from eagleray.domain.traffic.router import OPS_PORT
from eagleray.router.compare import REPORT_PATHS

DEADLINE_SECONDS = 1.0


class NoReportError(Exception):
    """A comparer gave no usable answer; its router may be well."""


async def fetch_report(session: aiohttp.ClientSession, pod_ip: str, port: int = OPS_PORT) -> tuple[Comparison, ...]:
    """Read what one comparer found, about each revision that it was to compare with lately.

    Args:
        session: the client to ask with.
        pod_ip: the router Pod's address.
        port: its ops port.

    Raises:
        NoReportError: no answer within `DEADLINE_SECONDS`, or not one of a comparer.
    """
    url = URL.build(scheme="http", host=pod_ip, port=port, path=REPORT_PATHS[0])
    try:
        async with asyncio.timeout(DEADLINE_SECONDS), session.get(url) as response:
            response.raise_for_status()
            said = await response.json()
        return tuple(_comparison(mirror) for mirror in said["mirrors"])
    except TimeoutError as e:
        raise NoReportError(f"comparer at {pod_ip} gave no report within {DEADLINE_SECONDS} s") from e
    except (aiohttp.ClientError, OSError, ValueError, KeyError, TypeError) as e:
        raise NoReportError(f"comparer at {pod_ip}: {e!r}") from e


def _comparison(said: dict[str, Any]) -> Comparison:
    return Comparison(
        revision=said["revision"],
        compared=said["compared"],
        agreed=said["agreed"],
        failed=said["failed"],
        skipped=sum(said["skipped"].values()),
        user_seconds=said["userSeconds"],
        mirror_seconds=said["mirrorSeconds"],
        samples=tuple(_sample(sample) for sample in said["samples"]),
    )


def _sample(said: dict[str, Any]) -> MirrorSample:
    # Kubernetes keeps whole seconds; with a fraction the same sample would differ from itself.
    return MirrorSample.model_validate({**said, "at": datetime.fromtimestamp(int(said["at"]), UTC)})

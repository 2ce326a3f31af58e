"""Real requests to a revision before it is given any traffic: its warm-up, at every replica and through the router."""

import asyncio
from collections.abc import Iterable

import aiohttp

from eagleray.api.serving import WarmupRequest
from eagleray.api.units import parse_duration
from eagleray.domain.observed import Pod, ProbeResult, RouterPod
from eagleray.domain.revisions import Revision
from eagleray.domain.status.text import clean
from eagleray.domain.traffic.ports import replica_ports
from eagleray.domain.traffic.router import HTTP_PORT, REVISION_HEADER

HEALTH_PATH = "/-/healthz"
HEALTH_SECONDS = 2.0
REQUEST_SECONDS = 60.0


class ProbeFailedError(Exception):
    """A request was not answered with success; the message says which, where and how."""


def requests_of(revision: Revision) -> list[WarmupRequest]:
    """The requests that `revision` must answer: its warm-up, or else the cheapest that a model or an app has."""
    template = revision.template
    if template.warmup:
        return template.warmup
    path = f"/v2/models/{revision.deployment}" if template.model else HEALTH_PATH
    return [WarmupRequest(path=path)]


async def probe(
    session: aiohttp.ClientSession,
    revision: Revision,
    incarnation: int,
    workers: Iterable[Pod],
    routers: Iterable[RouterPod],
) -> ProbeResult:
    """Send the requests to every replica of an incarnation, then through every router Pod."""
    try:
        replicas = await _replicas(session, revision, workers)
        await asyncio.gather(*(_ask(session, revision, base, {}) for base in replicas))
        chosen = {REVISION_HEADER: revision.name}
        bases = [f"http://{r.ip}:{HTTP_PORT}" for r in routers if r.ready and r.stats is not None]
        await asyncio.gather(*(_ask(session, revision, base, chosen) for base in bases))
    except ProbeFailedError as e:
        return ProbeResult(revision.name, incarnation, ok=False, message=str(e))
    return ProbeResult(revision.name, incarnation, ok=True, message="")


async def _replicas(session: aiohttp.ClientSession, revision: Revision, workers: Iterable[Pod]) -> list[str]:
    """Find the replicas: on which of the pinned ports of each Pod somebody is healthy."""
    ports = replica_ports(revision.most_per_pod)
    bases = [f"http://{w.ip}:{port}" for w in workers if w.ip for port in ports]
    healthy = await asyncio.gather(*(_is_healthy(session, base) for base in bases))
    found = [base for base, ok in zip(bases, healthy, strict=True) if ok]
    if not found:
        raise ProbeFailedError("no replica answers its health check")
    return found


async def _is_healthy(session: aiohttp.ClientSession, base: str) -> bool:
    timeout = aiohttp.ClientTimeout(total=HEALTH_SECONDS)
    try:
        async with session.get(base + HEALTH_PATH, timeout=timeout) as response:
            return response.status == 200
    except (aiohttp.ClientError, TimeoutError):
        return False


async def _ask(session: aiohttp.ClientSession, revision: Revision, base: str, headers: dict[str, str]) -> None:
    wait = revision.template.request_timeout
    timeout = aiohttp.ClientTimeout(total=parse_duration(wait) if wait else REQUEST_SECONDS)
    for request in requests_of(revision):
        what = f"{request.verb} {request.path} at {base.removeprefix('http://')}"
        body = {"data": request.body} if isinstance(request.body, str) else {"json": request.body}
        sent = {**(request.headers or {}), **headers}
        try:
            async with session.request(
                request.verb, base + request.path, headers=sent, timeout=timeout, **body
            ) as response:
                answer = await response.text()
        except (aiohttp.ClientError, TimeoutError) as e:
            raise ProbeFailedError(f"warm-up request {what} failed: {type(e).__name__} {e}".rstrip()) from e
        if not 200 <= response.status < 300:
            raise ProbeFailedError(f"warm-up request {what} was answered {response.status}: {clean(answer, 300)}")

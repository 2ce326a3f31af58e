"""Public keys of issuers that are at a URL: fetched from time to time, bounded in bytes and time."""

import logging
import time
from collections.abc import Iterable, Mapping

import aiohttp

from eagleray_credentials.sources import MAX_JWKS, Folder, wrong_jwks

AGAIN_SECONDS = 300.0
# After a failure; what was fetched before counts on.
RETRY_SECONDS = 5.0
FETCH_SECONDS = 10.0
_log = logging.getLogger(__name__)


class Fetched:
    """What was fetched, by URL, as a folder with `jwks.json`."""

    def __init__(self) -> None:
        self.folders: dict[str, Folder] = {}
        self._due: dict[str, float] = {}

    async def fetch(self, urls: Iterable[str]) -> None:
        """Fetch what is due of these, and forget all others."""
        wanted = set(urls)
        for known in (self.folders, self._due):
            for url in known.keys() - wanted:
                known.pop(url)
        for url in sorted(wanted):
            if time.monotonic() >= self._due.get(url, 0.0):
                self._due[url] = time.monotonic() + await self._fetch(url)

    async def _fetch(self, url: str) -> float:
        """Fetch one; gives the seconds until it is due again."""
        try:
            text = await _body(url)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as e:
            _log.warning("%s cannot be read: %s", url, str(e) or type(e).__name__)
            return RETRY_SECONDS
        if wrong := wrong_jwks(text):
            _log.warning("%s: %s", url, wrong)
            return RETRY_SECONDS
        self.folders[url] = {"jwks.json": text}
        return AGAIN_SECONDS


async def _body(url: str) -> bytes:
    timeout = aiohttp.ClientTimeout(FETCH_SECONDS)
    async with (
        aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()) as session,
        session.get(url, allow_redirects=False, headers={"Accept-Encoding": "identity"}) as answer,
    ):
        if answer.status != 200 or "Content-Encoding" in answer.headers:
            raise ValueError(f"answered {answer.status}")
        read = b""
        async for chunk in answer.content.iter_chunked(MAX_JWKS):
            read += chunk
            if len(read) > MAX_JWKS:
                raise ValueError(f"more than {MAX_JWKS} bytes")
        return read


def urls_of(sources: Mapping[str, Mapping[str, str]]) -> list[str]:
    """The URLs of an order's sources."""
    return [source["uri"] for source in sources.values() if "uri" in source]

"""A small client of the API server, for the stub node and the measurements."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import aiohttp
import orjson

Manifest = dict[str, Any]
MERGE = "application/merge-patch+json"
# Of a watch: the server ends it after so long, and it is begun anew.
WATCH_SECONDS = 3600
MOST_LINE_BYTES = 8 * 2**20
AGAIN_SECONDS = 1.0
# A version that is gone, and an API server that reads its store anew, as it does when CRDs come.
_PASSING = frozenset({410, 429})


class ApiError(Exception):
    """The API server refused; the message has its words.

    Attributes:
        status: the HTTP status.
    """

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"{status}: {text[:500]}")
        self.status = status


@dataclass(frozen=True, slots=True)
class Access:
    """How to reach the API server as somebody.

    Attributes:
        url: the API server.
        ca: the file with its certificate authority.
        token: the bearer token.
    """

    url: str
    ca: str
    token: str

    def save(self, path: Path) -> Path:
        """Write it into a file that another process reads with `load`."""
        path.write_bytes(orjson.dumps(asdict(self)))
        return path

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what `save` wrote."""
        return cls(**orjson.loads(path.read_bytes()))

    def kubeconfig(self, path: Path) -> Path:
        """Write it as a kubeconfig."""
        entry = {"name": "scale"}
        text = orjson.dumps(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "clusters": [{**entry, "cluster": {"server": self.url, "certificate-authority": self.ca}}],
                "users": [{**entry, "user": {"token": self.token}}],
                "contexts": [{**entry, "context": {"cluster": "scale", "user": "scale"}}],
                "current-context": "scale",
            }
        )
        path.write_bytes(text)
        return path


class Api:
    """The API server, asked by one process; use it as an asynchronous context.

    Args:
        access: how to reach it.
    """

    def __init__(self, access: Access) -> None:
        self._url = access.url
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=64, ssl=ssl.create_default_context(cafile=access.ca)),
            headers={"Authorization": f"Bearer {access.token}"},
            timeout=aiohttp.ClientTimeout(total=60),
            read_bufsize=2**20,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    async def text(self, path: str) -> str:
        """Read something that is no JSON, such as `/readyz`.

        Raises:
            ApiError: it was refused.
        """
        async with self._session.get(self._url + path) as response:
            text = await response.text()
            if response.status >= 300:
                raise ApiError(response.status, text)
            return text

    async def send(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, content_type: str = "application/json"
    ) -> Manifest:
        """Send a request and read the JSON that answers it.

        Args:
            method: the HTTP method.
            path: path and query.
            body: what is sent.
            content_type: what kind of JSON that is.

        Raises:
            ApiError: it was refused.
        """
        data = None if body is None else orjson.dumps(body)
        headers = {"Content-Type": content_type}
        async with self._session.request(method, self._url + path, data=data, headers=headers) as response:
            answer = await response.read()
            if response.status >= 300:
                raise ApiError(response.status, answer.decode(errors="replace"))
            parsed: Manifest = orjson.loads(answer)
            return parsed

    async def watch(self, path: str, labels: str = "") -> AsyncIterator[tuple[str, Manifest]]:
        """Every object of a collection as ADDED, and then what becomes of it, for ever.

        A stream that breaks off begins anew with what is there; what was deleted meanwhile is not told.

        Args:
            path: the collection.
            labels: a label selector.

        Raises:
            ApiError: it was refused for good.
        """
        selector = f"&labelSelector={labels}" if labels else ""
        while True:
            try:
                async for change in self._once(path, selector):
                    yield change
            except ApiError as e:
                if e.status not in _PASSING:
                    raise
            await asyncio.sleep(AGAIN_SECONDS)

    async def _once(self, path: str, selector: str) -> AsyncIterator[tuple[str, Manifest]]:
        listed = await self.send("GET", f"{path}?resourceVersion=0{selector}")
        for item in listed["items"]:
            yield "ADDED", item
        version = listed["metadata"]["resourceVersion"]
        query = f"watch=true&allowWatchBookmarks=true&timeoutSeconds={WATCH_SECONDS}&resourceVersion={version}"
        async for event in self._events(f"{path}?{query}{selector}"):
            if event["type"] == "ERROR":
                return
            if event["type"] != "BOOKMARK":
                yield event["type"], event["object"]

    async def _events(self, path: str) -> AsyncIterator[Manifest]:
        timeout = aiohttp.ClientTimeout(total=None)
        async with self._session.get(self._url + path, timeout=timeout) as response:
            if response.status >= 300:
                raise ApiError(response.status, await response.text())
            kept = b""
            async for chunk in response.content.iter_any():
                *lines, kept = (kept + chunk).split(b"\n")
                if len(kept) > MOST_LINE_BYTES:
                    raise ApiError(200, f"an event of more than {MOST_LINE_BYTES} bytes")
                for line in lines:
                    yield orjson.loads(line)

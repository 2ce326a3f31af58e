"""Client of Serve's REST API on a Ray head (`dashboard/modules/serve/serve_head.py`, Ray 2.60)."""

import asyncio
import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

import aiohttp
from yarl import URL

from eagleray.domain.ray_cluster.serve import ServeState
from eagleray.domain.status.text import clean
from eagleray.ray.errors import NotFoundError, RayError, RejectedError, UnauthorizedError, UnreachableError
from eagleray.ray.serve_details import parse_serve_details

GET_DEADLINE_SECONDS: Final = 3.0
# The first PUT starts Serve's controller and waits up to 60 s for its proxy (HTTP_PROXY_TIMEOUT).
PUT_DEADLINE_SECONDS: Final = 70.0
# Serve answers requests that look like a browser's only where they change nothing.
_USER_AGENT: Final = "eagleray-operator"
_APPLICATIONS: Final = "api/serve/applications/"


class ServeClient:
    """Talks to the Serve REST API of one Ray head.

    Args:
        session: the HTTP client to talk with.
        base_url: of the head's dashboard, such as `http://10.0.0.7:8265`.
        token: the cluster's token.
    """

    def __init__(self, session: aiohttp.ClientSession, base_url: str, token: str) -> None:
        self._session = session
        self._base = URL(base_url)
        self._headers = {"Authorization": f"Bearer {token}", "User-Agent": _USER_AGENT}

    async def get_applications(self) -> ServeState:
        """Read every application with its deployments and replicas.

        Returns:
            No application where Serve was not started yet.

        Raises:
            RayError: one of its kinds, by what went wrong.
        """
        return parse_serve_details(await self._json("GET", _APPLICATIONS))

    async def put_applications(self, body: Mapping[str, Any]) -> None:
        """Make `body`, a `ServeDeploySchema`, the whole of what Serve runs; it is deployed in the background.

        Raises:
            RejectedError: Serve refuses the body; the message has its words.
            RayError: another of its kinds, by what went wrong.
        """
        await self._request("PUT", _APPLICATIONS, body, PUT_DEADLINE_SECONDS)

    async def scale(self, application: str, deployment: str, replicas: int) -> None:
        """Set the target of a deployment of an application that has an external scaler.

        Raises:
            NotFoundError: there is no such deployment (yet).
            RejectedError: the application has no external scaler, or is being deleted.
            RayError: another of its kinds, by what went wrong.
        """
        path = f"api/v1/applications/{application}/deployments/{deployment}/scale"
        await self._request("POST", path, {"target_num_replicas": replicas}, GET_DEADLINE_SECONDS)

    async def version(self) -> str:
        """Read the cluster's version of Ray.

        Raises:
            RayError: one of its kinds, by what went wrong.
        """
        return str((await self._json("GET", "api/version")).get("ray_version", ""))

    async def _json(self, method: str, path: str) -> dict[str, Any]:
        text = await self._request(method, path, None, GET_DEADLINE_SECONDS)
        try:
            answer = json.loads(text)
        except ValueError as e:
            raise UnreachableError(f"{self._base} answers no JSON: {clean(text, 200)}") from e
        if not isinstance(answer, dict):
            raise UnreachableError(f"{self._base} answers no JSON object: {clean(text, 200)}")
        return answer

    async def _request(self, method: str, path: str, body: Mapping[str, Any] | None, deadline: float) -> str:
        url = self._base / path
        try:
            async with (
                asyncio.timeout(deadline),
                self._session.request(method, url, json=body, headers=self._headers, allow_redirects=False) as response,
            ):
                text = await response.text(errors="replace")
                status = response.status
        except TimeoutError as e:
            raise UnreachableError(f"{url} did not answer within {deadline:g} s") from e
        except aiohttp.ClientError as e:
            raise UnreachableError(f"{url} cannot be reached: {e}") from e
        if status != HTTPStatus.OK:
            raise _error(status, f"{method} {url.path}: {status} {clean(text)}")
        return text


def _error(status: int, message: str) -> RayError:
    """Choose the type of a refused request; a 5xx may pass: Serve gives 503 while its controller starts."""
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return UnauthorizedError(message)
    if status == HTTPStatus.NOT_FOUND:
        return NotFoundError(message)
    if status == HTTPStatus.REQUEST_TIMEOUT or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return UnreachableError(message)
    return RejectedError(message)

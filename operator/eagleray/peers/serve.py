"""Serve's REST API on Ray heads (`dashboard/modules/serve/serve_head.py`, Ray 2.60)."""

import json
from collections.abc import Hashable, Mapping
from typing import Any, Final

from eagleray.domain.facts.serve import ServeState
from eagleray.peers import shape
from eagleray.peers.address import http_url
from eagleray.peers.errors import UnauthorizedError, UnknownError
from eagleray.peers.http import CONTROL, DEPLOY, Http, Request
from eagleray.peers.places import RayHead
from eagleray.peers.serve_details import parse_serve_details

GET_SECONDS: Final = 3.0
# The first PUT starts Serve's controller and waits up to 60 s for its proxy (HTTP_PROXY_TIMEOUT).
PUT_SECONDS: Final = 70.0
_APPLICATIONS: Final = "/api/serve/applications/"
# `dashboard/http_server_head.py`: from Ray 2.52 on; this one is open to everybody, the version is not.
_MODE: Final = "/api/authentication_mode"
_VERSION: Final = "/api/version"
_MOST_WORD: Final = 24


class Serve:
    """Asks heads.

    Args:
        http: asks them.
        port: where they listen.
    """

    def __init__(self, http: Http, port: int) -> None:
        self._http = http
        self._port = port

    async def state(self, owner: Hashable, head: RayHead) -> ServeState:
        """Read every application with its deployments and replicas.

        Returns:
            No application where Serve was not started yet.

        Raises:
            PeerError: one of its kinds, by what went wrong.
        """
        request = Request(
            peer=_name(head.ip),
            url=http_url(head.ip, self._port, _APPLICATIONS),
            seconds=GET_SECONDS,
            headers=_authorization(head),
            quotes=True,
        )
        return await self._http.ask(CONTROL, owner, request, parse_serve_details)

    async def put(self, owner: Hashable, head: RayHead, body: Mapping[str, Any]) -> None:
        """Make `body`, a `ServeDeploySchema`, the whole of what Serve runs; it is deployed in the background.

        Raises:
            RejectedError: Serve refuses the body; the message has the first of its words.
            PeerError: another of its kinds, by what went wrong.
        """
        request = self._order("PUT", head, _APPLICATIONS, body, PUT_SECONDS)
        await self._http.ask(DEPLOY, owner, request, _nothing)

    async def scale(self, owner: Hashable, head: RayHead, application: str, deployment: str, replicas: int) -> None:
        """Set the target of a deployment of an application that has an external scaler.

        Raises:
            UnknownError: there is no such deployment (yet).
            RejectedError: the application has no external scaler, or is being deleted.
            PeerError: another of its kinds, by what went wrong.
        """
        path = f"/api/v1/applications/{application}/deployments/{deployment}/scale"
        request = self._order("POST", head, path, {"target_num_replicas": replicas}, GET_SECONDS)
        await self._http.ask(CONTROL, owner, request, _nothing)

    def _order(self, method: str, head: RayHead, path: str, body: Mapping[str, Any], seconds: float) -> Request:
        return Request(
            peer=_name(head.ip),
            url=http_url(head.ip, self._port, path),
            seconds=seconds,
            method=method,
            headers=_authorization(head) | {"Content-Type": "application/json"},
            body=json.dumps(body).encode(),
            quotes=True,
        )

    async def protection(self, owner: Hashable, ip: str) -> str:
        """Find out whether a head takes orders from whoever has no token, before it is given anything.

        Args:
            owner: the object whose budget it is.
            ip: the head's address.

        Returns:
            "", or what is wrong and what helps.

        Raises:
            PeerError: one of its kinds, by what went wrong.
        """
        try:
            mode = await self._open(owner, ip, _MODE, "authentication_mode")
        except UnknownError:
            mode = ""
        if mode == "token":
            return ""
        try:
            version = await self._open(owner, ip, _VERSION, "ray_version")
        except UnauthorizedError:
            return ""
        fault = f"Ray {version} at {ip} takes orders from everybody, without a token"
        if mode:
            return f"{fault} (its authentication mode is {mode}); let RAY_AUTH_MODE=token reach its start"
        return f"{fault}; use an image with Ray 2.52 or later"

    async def _open(self, owner: Hashable, ip: str, path: str, key: str) -> str:
        """Ask without a token."""

        def read(body: bytes) -> str:
            return shape.text(shape.mapping(shape.loads(body), "it").get(key), key, _MOST_WORD) or "unknown"

        request = Request(peer=_name(ip), url=http_url(ip, self._port, path), seconds=GET_SECONDS)
        return await self._http.ask(CONTROL, owner, request, read)


def _name(ip: str) -> str:
    return f"Ray head {ip}"


def _authorization(head: RayHead) -> dict[str, str]:
    return {"Authorization": f"Bearer {head.token}"}


def _nothing(_: bytes) -> None:
    """An order is answered by its status alone."""

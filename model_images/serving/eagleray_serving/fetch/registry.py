"""Reads of one repository of a registry.

Follows https://github.com/opencontainers/distribution-spec/blob/v1.1.0/spec.md#pull, and for credentials
https://distribution.github.io/distribution/spec/auth/token/.
"""

import http.client
import ipaddress
import json
import re
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

from eagleray_serving.fetch.errors import FetchError, Reason, TransientError
from eagleray_serving.fetch.login import REGISTRY, basic
from eagleray_serving.fetch.over_http import open_url, request_for
from eagleray_serving.fetch.uri import ModelUri

PLAIN_HTTP = "OCI_PLAIN_HTTP"
DOCKER_CONFIG = "DOCKER_AUTH_CONFIG"
"""The variable that holds what a Secret of type ``kubernetes.io/dockerconfigjson`` has, as Docker's config.json."""

_PARTS = re.compile(
    r"/(?P<repository>[a-z0-9]+(?:[._/-]+[a-z0-9]+)*)(?::(?P<tag>\w[\w.-]{0,127}))?(?:@(?P<digest>sha256:[0-9a-f]{64}))?"
)
_UNAUTHORIZED = 401
_MAX_TOKEN_BYTES = 2**20
_DOCKER_HUB = "docker.io"
_HUB_SERVER = "registry-1.docker.io"
_HUB_KEY = "index.docker.io"


@dataclass(frozen=True, slots=True)
class Reference:
    """What a URI names.

    Args:
        host: The registry, ``host[:port]``.
        repository: Its repository.
        name: A tag, or a digest.
    """

    host: str
    repository: str
    name: str


def reference(uri: ModelUri) -> Reference:
    """Read ``oci://<registry>/<repository>[:<tag>][@<digest>]``; a digest is the last word.

    Raises:
        FetchError: UnsupportedUri, when it is not one.
    """
    parts = urlsplit(uri.text)
    found = _PARTS.fullmatch(parts.path)
    if found is None or parts.query or parts.fragment:
        raise FetchError(
            Reason.UNSUPPORTED_URI,
            f"{uri.shown}: write oci://<registry>/<repository>:<tag> or …@sha256:<digest>, the repository in "
            "lower case",
        )
    return Reference(parts.netloc, found["repository"], found["digest"] or found["tag"] or "latest")


class Registry:
    """One repository, as somebody with these variables may read it.

    Args:
        of: What is read; only registry and repository matter here.
        environ: The variables of ``login.REGISTRY`` or ``DOCKER_CONFIG``, and ``PLAIN_HTTP``.
    """

    def __init__(self, of: Reference, environ: Mapping[str, str]) -> None:
        self._scheme = "http" if is_plain(environ) else "https"
        self._host = _HUB_SERVER if of.host == _DOCKER_HUB else of.host
        self._root = f"{self._scheme}://{self._host}/v2/{of.repository}"
        self._login = _login(of.host, environ)
        self._authorization: str | None = None

    def open(self, path: str, headers: Mapping[str, str]) -> http.client.HTTPResponse:
        """Ask for ``manifests/<name>`` or ``blobs/<digest>``, with a token where one is asked for.

        Raises:
            urllib.error.HTTPError: The answer is no success.
            urllib.error.URLError: There is no answer.
        """
        try:
            return self._ask(path, headers)
        except urllib.error.HTTPError as error:
            asked = error.headers.get("WWW-Authenticate", "") if error.code == _UNAUTHORIZED else ""
            authorization = self._authorized(asked)
            if authorization is None:
                raise
            self._authorization = authorization
        return self._ask(path, headers)

    def _ask(self, path: str, headers: Mapping[str, str]) -> http.client.HTTPResponse:
        return open_url(request_for(f"{self._root}/{path}", headers, self._authorization))

    def _authorized(self, challenge: str) -> str | None:
        """The header that a challenge asks for; None where there is nothing to answer with."""
        kind, _, rest = challenge.partition(" ")
        if kind.lower() == "basic" and self._login:
            return f"Basic {self._login}"
        told = urllib.request.parse_keqv_list(urllib.request.parse_http_list(rest))
        # A registry with TLS must not have the password sent without.
        if kind.lower() == "bearer" and urlsplit(told.get("realm", "")).scheme in {self._scheme, "https"}:
            return f"Bearer {self._token(told)}"
        return None

    def _token(self, told: Mapping[str, str]) -> str:
        realm = told["realm"]
        host = urlsplit(realm).hostname or ""
        if self._login and not is_of_domain(host, urlsplit(self._root).hostname or ""):
            raise FetchError(
                Reason.DOWNLOAD_FAILED,
                f"{self._host} asks for the password to be sent to {host}, which is not of its domain; it is not sent",
            )
        query = urlencode({name: told[name] for name in ("service", "scope") if name in told})
        url = f"{realm}{'&' if '?' in realm else '?'}{query}"
        with open_url(request_for(url, {}, f"Basic {self._login}" if self._login else None)) as response:
            content = response.read(_MAX_TOKEN_BYTES)
        try:
            answer = json.loads(content)
            return str(answer.get("token") or answer["access_token"])
        except (ValueError, KeyError, AttributeError):
            raise TransientError(f"{urlsplit(realm).netloc} answers no token") from None


def is_plain(environ: Mapping[str, str]) -> bool:
    """Whether registries are asked without TLS."""
    return environ.get(PLAIN_HTTP, "").lower() in {"1", "true"}


def check_pinned(uri: ModelUri, environ: Mapping[str, str]) -> None:
    """Refuse what has no checksum where anybody on the way could have changed it.

    Raises:
        FetchError: UnsupportedUri, when a tag is to be read from a registry without TLS.
    """
    if is_plain(environ) and not reference(uri).name.startswith("sha256:"):
        raise FetchError(
            Reason.UNSUPPORTED_URI,
            f"{uri.shown}: what a registry without TLS ({PLAIN_HTTP}) sends can be changed on its way; name it by its "
            "digest (…@sha256:…), or write model.sha256",
        )


def is_of_domain(host: str, registry: str) -> bool:
    """Whether a token server is a registry's own: on the same host, or in the domain that the registry is in."""
    domain = registry.partition(".")[2]
    if host == registry:
        return True
    return "." in domain and not _is_address(registry) and (host == domain or host.endswith(f".{domain}"))


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _login(host: str, environ: Mapping[str, str]) -> str | None:
    """Base64 of the ``user:password`` that the Secret has for a registry."""
    if login := REGISTRY.basic(host, environ):
        return login
    logins = _logins(environ.get(DOCKER_CONFIG, ""))
    keys = {host, _HUB_KEY} if host == _DOCKER_HUB else {host}
    found: dict[str, str] = next((entry for key, entry in logins.items() if _host(key) in keys), {})
    if "auth" in found:
        return str(found["auth"])
    return basic(found["username"], found.get("password", "")) if "username" in found else None


def _host(key: str) -> str:
    """The host of an entry of Docker's config, which may be a URL: ``https://index.docker.io/v1/``."""
    return key.partition("://")[2].partition("/")[0] if "://" in key else key.partition("/")[0]


def _logins(config: str) -> dict[str, Any]:
    try:
        return dict(json.loads(config)["auths"]) if config else {}
    except (ValueError, KeyError, TypeError):
        raise FetchError(
            Reason.DOWNLOAD_FAILED,
            "the Secret's .dockerconfigjson is no JSON with 'auths'; make it by kubectl create secret docker-registry",
        ) from None

"""`KubeClient` on `kubernetes.aio`: its authentication and connection pool, and nothing of its models."""

import asyncio
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self

import aiohttp
from kubernetes.aio import config
from kubernetes.aio.client import ApiClient, Configuration

from eagleray.kube import kubeconfig
from eagleray.kube.client import FIELD_MANAGER, KubeClient, Manifests
from eagleray.kube.errors import InvalidError, TransientError, error_for
from eagleray.kube.kinds import Kind, Manifest, Ref

REQUEST_TIMEOUT = 10.0
PAGE_SIZE = 500

# Method, answer (an HTTP status, or "<error>" as client-go writes it where none came), seconds.
RequestObserver = Callable[[str, str, float], None]

# `list` is a method below.
Pairs = list[tuple[str, str]]

_JSON = "application/json"
_MERGE = "application/merge-patch+json"
_APPLY = "application/apply-patch+yaml"
_IN_CLUSTER = "KUBERNETES_SERVICE_HOST"
_ERROR_EXCERPT = 300


@dataclass(frozen=True, slots=True)
class Credentials:
    """How to reach the API server with another client.

    Attributes:
        server: its URL.
        ca_path: file with its certificate authority.
        certificate_path: client certificate.
        key_path: the certificate's key.
        token: bearer token.
        insecure: whether its certificate is not checked.
    """

    server: str
    ca_path: str | None = None
    certificate_path: str | None = None
    key_path: str | None = None
    token: str | None = None
    insecure: bool = False


def _ignore(_method: str, _code: str, _seconds: float) -> None:
    pass


class ApiServer(KubeClient):
    """The API server behind a `kubernetes.aio` configuration.

    Args:
        configuration: host and credentials.
        user_agent: sent with every request; audit logs show it.
        observe: told about every request.
        timeout: seconds that one request may take, its body included.
    """

    def __init__(
        self,
        configuration: Configuration,
        *,
        user_agent: str = FIELD_MANAGER,
        observe: RequestObserver = _ignore,
        timeout: float = REQUEST_TIMEOUT,
    ) -> None:
        self._client = ApiClient(configuration)
        self._client.user_agent = user_agent
        self._observe = observe
        self._timeout = aiohttp.ClientTimeout(total=timeout)

    @classmethod
    async def connect(cls, *, user_agent: str = FIELD_MANAGER, observe: RequestObserver = _ignore) -> Self:
        """Use the Pod's service account, or KUBECONFIG where there is none.

        Raises:
            kubernetes.aio.config.ConfigException: the service account is not usable.
            KubeconfigError: there is no service account, and no kubeconfig.
        """
        if not os.environ.get(_IN_CLUSTER):
            return cls((await kubeconfig.load()).configuration, user_agent=user_agent, observe=observe)
        configuration = Configuration()
        config.load_incluster_config(client_configuration=configuration)
        return cls(configuration, user_agent=user_agent, observe=observe)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def credentials(self) -> Credentials:
        """Present credentials; a service account's token is read anew when it is a minute old."""
        c = self._client.configuration
        header = await c.get_api_key_with_prefix("BearerToken") or ""
        return Credentials(
            server=c.host,
            ca_path=c.ssl_ca_cert or None,
            certificate_path=c.cert_file or None,
            key_path=c.key_file or None,
            token=header.rpartition(" ")[2] or None,
            insecure=not c.verify_ssl,
        )

    async def version(self) -> tuple[int, int]:
        """Kubernetes' major and minor version."""
        answer = await self._call("GET", "/version")
        return int(answer["major"]), int(answer["minor"].rstrip("+"))

    async def get(self, ref: Ref) -> Manifest:  # noqa: D102 - documented at the Protocol, as all below
        return await self._call("GET", ref.kind.path(ref.namespace, ref.name))

    async def list(  # noqa: D102
        self,
        kind: Kind,
        namespace: str | None = None,
        labels: Mapping[str, str] | None = None,
        fields: Mapping[str, str] | None = None,
    ) -> Manifests:
        query = {"limit": str(PAGE_SIZE)}
        for selector, wanted in (("labelSelector", labels), ("fieldSelector", fields)):
            if wanted:
                query[selector] = ",".join(f"{k}={v}" for k, v in sorted(wanted.items()))
        items: Manifests = []
        while True:
            page = await self._call("GET", kind.path(namespace), query=query)
            # Items of a list carry neither, and everything downstream dispatches on them.
            items += [{"apiVersion": kind.api_version, "kind": kind.kind, **item} for item in page["items"]]
            cursor = page["metadata"].get("continue")
            if not cursor:
                return items
            query["continue"] = cursor

    async def create(self, manifest: Manifest) -> Manifest:  # noqa: D102
        ref = Ref.of(manifest)
        query = {"fieldManager": FIELD_MANAGER}
        return await self._call("POST", ref.kind.path(ref.namespace), manifest, query=query)

    async def replace(self, manifest: Manifest) -> Manifest:  # noqa: D102
        ref = Ref.of(manifest)
        query = {"fieldManager": FIELD_MANAGER}
        return await self._call("PUT", ref.kind.path(ref.namespace, ref.name), manifest, query=query)

    async def apply(  # noqa: D102
        self, manifest: Manifest, *, field_manager: str = FIELD_MANAGER, force: bool = True
    ) -> Manifest:
        return await self._apply(manifest, None, field_manager, force=force)

    async def apply_status(  # noqa: D102
        self, manifest: Manifest, *, field_manager: str = FIELD_MANAGER, force: bool = True
    ) -> Manifest:
        return await self._apply(manifest, "status", field_manager, force=force)

    async def _apply(self, manifest: Manifest, subresource: str | None, field_manager: str, *, force: bool) -> Manifest:
        ref = Ref.of(manifest)
        query = {"fieldManager": field_manager, "force": str(force).lower()}
        path = ref.kind.path(ref.namespace, ref.name, subresource)
        return await self._call("PATCH", path, manifest, query=query, content_type=_APPLY)

    async def patch(self, ref: Ref, patch: Manifest, *, field_manager: str = FIELD_MANAGER) -> Manifest:  # noqa: D102
        path = ref.kind.path(ref.namespace, ref.name)
        query = {"fieldManager": field_manager}
        return await self._call("PATCH", path, patch, query=query, content_type=_MERGE)

    async def delete(  # noqa: D102
        self,
        ref: Ref,
        *,
        uid: str | None = None,
        resource_version: str | None = None,
        grace_seconds: int | None = None,
    ) -> None:
        options: Manifest = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background"}
        preconditions = {"uid": uid, "resourceVersion": resource_version}
        options["preconditions"] = {k: v for k, v in preconditions.items() if v is not None}
        if grace_seconds is not None:
            options["gracePeriodSeconds"] = grace_seconds
        await self._call("DELETE", ref.kind.path(ref.namespace, ref.name), options)

    async def _call(
        self,
        method: str,
        path: str,
        body: Manifest | None = None,
        *,
        query: Mapping[str, str] | None = None,
        content_type: str = _JSON,
    ) -> Manifest:
        started = asyncio.get_running_loop().time()
        code = "<error>"
        try:
            status, text = await self._send(method, path, body, _pairs(query), content_type)
            code = str(status)
        except TimeoutError as e:
            raise TransientError(f"{method} {path}: no answer in {self._timeout.total:g} s") from e
        except (aiohttp.ClientError, OSError) as e:
            raise TransientError(f"{method} {path}: {e or type(e).__name__}") from e
        finally:
            self._observe(method, code, asyncio.get_running_loop().time() - started)
        return _parse(method, path, status, text)

    async def _send(
        self, method: str, path: str, body: Manifest | None, query: Pairs, content_type: str
    ) -> tuple[int, bytes]:
        request = await self._client.param_serialize(
            method,
            path,
            query_params=query,
            header_params={"Accept": _JSON, "Content-Type": content_type},
            body=body,
            auth_settings=["BearerToken"],
        )
        response = await self._client.call_api(*request, _request_timeout=self._timeout)
        return response.status, await response.read()


def _pairs(query: Mapping[str, str] | None) -> Pairs:
    return list((query or {}).items())


def _parse(method: str, path: str, status: int, text: bytes) -> Manifest:
    try:
        answer: Any = json.loads(text)
    except ValueError:
        answer = None
    if status < 400 and isinstance(answer, dict):
        return answer
    excerpt = text[:_ERROR_EXCERPT].decode(errors="replace")
    if status < 400:
        raise InvalidError(f"{method} {path}: not a JSON object: {excerpt}", status=status)
    if not isinstance(answer, dict):
        answer = {"message": excerpt}
    message = answer.get("message") or f"HTTP {status}"
    raise error_for(status, answer.get("reason", ""), f"{method} {path}: {message}")

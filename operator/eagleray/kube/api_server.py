"""`KubeClient` on `kubernetes.aio`: its authentication and connection pool, and nothing of its models."""

import asyncio
import ipaddress
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import urlsplit

import aiohttp
import orjson
from kubernetes.aio import config
from kubernetes.aio.client import ApiClient, Configuration

from eagleray.kube import kubeconfig
from eagleray.kube.client import FIELD_MANAGER, Listed, LogClient, selector
from eagleray.kube.errors import InvalidError, TransientError, error_for
from eagleray.kube.events import last_warning
from eagleray.kube.kinds import EVENT, Kind, Manifest, Ref

REQUEST_TIMEOUT = 10.0

# Method, answer (an HTTP status, or "<error>" as client-go writes it where none came), seconds.
RequestObserver = Callable[[str, str, float], None]

_JSON = "application/json"
_MERGE = "application/merge-patch+json"
_APPLY = "application/apply-patch+yaml"
_IN_CLUSTER = "KUBERNETES_SERVICE_HOST"
_ERROR_EXCERPT = 300
# Thousands of Pods at once are a hundred megabytes, and a second in which nothing else is done.
_PAGE = 500


@dataclass(frozen=True, slots=True)
class ApiServerCredentials:
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


@dataclass(frozen=True, slots=True)
class _Request:
    """One request.

    Attributes:
        method: HTTP method.
        path: URL path.
        body: the object to send.
        query: the URL's parameters.
        content_type: of the body.
        ref: the object that is asked for.
    """

    method: str
    path: str
    body: Manifest | None = None
    query: Mapping[str, str] = field(default_factory=dict)
    content_type: str = _JSON
    ref: Ref | None = None

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def _ignore(_method: str, _code: str, _seconds: float) -> None:
    pass


class ApiServer(LogClient):
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

    @property
    def address(self) -> str:
        """The IP address of the API server; "" where its host is a name."""
        host = urlsplit(self._client.configuration.host).hostname or ""
        try:
            return str(ipaddress.ip_address(host))
        except ValueError:
            return ""

    async def credentials(self) -> ApiServerCredentials:
        """Present credentials; a service account's token is read anew when it is a minute old."""
        c = self._client.configuration
        header = await c.get_api_key_with_prefix("BearerToken") or ""
        return ApiServerCredentials(
            server=c.host,
            ca_path=c.ssl_ca_cert or None,
            certificate_path=c.cert_file or None,
            key_path=c.key_file or None,
            token=header.rpartition(" ")[2] or None,
            insecure=not c.verify_ssl,
        )

    async def version(self) -> tuple[int, int]:
        """Kubernetes' major and minor version."""
        answer = await self._call(_Request("GET", "/version"))
        return int(answer["major"]), int(answer["minor"].rstrip("+"))

    async def get(self, ref: Ref) -> Manifest:  # noqa: D102 - documented at the Protocol, as all below
        return await self._call(_Request("GET", ref.kind.path(ref.namespace, ref.name), ref=ref))

    async def list(  # noqa: D102
        self, kind: Kind, namespace: str | None = None, labels: Mapping[str, str] | None = None, *, more: str = ""
    ) -> Listed:
        wanted = {"labelSelector": selector(labels)} if labels else {}
        follows = {"continue": more} if more else {}
        request = _Request("GET", kind.path(namespace), query={"limit": str(_PAGE), **wanted, **follows})
        answer = await self._call(request)
        items, meta = answer.get("items"), answer.get("metadata")
        if not isinstance(items, list) or not isinstance(meta, dict) or "resourceVersion" not in meta:
            raise InvalidError(f"{request}: not a list of objects")
        # Items of a list carry neither, and everything downstream dispatches on them.
        named = {"apiVersion": kind.api_version, "kind": kind.kind}
        found = [{**named, **item} for item in items if isinstance(item, dict)]
        return Listed(found, str(meta["resourceVersion"]), str(meta.get("continue") or ""))

    async def warning(self, ref: Ref, uid: str) -> str:  # noqa: D102
        chosen = f"regarding.uid={uid},type=Warning"
        request = _Request("GET", EVENT.path(ref.namespace), query={"limit": str(_PAGE), "fieldSelector": chosen})
        return last_warning((await self._call(request)).get("items"))

    async def create(self, manifest: Manifest) -> Manifest:  # noqa: D102
        ref = Ref.of(manifest)
        query = {"fieldManager": FIELD_MANAGER}
        return await self._call(_Request("POST", ref.kind.path(ref.namespace), manifest, query, ref=ref))

    async def replace(self, manifest: Manifest) -> Manifest:  # noqa: D102
        ref = Ref.of(manifest)
        query = {"fieldManager": FIELD_MANAGER}
        return await self._call(_Request("PUT", ref.kind.path(ref.namespace, ref.name), manifest, query, ref=ref))

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
        return await self._call(_Request("PATCH", path, manifest, query, _APPLY, ref))

    async def patch(self, ref: Ref, patch: Manifest, *, field_manager: str = FIELD_MANAGER) -> Manifest:  # noqa: D102
        path = ref.kind.path(ref.namespace, ref.name)
        return await self._call(_Request("PATCH", path, patch, {"fieldManager": field_manager}, _MERGE, ref))

    async def delete(  # noqa: D102
        self,
        ref: Ref,
        *,
        uid: str | None = None,
        resource_version: str | None = None,
        grace_seconds: int | None = None,
    ) -> Manifest | None:
        options: Manifest = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background"}
        preconditions = {"uid": uid, "resourceVersion": resource_version}
        options["preconditions"] = {k: v for k, v in preconditions.items() if v is not None}
        if grace_seconds is not None:
            options["gracePeriodSeconds"] = grace_seconds
        answer = await self._call(_Request("DELETE", ref.kind.path(ref.namespace, ref.name), options, ref=ref))
        return answer if _is_ending(answer, ref) else None

    async def log(self, ref: Ref, container: str, lines: int) -> str:  # noqa: D102
        path = ref.kind.path(ref.namespace, ref.name, "log")
        query = {"container": container, "tailLines": str(lines), "timestamps": "true"}
        request = _Request("GET", path, query=query, ref=ref)
        status, text = await self._exchange(request)
        if status >= 400:
            _parse(request, status, text)
        return text.decode(errors="replace")

    async def _call(self, request: _Request) -> Manifest:
        return _parse(request, *await self._exchange(request))

    async def _exchange(self, request: _Request) -> tuple[int, bytes]:
        started = asyncio.get_running_loop().time()
        code = "<error>"
        try:
            answer = await self._send(request)
            code = str(answer[0])
        except TimeoutError as e:
            raise TransientError(f"{request}: no answer in {self._timeout.total:g} s") from e
        except (aiohttp.ClientError, OSError) as e:
            raise TransientError(f"{request}: {e or type(e).__name__}") from e
        finally:
            self._observe(request.method, code, asyncio.get_running_loop().time() - started)
        return answer

    async def _send(self, request: _Request) -> tuple[int, bytes]:
        serialized = await self._client.param_serialize(
            request.method,
            request.path,
            query_params=list(request.query.items()),
            header_params={"Accept": _JSON, "Content-Type": request.content_type},
            body=request.body,
            auth_settings=["BearerToken"],
        )
        response = await self._client.call_api(*serialized, _request_timeout=self._timeout)
        return response.status, await response.read()


def _is_ending(answer: Manifest, ref: Ref) -> bool:
    """Whether a deletion's answer is the object, which has begun to end; else it is a Status, or what has gone."""
    meta = answer.get("metadata")
    return answer.get("kind") == ref.kind.kind and isinstance(meta, dict) and "deletionTimestamp" in meta


def _parse(request: _Request, status: int, text: bytes) -> Manifest:
    try:
        answer: Any = orjson.loads(text)
    except ValueError:
        answer = None
    if status < 400 and isinstance(answer, dict):
        return answer
    excerpt = text[:_ERROR_EXCERPT].decode(errors="replace")
    if status < 400:
        raise InvalidError(f"{request}: not a JSON object: {excerpt}", status=status)
    if not isinstance(answer, dict):
        answer = {"message": excerpt}
    raise error_for(status, answer, f"{request}: {answer.get('message') or f'HTTP {status}'}", request.ref)

"""Who is let in: the filters that find out who asks, from files that a program beside Envoy makes of mounted Secrets.

The operator reads no Secret, and no key stands in a ConfigMap: the router's files have templates, in which the program
beside Envoy (`eagleray_credentials`) puts what it finds in place of words that begin with $.
"""

from collections.abc import Mapping
from typing import Any

import orjson

from eagleray.domain.actions.router_config import RouterConfig
from eagleray.domain.facts.router_layout import CLIENT_HEADER, KEYS, WARMUP_HEADER, RouterLayout
from eagleray.router.xds import ONLY_GET, TYPES, loopback_cluster, typed

WARMUP = "warmup"
CREDENTIALS_CLUSTER = "credentials"
CREDENTIALS_PATH = "/credentials"
KEY_HEADERS = ("authorization", "x-api-key")
_KEY_AUTH = "envoy.extensions.filters.http.api_key_auth.v3.ApiKeyAuth"


def known_clients(config: RouterConfig, layout: RouterLayout) -> list[dict[str, Any]]:
    """The filters that let clients in whom the user's Secret knows; none where everybody may ask."""
    return [_from_file(KEYS, _KEY_AUTH, layout)] if config.access.keys else []


def known_operator(layout: RouterLayout) -> list[dict[str, Any]]:
    """The filters that let nobody in but the operator."""
    return [_from_file(WARMUP, _KEY_AUTH, layout)]


def credentials_order(config: RouterConfig, layout: RouterLayout) -> str:
    """The file that tells the program beside Envoy what to make of what."""
    sources: dict[str, Any] = {WARMUP: {"kind": "token", "what": "the operator's token"}}
    files = {file_of(WARMUP): _resource(WARMUP, _key_auth(f"${WARMUP}", WARMUP_HEADER))}
    if config.access.keys:
        told = f"Secret {config.access.keys} of spec.router.auth.apiKeys"
        sources[KEYS] = {"kind": "keys", "what": told, "folder": f"{layout.mounted_dir}/{KEYS}"}
        files[file_of(KEYS)] = _resource(KEYS, _key_auth(f"${KEYS}", *KEY_HEADERS, client=CLIENT_HEADER))
    return orjson.dumps({"files": files, "sources": sources}, option=orjson.OPT_SORT_KEYS).decode()


def file_of(what: str) -> str:
    """Name of the file that the program beside Envoy makes."""
    return f"{what}.json"


def credentials_route() -> dict[str, Any]:
    """The route of the ops port to what is wrong with what is mounted; it names clients, and no key."""
    match = {"path": CREDENTIALS_PATH, "headers": [ONLY_GET]}
    return {"match": match, "route": {"cluster": CREDENTIALS_CLUSTER, "timeout": "5s"}}


def credentials_cluster(layout: RouterLayout) -> dict[str, Any]:
    """The program's door as Envoy's cluster."""
    return loopback_cluster(CREDENTIALS_CLUSTER, layout.credentials_port)


def made_file(what: str, layout: RouterLayout) -> dict[str, Any]:
    """A file that the program beside Envoy makes, as a source of configuration; it is replaced by a move."""
    source = {"path": f"{layout.credentials_dir}/{file_of(what)}"}
    return {"path_config_source": source, "resource_api_version": "V3"}


def _from_file(what: str, message: str, layout: RouterLayout) -> dict[str, Any]:
    """A filter whose configuration is in a file of its own; without one nobody is let in."""
    discovery = {"config_source": made_file(what, layout), "type_urls": [TYPES + message]}
    return {"name": what, "config_discovery": discovery}


def _resource(what: str, config: Mapping[str, Any]) -> dict[str, Any]:
    return {"resources": [typed("envoy.config.core.v3.TypedExtensionConfig", name=what, typed_config=config)]}


def _key_auth(credentials: str, *headers: str, client: str = "") -> dict[str, Any]:
    """The filter that knows clients by a key; the key goes no further."""
    return typed(
        _KEY_AUTH,
        credentials=credentials,
        key_sources=[{"header": header} for header in headers],
        forwarding={"hide_credentials": True, **({"header": client} if client else {})},
    )

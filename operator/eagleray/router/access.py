"""Who is let in: the filters that find out who asks, and what they are made of."""

from collections.abc import Mapping
from typing import Any

import orjson

from eagleray.domain.actions.access import Access, Mounted
from eagleray.domain.actions.router_config import RouterConfig
from eagleray.domain.facts.router_layout import (
    CERTIFICATE,
    CLIENT_CA,
    CLIENT_HEADER,
    KEYS,
    WARMUP_HEADER,
    RouterLayout,
)
from eagleray.router.made import file_of, made_file
from eagleray.router.tls import certificate_template, client_ca_template
from eagleray.router.xds import TYPES, typed

WARMUP = "warmup"
KEY_HEADERS = ("authorization", "x-api-key")
_KEY_AUTH = "envoy.extensions.filters.http.api_key_auth.v3.ApiKeyAuth"


def known_clients(config: RouterConfig, layout: RouterLayout) -> list[dict[str, Any]]:
    """The filters that let clients in whom the user's Secret knows; none where everybody may ask."""
    return [_from_file(KEYS, _KEY_AUTH, layout)] if config.access.keys else []


def known_operator(layout: RouterLayout) -> list[dict[str, Any]]:
    """The filters that let nobody in but the operator."""
    return [_from_file(WARMUP, _KEY_AUTH, layout)]


def credentials_order(access: Access, layout: RouterLayout) -> str:
    """The file that tells the program beside Envoy what to make of what."""
    sources: dict[str, Any] = {WARMUP: {"kind": "token", "what": "the operator's token"}}
    files = {WARMUP: _resource(WARMUP, _key_auth(f"${WARMUP}", WARMUP_HEADER))}

    def mounted(name: str, of: Mounted, field: str, template: Mapping[str, Any]) -> None:
        what = f"{of} of spec.router.{field}"
        sources[name] = {"kind": name, "what": what, "folder": f"{layout.mounted_dir}/{name}"}
        files[name] = template

    if access.keys:
        keys = _resource(KEYS, _key_auth(f"${KEYS}", *KEY_HEADERS, client=CLIENT_HEADER))
        mounted(KEYS, access.keys, "auth.apiKeys", keys)
    if access.tls:
        mounted(CERTIFICATE, access.tls.certificate, "tls", certificate_template())
        if access.tls.client_ca:
            mounted(CLIENT_CA, access.tls.client_ca, "tls.clientCA", client_ca_template())
    order = {"files": {file_of(name): template for name, template in files.items()}, "sources": sources}
    return orjson.dumps(order, option=orjson.OPT_SORT_KEYS).decode()


def _from_file(what: str, message: str, layout: RouterLayout) -> dict[str, Any]:
    """A filter whose configuration is in a file of its own; without one nobody is let in."""
    discovery = {"config_source": made_file(what, layout), "type_urls": [TYPES + message]}
    return {"name": what, "config_discovery": discovery}


def _resource(what: str, config: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"resources": [typed("envoy.config.core.v3.TypedExtensionConfig", name=what, typed_config=config)]}


def _key_auth(credentials: str, *headers: str, client: str = "") -> dict[str, Any]:
    """The filter that knows clients by a key; the key goes no further."""
    return typed(
        _KEY_AUTH,
        credentials=credentials,
        key_sources=[{"header": header} for header in headers],
        forwarding={"hide_credentials": True, **({"header": client} if client else {})},
    )

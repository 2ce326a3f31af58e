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
    JWKS,
    KEYS,
    WARMUP_HEADER,
    RouterLayout,
)
from eagleray.router.made import file_of, made_file
from eagleray.router.tls import certificate_template, client_ca_template
from eagleray.router.tokens import TOKENS, token_auth, unless_elsewhere
from eagleray.router.xds import typed

WARMUP = "warmup"
KEY_HEADERS = ("authorization", "x-api-key")
_KEY_AUTH = "envoy.extensions.filters.http.api_key_auth.v3.ApiKeyAuth"


def known_clients(config: RouterConfig, layout: RouterLayout) -> list[dict[str, Any]]:
    """The filters that let clients in whom the user's Secret knows; none where everybody may ask."""
    access = config.access
    # Each takes the header away in which it has found who asks: what looks like a token must still be there for keys.
    return [
        *([_from_file(KEYS, _keys(access), layout)] if access.keys else []),
        *([_from_file(TOKENS, token_auth(access), layout)] if access.issuers else []),
    ]


def known_operator(layout: RouterLayout) -> list[dict[str, Any]]:
    """The filters that let nobody in but the operator."""
    return [_from_file(WARMUP, _operator(), layout)]


def credentials_order(access: Access, layout: RouterLayout) -> str:
    """The file that tells the program beside Envoy what to make of what."""
    sources: dict[str, Any] = {WARMUP: {"kind": "token", "what": "the operator's token"}}
    files: dict[str, Mapping[str, Any]] = {WARMUP: _resource(WARMUP, _operator())}

    def mounted(name: str, kind: str, of: Mounted, field: str) -> None:
        folder = f"{layout.mounted_dir}/{name}"
        sources[name] = {"kind": kind, "what": f"{of} of spec.router.{field}", "folder": folder}

    if access.keys:
        mounted(KEYS, KEYS, access.keys, "auth.apiKeys")
        files[KEYS] = _resource(KEYS, _keys(access))
    if access.issuers:
        files[TOKENS] = _resource(TOKENS, token_auth(access))
    for n, issuer in enumerate(access.issuers):
        name = f"{JWKS}-{n}"
        if isinstance(issuer.keys, Mounted):
            mounted(name, JWKS, issuer.keys, "auth.jwt")
        else:
            sources[name] = {"kind": JWKS, "what": f"{issuer.keys} of spec.router.auth.jwt", "uri": issuer.keys}
    if access.tls:
        mounted(CERTIFICATE, CERTIFICATE, access.tls.certificate, "tls")
        files[CERTIFICATE] = certificate_template()
        if access.tls.client_ca:
            mounted(CLIENT_CA, CLIENT_CA, access.tls.client_ca, "tls.clientCA")
            files[CLIENT_CA] = client_ca_template()
    order = {"files": {file_of(name): template for name, template in files.items()}, "sources": sources}
    return orjson.dumps(order, option=orjson.OPT_SORT_KEYS).decode()


def _keys(access: Access) -> dict[str, Any]:
    return unless_elsewhere(access, KEYS, _key_auth(f"${KEYS}", *KEY_HEADERS, client=CLIENT_HEADER))


def _operator() -> dict[str, Any]:
    return _key_auth(f"${WARMUP}", WARMUP_HEADER)


def _from_file(what: str, config: Mapping[str, Any], layout: RouterLayout) -> dict[str, Any]:
    """A filter whose configuration comes from a file of its own, of this one's kind; without one nobody is let in."""
    discovery = {"config_source": made_file(what, layout), "type_urls": [config["@type"]]}
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

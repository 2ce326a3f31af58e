"""Tokens (JWT) by which clients are known beside keys: what a request's header looks like says which of them it is."""

import re
from collections.abc import Sequence
from typing import Any

from eagleray.domain.actions.access import Access, Issuer
from eagleray.domain.facts.router_layout import CLIENT_HEADER, JWKS
from eagleray.router.permissions import CLAIMS
from eagleray.router.xds import extension, typed

TOKENS = "tokens"
_JWT = "envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication"
# What a token looks like; no key does (eagleray_credentials/sources.py). Whatever else a request has is a key.
_LOOKS = r"Bearer eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*"
_SKEW_SECONDS = 30


def token_auth(access: Access) -> dict[str, Any]:
    """The filter that knows clients by a token; the token goes no further.

    Where clients may have a key instead, it passes over what does not look like a token.
    """
    names = [f"{JWKS}-{n}" for n in range(len(access.issuers))]
    read = {"payload_in_metadata": CLAIMS} if any(allowed.claims for allowed in access.allow) else {}
    providers = {name: _provider(name, issuer) | read for name, issuer in zip(names, access.issuers, strict=True)}
    one = {"requires_any": {"requirements": [{"provider_name": name} for name in names]}}
    any_of_them = one if len(names) > 1 else {"provider_name": names[0]}
    public = [{"match": {"path": path}} for path in access.public]
    rules = [*public, {"match": {"prefix": "/"}, "requires": any_of_them}]
    found = typed(_JWT, providers=providers, rules=rules)
    return _passing_over(TOKENS, found, [{"not_matcher": _says("authorization", _LOOKS)}]) if access.keys else found


def unless_elsewhere(access: Access, name: str, keys: dict[str, Any]) -> dict[str, Any]:
    """The filter of keys, which passes over public paths, and over tokens where the other filter asks for them."""
    passed = [_says(":path", rf"{re.escape(path)}(\?.*)?") for path in access.public]
    passed += [_says("authorization", _LOOKS)] if access.issuers else []
    return _passing_over(name, keys, passed) if passed else keys


def _provider(name: str, issuer: Issuer) -> dict[str, Any]:
    return {
        "issuer": issuer.name,
        "audiences": list(issuer.audiences),
        "require_expiration": True,
        "clock_skew_seconds": _SKEW_SECONDS,
        "local_jwks": {"inline_string": f"${name}"},
        "from_headers": [{"name": "authorization", "value_prefix": "Bearer "}],
        "claim_to_headers": [{"header_name": CLIENT_HEADER, "claim_name": issuer.client}],
    }


def _passing_over(name: str, filter_: dict[str, Any], predicates: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """A filter that passes over requests of which one of the predicates is true."""
    skip = extension("skip", "envoy.extensions.filters.common.matcher.action.v3.SkipFilter")
    matchers = [{"predicate": predicate, "on_match": {"action": skip}} for predicate in predicates]
    inner = {"name": name, "typed_config": filter_}
    message = "envoy.extensions.common.matching.v3.ExtensionWithMatcher"
    return typed(message, extension_config=inner, xds_matcher={"matcher_list": {"matchers": matchers}})


def _says(header: str, regex: str) -> dict[str, Any]:
    said = typed("envoy.type.matcher.v3.HttpRequestHeaderMatchInput", header_name=header)
    return {
        "single_predicate": {
            "input": {"name": header, "typed_config": said},
            "value_match": {"safe_regex": {"google_re2": {}, "regex": regex}},
        },
    }

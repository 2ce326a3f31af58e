"""Who of those that are known may ask, and for which version: Envoy's own filter for it (role-based access control).

It stands behind those that find out who asks. A share says by its route who may ask its version, so that it is one
decision whether the version was named, a rule chose it or the weights did.
"""

from typing import Any

from eagleray.domain.actions.access import Access, Allowed
from eagleray.domain.facts.router_layout import CLIENT_HEADER
from eagleray.router.xds import extension, typed

FILTER = "envoy.filters.http.rbac"
DENIED = "rbac_access_denied"
"""How Envoy's details begin where somebody may not ask."""
CLAIMS = "claims"
"""Where the filter of tokens leaves what they say."""
_TOKENS = "envoy.filters.http.jwt_authn"
_MESSAGES = "envoy.extensions.filters.http.rbac.v3"
_ANY: dict[str, Any] = {"any": True}


def permission_filter(access: Access) -> list[dict[str, Any]]:
    """The filter that lets in whoever may ask anything at all; none where everybody who is known may."""
    return [extension(FILTER, f"{_MESSAGES}.RBAC", rules=_rules(access, access.allow))] if access.allow else []


def permitted(access: Access, version: str) -> dict[str, Any]:
    """What a share says of a version that not all may ask, as `typed_per_filter_config`."""
    those = tuple(each for each in access.allow if not each.versions or version in each.versions)
    if those == access.allow:
        return {}
    return {FILTER: typed(f"{_MESSAGES}.RBACPerRoute", rbac={"rules": _rules(access, those)})}


def _rules(access: Access, allowed: tuple[Allowed, ...]) -> dict[str, Any]:
    policies = {f"allow-{n}": {"permissions": [_ANY], "principals": [_principal(a)]} for n, a in enumerate(allowed)}
    if access.public:
        paths = [{"url_path": {"path": {"exact": path}}} for path in access.public]
        policies["public"] = {"permissions": paths, "principals": [_ANY]}
    return {"action": "ALLOW", "policies": policies}


def _principal(allowed: Allowed) -> dict[str, Any]:
    """Who is meant: one of the clients, with all of the claims."""
    clients = [_named(client) for client in allowed.clients]
    meant = [*([{"or_ids": {"ids": clients}}] if clients else []), *(_says(*claim) for claim in allowed.claims)]
    return {"and_ids": {"ids": meant}}


def _named(client: str) -> dict[str, Any]:
    return {"header": {"name": CLIENT_HEADER, "string_match": {"exact": client}}}


def _says(claim: str, value: str) -> dict[str, Any]:
    """Whether a token's claim is a value, or a list that has it."""
    path = [{"key": key} for key in (CLAIMS, *claim.split("."))]
    same = {"string_match": {"exact": value}}
    found = [
        {"metadata": {"filter": _TOKENS, "path": path, "value": wanted}}
        for wanted in (same, {"list_match": {"one_of": same}})
    ]
    return {"or_ids": {"ids": found}}

"""Who may ask a router, and how connections to it are kept from others."""

import re
from typing import Annotated, Literal

from pydantic import Field

from eagleray.api.base import OBJECT_NAME, ApiModel, Rule, map_list, matches
from eagleray.api.traffic import VersionName

SECRET_NAME = matches(OBJECT_NAME, "write a name in the object's namespace, such as churn-keys")
JWKS_URI = matches(
    r"^https?://[A-Za-z0-9.-]+(:[0-9]+)?(/[^\s#@]*)?$",
    "write a URL without a user and a fragment, such as https://idp.example.com/jwks.json",
)
_CLAIM_NAME = re.compile("^[A-Za-z_][A-Za-z0-9_.-]*$")
CLAIM = matches(_CLAIM_NAME.pattern, "write the name of a claim, such as sub or email")
CLIENT = matches(r"^[^\s*]+$", "write the name of a client, such as team-a")
PUBLIC_PATH = matches(r"^/[A-Za-z0-9._~/-]*$", "write a whole path without a query, such as /v2/health/live")
CLAIMS = Rule(
    f"self.all(name, name.matches('{_CLAIM_NAME.pattern}') && size(name) <= 256)",
    "write names of claims, such as role or realm_access.roles",
    python=lambda claims: all(_CLAIM_NAME.search(name) and len(name) <= 256 for name in claims),
)
Claims = Annotated[
    dict[str, Annotated[str, Field(min_length=1, max_length=1024)]], Field(min_length=1, max_length=8), CLAIMS
]
SecretName = Annotated[str, Field(max_length=253), SECRET_NAME]


class RouterApiKeys(ApiModel):
    """Clients that are known by a key."""

    secret_name: SecretName
    """Secret with an entry for each client: its name, and its key of 16 to 1024 characters. It is read by the router's
    Pods alone; keys that are added, changed or removed there count within two minutes."""


class Jwks(ApiModel):
    """Where the public keys of an issuer are (JSON Web Key Set)."""

    cel_rules = (
        Rule(
            "[has(self.uri), has(self.secretName), has(self.configMapName)].exists_one(given, given)",
            "write exactly one of uri, and secretName or configMapName, whose entry jwks.json has the issuer's keys",
            python=lambda jwks: sum(v is not None for v in (jwks.uri, jwks.secret_name, jwks.config_map_name)) == 1,
        ),
    )

    uri: Annotated[str, Field(max_length=2048), JWKS_URI] | None = None
    """URL that router Pods read every five minutes; no redirect is followed."""
    secret_name: SecretName | None = None
    """Secret that has them."""
    config_map_name: SecretName | None = None
    """ConfigMap that has them."""


class RouterJwt(ApiModel):
    """An issuer of tokens (JWT) by which clients are known."""

    issuer: str = Field(min_length=1, max_length=2048)
    """The tokens' `iss`."""
    audiences: list[Annotated[str, Field(min_length=1, max_length=2048)]] = Field(min_length=1, max_length=16)
    """The tokens' `aud`; one of them is enough."""
    jwks: Jwks
    """The issuer's public keys."""
    client: Annotated[str, Field(max_length=256), CLAIM] | None = None
    """Claim that names the client to replicas and logs; `sub` where it is left out."""


class RouterAllowed(ApiModel):
    """Clients that may ask, and for what."""

    cel_rules = (
        Rule(
            "has(self.clients) || has(self.claims)",
            "write clients, claims or both: who may ask",
            python=lambda allowed: allowed.clients is not None or allowed.claims is not None,
        ),
    )

    clients: list[Annotated[str, Field(max_length=253), CLIENT]] | None = Field(None, min_length=1, max_length=64)
    """Names of clients: entries of the Secret with keys, or what tokens say in the claim that names the client."""
    claims: Claims | None = None
    """What a token says: claims, dots between nested ones, and the value of each, or one of its values."""
    versions: list[VersionName] | None = Field(None, min_length=1, max_length=8)
    """Versions that they may ask; every one where it is left out. Versions that have a weight must be among them."""


class RouterAuth(ApiModel):
    """Who may ask; whoever is known in one of the ways is let in, or else who is in `allow`."""

    cel_rules = (
        Rule(
            "!has(self.allow) || has(self.jwt) || self.allow.all(allowed, !has(allowed.claims))",
            "claims are those of tokens; write jwt, or leave claims out",
            field_path=".allow",
            python=lambda auth: auth.jwt is not None or all(each.claims is None for each in auth.allow or ()),
        ),
        Rule(
            "has(self.apiKeys) || has(self.jwt)",
            "write apiKeys or jwt, by which clients are known, or leave auth out to let everybody in",
            python=lambda auth: auth.api_keys is not None or auth.jwt is not None,
        ),
    )

    jwt: Annotated[list[RouterJwt] | None, map_list("issuer")] = Field(None, min_length=1, max_length=8)
    """Issuers whose tokens are let in, as `Authorization: Bearer <token>`; a token must say when it expires."""
    public: list[Annotated[str, Field(max_length=1024), PUBLIC_PATH]] | None = Field(None, min_length=1, max_length=16)
    """Paths that anybody may ask, each as a whole."""
    allow: list[RouterAllowed] | None = Field(None, min_length=1, max_length=16)
    """Who of them may ask; one entry that fits is enough. Everybody who is known where it is left out."""
    api_keys: RouterApiKeys | None = None
    """Keys that are let in, as `Authorization: Bearer <key>` or `x-api-key: <key>`."""


class ClientCA(ApiModel):
    """Where the certificates of authorities are, in the entry `ca.crt`."""

    cel_rules = (
        Rule(
            "has(self.secretName) != has(self.configMapName)",
            "write secretName or configMapName, whose entry ca.crt has the authorities' certificates",
            python=lambda ca: (ca.secret_name is None) != (ca.config_map_name is None),
        ),
    )

    secret_name: SecretName | None = None
    """Secret that has it."""
    config_map_name: SecretName | None = None
    """ConfigMap that has it."""


class RouterTLS(ApiModel):
    """TLS at the router; its Service then listens on port 443."""

    secret_name: SecretName
    """Secret of type `kubernetes.io/tls`, whose entries `tls.crt` and `tls.key` may change at any time."""
    min_version: Literal["1.2", "1.3"] | None = None
    """Oldest version of TLS that is spoken; `1.2` where it is left out."""
    client_ca: ClientCA | None = Field(None, alias="clientCA")
    """Authorities of clients' certificates; whoever has none of theirs is not let in."""

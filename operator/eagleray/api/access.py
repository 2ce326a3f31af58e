"""Who may ask a router, and how connections to it are kept from others."""

from typing import Annotated, Literal

from pydantic import Field

from eagleray.api.base import ApiModel, Rule, matches

SECRET_NAME = matches(r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$", "write a name in the object's namespace, such as churn-keys")
SecretName = Annotated[str, Field(max_length=253), SECRET_NAME]


class RouterApiKeys(ApiModel):
    """Clients that are known by a key."""

    secret_name: SecretName
    """Secret with an entry for each client: its name, and its key of 16 to 1024 characters. It is read by the router's
    Pods alone; keys that are added, changed or removed there count within two minutes."""


class RouterAuth(ApiModel):
    """Who may ask."""

    cel_rules = (
        Rule(
            "has(self.apiKeys)",
            "write apiKeys, by which clients are known, or leave auth out to let everybody in",
            python=lambda auth: auth.api_keys is not None,
        ),
    )

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

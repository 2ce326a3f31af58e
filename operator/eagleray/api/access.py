"""Who may ask a router, and how connections to it are kept from others."""

from typing import Annotated

from pydantic import Field

from eagleray.api.base import ApiModel, Rule, matches

SECRET_NAME = matches(
    r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$", "write the name of a Secret in the object's namespace, such as churn-keys"
)
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


class RouterTLS(ApiModel):
    """TLS at the router."""

    secret_name: SecretName
    """Secret of type `kubernetes.io/tls`."""

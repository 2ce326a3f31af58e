"""The token that guards a revision's Ray cluster, and the Secret that its Pods read it from."""

import base64
import hashlib
import hmac
from typing import Any

from eagleray.domain.goals.revision import Revision
from eagleray.resources.labels import labels
from eagleray.resources.names import router_secret_name, secret_name

TOKEN_KEY = "token"  # noqa: S105 -- the name of the entry, not a token


def auth_token(key: bytes, namespace: str, revision: str) -> str:
    """Derive the token of a revision, so that the operator need never read it back.

    Args:
        key: the operator's own key.
        namespace: the revision's namespace.
        revision: its name.

    Returns:
        64 hexadecimal digits: HMAC-SHA256 over namespace and name.
    """
    return hmac.new(key, f"{namespace}/{revision}".encode(), hashlib.sha256).hexdigest()


def router_token(key: bytes, namespace: str, model: str) -> str:
    """Derive the token by which the operator asks through a model's router, as `auth_token` does."""
    return auth_token(key, namespace, router_secret_name(model))


def build_auth_secret(revision: Revision, token: str, owner: dict[str, Any]) -> dict[str, Any]:
    """Build the Secret with the token of `revision`.

    Args:
        revision: the revision.
        token: its token, of `auth_token`.
        owner: reference to the revision's ControllerRevision.
    """
    metadata = {"name": secret_name(revision), "namespace": revision.namespace, "labels": labels(revision)}
    return token_secret(metadata | {"ownerReferences": [owner]}, token)


def token_secret(metadata: dict[str, Any], token: str) -> dict[str, Any]:
    """Build a Secret that has a token and is never changed.

    Args:
        metadata: the Secret's.
        token: the token.
    """
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "Opaque",
        "immutable": True,
        "metadata": metadata,
        "data": {TOKEN_KEY: base64.b64encode(token.encode()).decode()},
    }

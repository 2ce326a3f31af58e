"""The key from which the Ray tokens of every revision are derived."""

import base64
import binascii
import secrets

from eagleray.kube.client import KubeClient
from eagleray.kube.errors import AlreadyExistsError, InvalidError, NotFoundError
from eagleray.kube.kinds import SECRET, Manifest, Ref

SECRET_NAME = "eagleray-token-key"  # noqa: S105 - the name of an object, not a secret
KEY = "key"
KEY_BYTES = 32


async def ensure_token_key(client: KubeClient, namespace: str) -> bytes:
    """Read the operator's key, making it on the first start.

    Whoever of several operators creates the Secret first wins, and all of them use that key.

    Args:
        client: the API server.
        namespace: the operator's own namespace.

    Returns:
        At least 32 random bytes.

    Raises:
        InvalidError: the Secret exists and holds no such key.
    """
    ref = Ref(SECRET, namespace, SECRET_NAME)
    try:
        return _key(await client.get(ref))
    except NotFoundError:
        pass
    try:
        return _key(await client.create(_manifest(namespace)))
    except AlreadyExistsError:
        return _key(await client.get(ref))


def _manifest(namespace: str) -> Manifest:
    return {
        "apiVersion": SECRET.api_version,
        "kind": SECRET.kind,
        "metadata": {
            "name": SECRET_NAME,
            "namespace": namespace,
            "labels": {"app.kubernetes.io/managed-by": "eagleray"},
        },
        "type": "Opaque",
        "immutable": True,
        "data": {KEY: base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()},
    }


def _key(secret: Manifest) -> bytes:
    try:
        key = base64.b64decode(secret.get("data", {}).get(KEY, ""), validate=True)
    except binascii.Error:
        key = b""
    if len(key) < KEY_BYTES:
        raise InvalidError(
            f"Secret {SECRET_NAME}: data.{KEY} must be at least {KEY_BYTES} bytes; "
            "delete the Secret and restart the operator"
        )
    return key

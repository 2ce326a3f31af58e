"""What router Pods that ask who asks have on top: mounted Secrets, and what turns them into Envoy's files."""

from typing import Any

from eagleray.domain.actions.access import Access, Mounted
from eagleray.domain.actions.router_config import RouterConfig
from eagleray.domain.facts.router_layout import (
    CERTIFICATE,
    CLIENT_CA,
    CONFIG_DIR,
    CREDENTIALS_DIR,
    CREDENTIALS_FILE,
    CREDENTIALS_PORT,
    JWKS,
    KEYS,
    KUBELET_DATA,
    MOUNTED_DIR,
)
from eagleray.resources.names import router_secret_name
from eagleray.resources.pod import PodSettings, locked_down
from eagleray.resources.secret import TOKEN_KEY, token_secret

CREDENTIALS = "credentials"
TOKEN_VARIABLE = "EAGLERAY_WARMUP_TOKEN"  # noqa: S105 -- the name of the variable
# A Secret has 1 MiB at most, and a file is there twice while it is replaced.
_MADE_BYTES = "16Mi"
_MADE = "made"


def mounted_volumes(config: RouterConfig) -> list[dict[str, Any]]:
    """The volumes of a guarded router Pod; none of another.

    Secrets are optional, so that a Pod starts without: it then lets nobody in, and says why.
    """
    if not config.guarded:
        return []
    made = {"name": _MADE, "emptyDir": {"medium": "Memory", "sizeLimit": _MADE_BYTES}}
    return [*(_volume(name, of) for name, of in _mounted(config.access)), made]


def _mounted(access: Access) -> list[tuple[str, Mounted]]:
    """What is mounted, by its folder."""
    tls = access.tls
    found = ((KEYS, access.keys), (CERTIFICATE, tls and tls.certificate), (CLIENT_CA, tls and tls.client_ca))
    issuers = ((f"{JWKS}-{n}", issuer.keys) for n, issuer in enumerate(access.issuers))
    return [(name, of) for name, of in (*found, *issuers) if isinstance(of, Mounted)]


def _volume(name: str, of: Mounted) -> dict[str, Any]:
    if of.kind == "Secret":
        return {"name": name, "secret": {"secretName": of.name, "optional": True}}
    return {"name": name, "configMap": {"name": of.name, "optional": True}}


def made_mounts(config: RouterConfig) -> list[dict[str, Any]]:
    """Where Envoy has what is made of them."""
    return [{"name": _MADE, "mountPath": CREDENTIALS_DIR, "readOnly": True}] if config.guarded else []


def first_credentials(config: RouterConfig, image: str, settings: PodSettings) -> list[dict[str, Any]]:
    """The init container that makes the files for the first time: Envoy refuses listeners whose files are not there."""
    return [_program(config, f"first-{CREDENTIALS}", image, settings, "--once")] if config.guarded else []


def credentials_container(config: RouterConfig, image: str, settings: PodSettings) -> list[dict[str, Any]]:
    """The container beside Envoy that makes them anew; without probes, as the comparer."""
    return [_program(config, CREDENTIALS, image, settings)] if config.guarded else []


def build_router_secret(
    config: RouterConfig, token: str, owner: dict[str, Any], labels: dict[str, str]
) -> dict[str, Any]:
    """Build the Secret with the token by which the operator asks through the router.

    Args:
        config: what the router is to do.
        token: the token, of `auth_token`.
        owner: reference to the ModelDeployment.
        labels: those of the router.
    """
    metadata = {"name": router_secret_name(config.name), "namespace": config.namespace, "labels": labels}
    return token_secret(metadata | {"ownerReferences": [owner]}, token)


def _program(config: RouterConfig, name: str, image: str, settings: PodSettings, *flags: str) -> dict[str, Any]:
    token = {"secretKeyRef": {"name": router_secret_name(config.name), "key": TOKEN_KEY}}
    mounted = [
        {"name": name, "mountPath": f"{MOUNTED_DIR}/{name}", "readOnly": True} for name, _ in _mounted(config.access)
    ]
    fields: dict[str, Any] = {
        "command": ["/opt/venv/bin/python3", "-m", "eagleray_credentials"],
        "args": [
            f"--order={CONFIG_DIR}/{KUBELET_DATA}/{CREDENTIALS_FILE}",
            f"--made={CREDENTIALS_DIR}",
            f"--port={CREDENTIALS_PORT}",
            *flags,
        ],
        "env": [{"name": TOKEN_VARIABLE, "valueFrom": token}],
        "resources": {"requests": {"cpu": "10m", "memory": "64Mi"}, "limits": {"memory": "256Mi"}},
        "volumeMounts": [
            {"name": "config", "mountPath": CONFIG_DIR, "readOnly": True},
            {"name": _MADE, "mountPath": CREDENTIALS_DIR},
            *mounted,
        ],
    }
    return locked_down(name, image, settings.image_pull_policy, **fields)

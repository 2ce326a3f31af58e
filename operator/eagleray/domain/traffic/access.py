"""Who is let in: the user's settings of the router as its Pods are told them."""

from eagleray.api.access import ClientCA, RouterTLS
from eagleray.api.router import Router
from eagleray.domain.actions.access import Access, Mounted, Tls


def access(asked: Router) -> Access:
    """Whom a router lets in, and by what it knows them."""
    keys = asked.auth.api_keys if asked.auth else None
    return Access(
        keys=Mounted("Secret", keys.secret_name) if keys else None,
        tls=_tls(asked.tls) if asked.tls else None,
    )


def _tls(asked: RouterTLS) -> Tls:
    return Tls(
        certificate=Mounted("Secret", asked.secret_name),
        min_version=asked.min_version or "1.2",
        client_ca=_mounted(asked.client_ca) if asked.client_ca else None,
    )


def _mounted(asked: ClientCA) -> Mounted:
    if asked.secret_name is not None:
        return Mounted("Secret", asked.secret_name)
    return Mounted("ConfigMap", asked.config_map_name or "")

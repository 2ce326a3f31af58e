"""Who is let in: the user's settings of the router as its Pods are told them."""

from eagleray.api.access import ClientCA, Jwks, RouterAllowed, RouterJwt, RouterTLS
from eagleray.api.router import Router
from eagleray.api.units import parse_duration
from eagleray.domain.actions.access import Access, Allowed, Issuer, Limits, Mounted, Tls
from eagleray.domain.traffic.entrances import prefixes


def access(asked: Router) -> Access:
    """Whom a router lets in, and by what it knows them."""
    auth = asked.auth
    keys = auth.api_keys if auth else None
    public = (auth.public if auth else None) or ()
    return Access(
        keys=Mounted("Secret", keys.secret_name) if keys else None,
        issuers=tuple(_issuer(issuer) for issuer in (auth.jwt if auth else None) or ()),
        # Who comes through an Ingress or a Gateway names its prefix, which is taken off only behind this.
        public=tuple(f"{prefix}{path}" for prefix in ("", *prefixes(asked)) for path in public),
        tls=_tls(asked.tls) if asked.tls else None,
        allow=tuple(_allowed(each) for each in (auth.allow if auth else None) or ()),
    )


def limits(asked: Router) -> Limits:
    """How much clients may ask of a router Pod."""
    given = asked.limits
    if given is None:
        return Limits()
    client = given.per_client
    return Limits(
        requests=client.requests if client else 0,
        per=parse_duration(client.per) if client and client.per else 1.0,
        connections=given.connections or 0,
    )


def _allowed(asked: RouterAllowed) -> Allowed:
    return Allowed(
        clients=tuple(asked.clients or ()),
        claims=tuple(sorted((asked.claims or {}).items())),
        versions=tuple(asked.versions or ()),
    )


def _issuer(asked: RouterJwt) -> Issuer:
    return Issuer(
        name=asked.issuer,
        audiences=tuple(asked.audiences),
        keys=asked.jwks.uri or _mounted(asked.jwks),
        client=asked.client or "sub",
    )


def _tls(asked: RouterTLS) -> Tls:
    return Tls(
        certificate=Mounted("Secret", asked.secret_name),
        min_version=asked.min_version or "1.2",
        client_ca=_mounted(asked.client_ca) if asked.client_ca else None,
    )


def _mounted(asked: ClientCA | Jwks) -> Mounted:
    if asked.secret_name is not None:
        return Mounted("Secret", asked.secret_name)
    return Mounted("ConfigMap", asked.config_map_name or "")

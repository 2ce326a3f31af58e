"""TLS towards clients: certificates come from files that the program beside Envoy makes, and change with them."""

from typing import Any

from eagleray.domain.actions.access import Tls
from eagleray.domain.facts.router_layout import CERTIFICATE, CLIENT_CA, RouterLayout
from eagleray.router.made import made_file
from eagleray.router.xds import extension, typed

_MESSAGES = "envoy.extensions.transport_sockets.tls.v3"
PRIVATE_KEY = f"{CERTIFICATE}.key"
_VERSIONS = {"1.2": "TLSv1_2", "1.3": "TLSv1_3"}


def transport_socket(tls: Tls, layout: RouterLayout) -> dict[str, Any]:
    """What a listener's connections begin with; without a certificate none is made."""
    context: dict[str, Any] = {
        "tls_params": {"tls_minimum_protocol_version": _VERSIONS[tls.min_version]},
        "alpn_protocols": ["h2", "http/1.1"],
        "tls_certificate_sds_secret_configs": [_secret(CERTIFICATE, layout)],
    }
    if tls.client_ca:
        context["validation_context_sds_secret_config"] = _secret(CLIENT_CA, layout)
    return extension(
        "envoy.transport_sockets.tls",
        f"{_MESSAGES}.DownstreamTlsContext",
        common_tls_context=context,
        require_client_certificate=tls.client_ca is not None,
    )


def certificate_template() -> dict[str, Any]:
    """The file with the certificate, as the program beside Envoy fills it."""
    chain, key = ({"inline_string": f"${word}"} for word in (CERTIFICATE, PRIVATE_KEY))
    return _template(CERTIFICATE, {"tls_certificate": {"certificate_chain": chain, "private_key": key}})


def client_ca_template() -> dict[str, Any]:
    """The file with the authorities of clients' certificates."""
    trusted = {"inline_string": f"${CLIENT_CA}"}
    return _template(CLIENT_CA, {"validation_context": {"trusted_ca": trusted}})


def _secret(name: str, layout: RouterLayout) -> dict[str, Any]:
    return {"name": name, "sds_config": made_file(name, layout)}


def _template(name: str, secret: dict[str, Any]) -> dict[str, Any]:
    return {"resources": [typed(f"{_MESSAGES}.Secret", name=name, **secret)]}

"""Where peers are: addresses that the API server named, and nothing else."""

import ipaddress
from collections.abc import Mapping
from ipaddress import IPv4Address, IPv6Address

from yarl import URL

from eagleray.peers.errors import HostileError


def http_url(ip: str, port: int, path: str, query: Mapping[str, str] | None = None) -> URL:
    """The URL of a Pod.

    Args:
        ip: the Pod's address.
        port: where it is asked.
        path: begins with a slash.
        query: further words of the question.

    Raises:
        HostileError: `ip` is not the address of a Pod.
    """
    return URL.build(scheme="http", host=str(_checked(ip)), port=port, path=path, query=query)


def grpc_target(ip: str, port: int) -> str:
    """A Pod as gRPC names it, so that no name is looked up.

    Raises:
        HostileError: `ip` is not the address of a Pod.
    """
    address = _checked(ip)
    return f"ipv4:{address}:{port}" if isinstance(address, IPv4Address) else f"ipv6:[{address}]:{port}"


def is_refused(address: str) -> bool:
    """Whether nobody may be asked at an address: metadata services and the like are on link-local ones."""
    ip: IPv4Address | IPv6Address = ipaddress.ip_address(address)
    if isinstance(ip, IPv6Address) and ip.ipv4_mapped:
        ip = ip.ipv4_mapped
    return ip.is_link_local or ip.is_multicast or ip.is_unspecified


def _checked(ip: str) -> IPv4Address | IPv6Address:
    try:
        address = ipaddress.ip_address(ip)
    except ValueError as e:
        raise HostileError(f"{ip[:60]!r} is no IP address") from e
    if is_refused(ip) or "%" in ip:
        raise HostileError(f"{address} is not the address of a Pod")
    return address

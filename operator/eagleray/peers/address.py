"""Where peers are: addresses that the API server named, and nothing else."""

import ipaddress
from collections.abc import Mapping
from ipaddress import IPv4Address, IPv6Address
from typing import Final

from yarl import URL

from eagleray.peers.errors import HostileError

# https://www.rfc-editor.org/rfc/rfc6052#section-2.1
_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")


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
    ip = plain(address)
    return ip.is_link_local or ip.is_multicast or ip.is_unspecified


def plain(address: str) -> IPv4Address | IPv6Address:
    """An address as it is reached: the IPv4 address in an IPv6 one that stands for it."""
    ip = ipaddress.ip_address(address)
    if isinstance(ip, IPv4Address):
        return ip
    inner = ip.ipv4_mapped or ip.sixtofour
    return inner or (IPv4Address(int(ip) & 0xFFFFFFFF) if ip in _NAT64 else ip)


def _checked(ip: str) -> IPv4Address | IPv6Address:
    try:
        address = ipaddress.ip_address(ip)
    except ValueError as e:
        raise HostileError(f"{ip[:60]!r} is no IP address") from e
    if is_refused(ip) or "%" in ip:
        raise HostileError(f"{address} is not the address of a Pod")
    return address

"""Who may be asked."""

import socket

import pytest

from eagleray.peers.address import grpc_target, http_url, is_refused, plain
from eagleray.peers.errors import HostileError
from eagleray.peers.wire import connection


@pytest.mark.parametrize(
    ("ip", "url", "target"),
    [
        ("10.0.0.7", "http://10.0.0.7:8265/a", "ipv4:10.0.0.7:8265"),
        ("fd00::7", "http://[fd00::7]:8265/a", "ipv6:[fd00::7]:8265"),
        ("2001:DB8:0:0::1", "http://[2001:db8::1]:8265/a", "ipv6:[2001:db8::1]:8265"),
    ],
)
def test_pods_are_named_by_their_address(ip: str, url: str, target: str) -> None:
    assert str(http_url(ip, 8265, "/a")) == url
    assert grpc_target(ip, 8265) == target


@pytest.mark.parametrize(
    "ip",
    [
        "",
        "head",
        "head.ns.svc",
        "10.0.0.7:80",
        "10.0.0.7@evil",
        "10.0.0.7/../",
        "0x0a000007",
        "167772167",
        "010.0.0.7",
        "[fd00::7]",
        "fd00::7%eth0",
        "169.254.169.254",
        "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "2002:a9fe:a9fe::1",
        "fe80::1",
        "224.0.0.1",
        "ff02::1",
        "0.0.0.0",  # noqa: S104
        "::",
    ],
)
def test_nothing_else_is_asked(ip: str) -> None:
    with pytest.raises(HostileError):
        http_url(ip, 80, "/")
    with pytest.raises(HostileError):
        grpc_target(ip, 80)


@pytest.mark.parametrize("ip", ["169.254.169.254", "fe80::1%eth0", "0.0.0.0", "224.0.0.1"])  # noqa: S104
def test_a_name_that_leads_there_is_not_followed_either(ip: str) -> None:
    family = socket.AF_INET6 if ":" in ip else socket.AF_INET
    with pytest.raises(PermissionError):
        connection(is_refused, (family, socket.SOCK_STREAM, 0, "", (ip, 80)))


@pytest.mark.parametrize(
    ("written", "reached"),
    [
        ("10.0.0.7", "10.0.0.7"),
        ("fd00::7", "fd00::7"),
        ("::ffff:127.0.0.1", "127.0.0.1"),
        ("64:ff9b::7f00:1", "127.0.0.1"),
        ("2002:7f00:1::", "127.0.0.1"),
    ],
)
def test_an_address_that_stands_for_another_is_that(written: str, reached: str) -> None:
    assert str(plain(written)) == reached

"""What users may not have the operator ask, by whatever name."""

import socket
from typing import Any

import pytest

from eagleray.domain.facts.providers.web import WebQuery
from eagleray.domain.goals.servers import Servers
from eagleray.peers.errors import RejectedError, UnreachableError
from eagleray.peers.fence import Fence
from eagleray.peers.peers import Peers
from fakes.http_server import HttpServer, QuietHandler

API_SERVER = "10.96.0.1"
CLOSED = [
    "127.0.0.1",
    "127.8.8.8",
    "::1",
    "::ffff:127.0.0.1",
    "64:ff9b::7f00:1",
    "169.254.169.254",
    "fd00:ec2::254",
    "fe80::1",
    "100.100.100.200",
    "168.63.129.16",
    "0.0.0.0",  # noqa: S104
    "224.0.0.1",
    API_SERVER,
    f"::ffff:{API_SERVER}",
]


@pytest.mark.parametrize("address", CLOSED)
def test_what_is_near_the_operator_is_closed(address: str) -> None:
    assert Fence(api_server=API_SERVER).is_closed(address)


@pytest.mark.parametrize("address", ["10.96.0.2", "10.0.0.7", "192.168.1.1", "93.184.216.34", "fd00::7"])
def test_anything_else_is_open(address: str) -> None:
    assert not Fence(api_server=API_SERVER).is_closed(address)
    assert not Fence().is_closed(address)


class Secret(QuietHandler):
    """What only the operator may read."""

    def respond(self) -> None:
        self.answer(200, b'{"value": 4711}', {"Content-Length": "15"})


@pytest.fixture
def near() -> Any:
    server = HttpServer(Secret)
    yield server
    server.close()


@pytest.mark.parametrize("url", ["http://{}/", "http://localhost:{}/", "http://judge.shop:{}/"])
async def test_no_name_leads_to_the_operator_itself(
    near: HttpServer, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The address counts that a name leads to when it is connected to, not the one that it led to before."""
    port = int(near.address.rpartition(":")[2])
    ask = socket.getaddrinfo

    def look_up(host: str, *args: Any, **kwargs: Any) -> Any:
        return ask("127.0.0.1" if host == "judge.shop" else host, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    peers = Peers()
    where = url.format(near.address if url == "http://{}/" else port)
    with pytest.raises(UnreachableError, match="nobody is asked at its address"):
        await peers.ask("ns/m", WebQuery(where, "value", ()))
    await peers.close()


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("http://prometheus.monitoring:9090", True),
        ("http://PROMETHEUS.monitoring:9090/prom", True),
        ("http://prometheus.monitoring.:9090/", True),
        ("https://judge.shop:443/canary", True),
        ("http://prometheus.monitoring", False),
        ("https://prometheus.monitoring:9090", False),
        ("http://prometheus.monitoring.evil:9090", False),
        ("http://prometheus.monitoring:90901", False),
        ("http://prometheus.monitoring:9090@evil", False),
        ("http://evil/prometheus.monitoring:9090", False),
        ("http://[prometheus.monitoring:9090", False),
    ],
)
async def test_only_what_the_installation_allows_is_asked(
    url: str, monkeypatch: pytest.MonkeyPatch, *, allowed: bool
) -> None:
    servers = Servers.read(["http://prometheus.monitoring:9090", "https://judge.shop"])
    assert servers.allows(url) is allowed
    assert Servers().allows(url)

    def unknown(*_: Any, **__: Any) -> Any:
        raise socket.gaierror

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    peers = Peers(fence=Fence(servers))
    with pytest.raises(UnreachableError if allowed else RejectedError):
        await peers.ask("ns/m", WebQuery(url, "value", ()))
    await peers.close()

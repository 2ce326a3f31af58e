"""What users may not have the operator ask: servers that are not allowed, and whatever is near the operator itself."""

import ipaddress
from dataclasses import dataclass, field
from typing import Final

from yarl import URL

from eagleray.domain.goals.servers import Servers
from eagleray.peers.address import is_refused, plain
from eagleray.peers.errors import RejectedError

# Metadata services of clouds that are on no link-local address: AWS, Alibaba, Azure.
_METADATA: Final = frozenset(map(ipaddress.ip_address, ("fd00:ec2::254", "100.100.100.200", "168.63.129.16")))


@dataclass(frozen=True, slots=True)
class Fence:
    """What is kept from users.

    Attributes:
        servers: those that the installation allows.
        api_server: address of the cluster's own API; "" where it is not known by one.
    """

    servers: Servers = field(default_factory=Servers)
    api_server: str = ""

    def check(self, url: URL) -> None:
        """Refuse a server that is not allowed.

        Raises:
            RejectedError: naming it.
        """
        if not self.servers.allows(str(url)):
            raise RejectedError(f"{url.host}: it is not among analysis.allowedServers of the chart")

    def is_closed(self, address: str) -> bool:
        """Whether an address is closed to users, whatever name led there."""
        ip = plain(address)
        if is_refused(address) or ip.is_loopback or ip in _METADATA:
            return True
        return bool(self.api_server) and ip == plain(self.api_server)

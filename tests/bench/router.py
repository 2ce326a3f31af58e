"""What the router costs: latency and throughput through it, against asking the replicas directly."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from e2e.client import Client
from e2e.deployment import ModelDeployment
from e2e.given import Served

SCRIPTS = Path(__file__).parent / "client"
# The operator's own range (operator/eagleray/domain/facts/ports.py), as the cluster shows it.
FIRST_PORT, LAST_PORT = 30000, 30007


@dataclass(frozen=True, slots=True)
class Cost:
    """What was measured; see client/speed.py for the fields of `raw`."""

    raw: dict[str, Any]

    def added_ms(self, quantile: str) -> float:
        """Milliseconds that the router adds to a lone client's request."""
        found = self.raw["latency_ms"]
        return float(found["router"][quantile] - found["direct"][quantile])

    def throughput_ratio(self) -> float:
        """Requests per second through the router, for each one that goes directly."""
        found = self.raw["throughput"]
        return float(found["router"]["rps"] / found["direct"]["rps"])


def measure(served: Served) -> Cost:
    """Measure both ways to a settled object."""
    direct = replicas(served.client, served.md)
    assert len(direct) == len(served.md.pods("worker")), f"replicas found: {direct}"
    asked = {"path": served.path, "body": json.dumps(served.body)}
    ways = {"direct": {**asked, "addresses": direct}, "router": {**asked, "addresses": [service(served.md)]}}
    return Cost(speed(served.client, ways))


def replicas(client: Client, md: ModelDeployment) -> list[str]:
    """The addresses of an object's replicas."""
    hosts = [pod["status"]["podIP"] for pod in md.pods("worker")]
    find = (SCRIPTS / "replicas.py").read_text()
    return client.run_source(find, str(FIRST_PORT), str(LAST_PORT), *hosts).split()


def service(md: ModelDeployment) -> str:
    """The address of an object's Service."""
    return f"{md.name}.{md.namespace}.svc:80"


def speed(client: Client, ways: dict[str, Any], timeout: float = 300) -> dict[str, Any]:
    """What client/speed.py finds."""
    source = (SCRIPTS / "speed.py").read_text()
    found: dict[str, Any] = json.loads(client.run_source(source, stdin=json.dumps(ways), timeout=timeout))
    return found

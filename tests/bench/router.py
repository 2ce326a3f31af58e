"""What the router costs: latency and throughput through it, against asking the replicas directly."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from e2e.given import Served

SCRIPTS = Path(__file__).parent / "client"
# The operator's own range (operator/eagleray/domain/ports.py), as the cluster shows it.
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
    hosts = [pod["status"]["podIP"] for pod in served.md.pods("worker")]
    find = (SCRIPTS / "replicas.py").read_text()
    direct = served.client.run_source(find, str(FIRST_PORT), str(LAST_PORT), *hosts).split()
    assert len(direct) == len(hosts), f"replicas found: {direct}"
    router = f"{served.md.name}.{served.md.namespace}.svc:80"
    speed = (SCRIPTS / "speed.py").read_text()
    text = served.client.run_source(speed, json.dumps(served.body), router, *direct, timeout=300)
    return Cost(json.loads(text))

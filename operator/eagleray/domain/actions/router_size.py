"""What a router Pod may use."""

from dataclasses import dataclass

from eagleray.api.units import parse_quantity

Amounts = tuple[tuple[str, str], ...]
REQUESTS: Amounts = (("cpu", "50m"), ("memory", "96Mi"))
LIMITS: Amounts = (("memory", "512Mi"),)


@dataclass(frozen=True, slots=True)
class RouterSize:
    """What Envoy's container of a router Pod is sure to get, and what it may use at most; resource → quantity.

    Attributes:
        requests: what it is sure to get.
        limits: what it may use; memory has a limit always, from which the router's bounds are reckoned.
    """

    requests: Amounts = REQUESTS
    limits: Amounts = LIMITS

    @property
    def memory(self) -> int:
        """The limit of memory, in bytes."""
        return int(parse_quantity(dict(self.limits)["memory"]))

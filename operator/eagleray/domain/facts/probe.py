"""The first requests to a revision."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """The outcome of the last probe of one incarnation: real requests sent to each replica and through the router.

    Attributes:
        incarnation: number of the Ray cluster that was asked.
        at: when it ended.
        failures: how many probes of it have failed in a row; 0 where all requests were answered.
        message: why the last one did.
    """

    incarnation: int
    at: datetime
    failures: int = 0
    message: str = ""

    @property
    def ok(self) -> bool:
        """Whether all requests were answered."""
        return self.failures == 0

"""The first requests to a revision."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """The outcome of the last probe of one incarnation: real requests sent to each replica and through the router."""

    revision: str
    incarnation: int
    ok: bool
    message: str

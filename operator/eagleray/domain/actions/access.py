"""Whom the routers of one ModelDeployment let in, and by what they know them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Access:
    """Who may ask; whoever reaches the router where nothing is said.

    Attributes:
        keys: the Secret with a key for each client; "" where nobody is known by a key.
    """

    keys: str = ""

    @property
    def asks(self) -> bool:
        """Whether those who ask must say who they are."""
        return bool(self.keys)

    @property
    def told(self) -> str:
        """By what clients are known, for people."""
        return f"the keys in Secret {self.keys}"

    @property
    def guarded(self) -> bool:
        """Whether router Pods mount what belongs to others; the operator's own requests then have a door of theirs."""
        return self.asks

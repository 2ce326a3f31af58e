"""What happened, one line an event, with virtual times; printed with the seed where something was wrong."""

import asyncio
import os
from collections import deque

_KEPT = 600


class ViolationError(AssertionError):
    """Something that must never be was; the message tells how it came."""


class Story:
    """The last events of one history.

    Args:
        seed: with PYTHONHASHSEED, which orders sets, all that is needed to have it again.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._events: deque[tuple[float, str, tuple[object, ...]]] = deque(maxlen=_KEPT)

    def tell(self, who: str, *words: object) -> None:
        """Note an event; its words are put together only if somebody reads them."""
        self._events.append((asyncio.get_running_loop().time(), who, words))

    def violation(self, what: str) -> ViolationError:
        return ViolationError(f"{what}\n\n{self}")

    def __str__(self) -> str:
        lines = (f"{time:9.3f}  {who:<11} {' '.join(map(str, words))}" for time, who, words in self._events)
        hashes = os.environ.get("PYTHONHASHSEED", "random: set it to have a history again")
        return f"seed {self.seed}, PYTHONHASHSEED {hashes}; what happened, with seconds since the start:\n" + "\n".join(
            lines
        )
